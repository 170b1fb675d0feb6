/**
 * The port behind which every `.tflite` runtime stands: on devices, and in the converter for calibration, proof and goldens.
 * Values go in and come out by position, in the file's own order, with the file's own dtypes.
 */
import type { ArrayDType, NdArray } from "@flotilla/protocol/nd-array";

export interface RuntimeTensor {
  readonly name: string;
  readonly dtype: ArrayDType;
  /** Sizes as the runtime holds them; dynamic sizes are already fixed. */
  readonly shape: readonly number[];
  /** Per-tensor quantization; null for a float tensor or where the runtime does not tell. */
  readonly quantization: { readonly scale: number; readonly zeroPoint: number } | null;
}

export interface LoadedModel {
  readonly inputs: readonly RuntimeTensor[];
  readonly outputs: readonly RuntimeTensor[];
  /**
   * One inference. `inputs` match {@link inputs} in count, dtype and element count, else CONFIG_INVALID.
   * The arrays returned are copies that the caller owns.
   */
  run(inputs: readonly NdArray[]): Promise<readonly NdArray[]>;
  /** Frees the model's memory in the runtime. Idempotent. */
  close(): void;
}

export interface TfliteRuntime {
  /** e.g. "litert" or "tflite". */
  readonly name: string;
  /** The package's version, e.g. "2.5.3". */
  readonly version: string;
  /** Which build runs, e.g. "wasm-simd": different builds give different last bits. */
  readonly build: string;
  /** Loads a model. Throws UNSUPPORTED_RUNTIME with the runtime's own message when it cannot. */
  load(model: Uint8Array): Promise<LoadedModel>;
}
