/**
 * The port behind which runtimes of source formats stand: what a converted model is proven against.
 * Unlike devices' runtimes they take whole batches, and name inputs and outputs as the readers of their format do.
 */
import type { ArrayDType, NdArray } from "@flotilla/protocol/nd-array";

export interface SourceTensor {
  readonly name: string;
  readonly dtype: ArrayDType;
  /** -1 is a dynamic size; the first axis is the batch. */
  readonly shape: readonly number[];
}

export interface SourceModel {
  readonly inputs: readonly SourceTensor[];
  readonly outputs: readonly SourceTensor[];
  /** What ran so far, e.g. "wasm-simd", or "cpu (no WASM kernel Foo)" once a run needed that. */
  readonly build: string;
  /**
   * Outputs by name, in the model's order, for a batch of any size: first axis = sample.
   * @throws CONFIG_INVALID for inputs that do not fit, UNSUPPORTED_RUNTIME with the runtime's words when it cannot run
   */
  run(inputs: ReadonlyMap<string, NdArray>): Promise<ReadonlyMap<string, NdArray>>;
  /** Frees the model's memory in the runtime. Idempotent. */
  close(): void;
}

/** `Source` is what the format's reader has in memory. */
export interface SourceRuntime<Source> {
  readonly name: string;
  readonly version: string;
  /** The build that models run on unless they cannot. */
  readonly build: string;
  /** @throws UNSUPPORTED_RUNTIME with the runtime's own message when it cannot load the model */
  load(source: Source): Promise<SourceModel>;
}
