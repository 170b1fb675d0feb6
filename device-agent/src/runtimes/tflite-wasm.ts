/**
 * The TFLite interpreter of 2023 with XNNPACK, from the WASM of `@tensorflow/tfjs-tflite`: plain SIMD, one thread.
 * THE FIXED BUILD: its bits do not depend on the CPU, so everything that ends up in a file (ranges, goldens, corrections)
 * is computed here. Also a stand-in for an old runtime in the field: operators newer than about TF 2.12 are refused.
 *
 * - Order: inputs and outputs come in the file's order and with the tensors' own names; signatures are ignored.
 * - Any number of outputs works, all activations too: they are views of the arena, copied after the run.
 * - Dtypes: float32, float64, int8, uint8, int16, int32 and bool go in and out; int64 and float16 are refused on loading.
 * - Memory: one heap for all models of a runtime. MobileFaceNet, a file of 5.2 MB, takes 29 MB with packed weights and arena.
 * - Models with variables or tables behind handles (VAR_HANDLE, HASHTABLE) are refused on loading.
 * - Threads: a run is synchronous and single-threaded; runs of several models interleave only between runs.
 */
import type { ArrayDType, NdArray } from "@flotilla/protocol/nd-array";
import type { LoadedModel, RuntimeTensor, TfliteRuntime } from "../ports/tflite-runtime.ts";
import { readModelInterface } from "./model-interface.ts";
import { arrayFrom, bytesOf, checkInputs } from "./tensor-bytes.ts";
import { printedErrors, runtimeError, WasmHost, type WasmInstance, type WasmModule } from "./wasm-host.ts";

/** One operator's time in the last run. */
export interface OperatorTime {
  /** The operator's kind, or "Delegate" where XNNPACK runs several at once. */
  readonly operator: string;
  readonly name: string;
  readonly ms: number;
}

export interface ProfiledModel extends LoadedModel {
  /** Empty unless the runtime was created with `profile: true`. */
  operatorTimes(): readonly OperatorTime[];
}

export interface ProfilingRuntime extends TfliteRuntime {
  load(model: Uint8Array): Promise<ProfiledModel>;
}

interface Deletable {
  delete(): void;
}
interface EmscriptenVector<T> extends Deletable {
  size(): number;
  get(index: number): T;
}
interface TensorInfo extends Deletable {
  readonly name: string;
  data(): NdArray["data"] | number;
}
interface ProfileItem {
  readonly nodeType: string;
  readonly nodeName: string;
  readonly nodeExecMs: number;
}
interface Runner extends Deletable {
  GetInputs(): EmscriptenVector<TensorInfo>;
  GetOutputs(): EmscriptenVector<TensorInfo>;
  Infer(): boolean;
  GetProfilingResults(): EmscriptenVector<ProfileItem>;
}
interface StatusOrRunner extends Deletable {
  ok(): boolean;
  errorMessage(): string;
  value(): Runner;
}
interface TfliteModule extends WasmModule {
  readonly TFLiteWebModelRunner: {
    CreateFromBufferAndOptions(pointer: number, bytes: number, options: unknown): StatusOrRunner;
  };
}

const refusedDtypes: ReadonlySet<ArrayDType> = new Set(["int64", "float16", "uint16", "uint32"]);
/** More than any model has operators that are timed one by one. */
const maxProfilingBufferEntries = 16_384;

/** A runtime of its own: its models share a heap with no other runtime's. Nothing is loaded before the first model is. */
export function createTfliteRuntime(options: { readonly profile?: boolean } = {}): ProfilingRuntime {
  const host = new WasmHost<TfliteModule>({
    packageName: "@tensorflow/tfjs-tflite",
    build: "wasm/tflite_web_api_cc_simd",
    factory: "tflite_web_api_ModuleFactory",
  });
  const runnerOptions = { numThreads: 1, enableProfiling: options.profile ?? false, maxProfilingBufferEntries };
  return {
    name: "tflite",
    version: host.version,
    build: "wasm-simd",
    async load(bytes) {
      const { inputs, outputs, hasResources, hasOffsetBuffers } = readModelInterface(bytes);
      if (hasOffsetBuffers) throw runtimeError("this TFLite runtime knows no constants behind the flatbuffer");
      // What comes of them has a size that only the run tells, and the views handed over stay zeros (measured).
      if (hasResources) throw runtimeError("this TFLite runtime answers zeros for models with variables or tables");
      for (const { name, dtype } of [...inputs, ...outputs]) {
        if (refusedDtypes.has(dtype)) throw runtimeError(`this TFLite runtime does not hand over ${dtype} (${name})`);
      }
      const instance = await host.acquire();
      return instance.call(
        "TFLite cannot load the model",
        (log) => new TfliteModel(instance, bytes, inputs, outputs, runnerOptions, log),
      );
    },
  };
}

class TfliteModel implements ProfiledModel {
  readonly inputs: readonly RuntimeTensor[];
  readonly outputs: readonly RuntimeTensor[];
  readonly #instance: WasmInstance<TfliteModule>;
  readonly #owned: Deletable[] = [];
  readonly #pointer: number;
  readonly #runner: Runner;
  readonly #inputInfos: readonly TensorInfo[];
  readonly #outputInfos: readonly TensorInfo[];
  #closed = false;

  constructor(
    instance: WasmInstance<TfliteModule>,
    bytes: Uint8Array,
    inputs: readonly RuntimeTensor[],
    outputs: readonly RuntimeTensor[],
    options: { readonly enableProfiling: boolean },
    log: readonly string[],
  ) {
    this.inputs = inputs;
    this.outputs = outputs;
    this.#instance = instance;
    this.#pointer = instance.place(bytes);
    try {
      const made = instance.module.TFLiteWebModelRunner.CreateFromBufferAndOptions(
        this.#pointer,
        bytes.length,
        options,
      );
      this.#owned.push(made);
      if (!made.ok()) throw runtimeError(`TFLite cannot load the model: ${made.errorMessage()}`, log);
      this.#runner = made.value();
      this.#owned.push(this.#runner);
      if (printedErrors(log)) throw runtimeError("TFLite cannot prepare the model", log);
      this.#inputInfos = this.#list(this.#runner.GetInputs(), inputs, "inputs");
      this.#outputInfos = this.#list(this.#runner.GetOutputs(), outputs, "outputs");
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) this.#free();
      throw error;
    }
    instance.retain();
  }

  async run(inputs: readonly NdArray[]): Promise<readonly NdArray[]> {
    if (this.#closed) throw runtimeError("the model is closed");
    checkInputs(this.inputs, inputs);
    return this.#instance.call("TFLite cannot run the model", (log) => {
      for (const [index, input] of inputs.entries()) this.#view(this.#inputInfos[index]!).set(bytesOf(input));
      const done = this.#runner.Infer();
      if (!done || printedErrors(log)) throw runtimeError("TFLite failed while running the model", log);
      return this.outputs.map((tensor, index) => arrayFrom(tensor, this.#view(this.#outputInfos[index]!)));
    });
  }

  operatorTimes(): readonly OperatorTime[] {
    if (this.#closed) throw runtimeError("the model is closed");
    return this.#instance.call("TFLite cannot tell its times", () => {
      const items = this.#runner.GetProfilingResults();
      try {
        return Array.from({ length: items.size() }, (_, index) => {
          const { nodeType, nodeName, nodeExecMs } = items.get(index);
          return { operator: nodeType, name: nodeName, ms: nodeExecMs };
        });
      } finally {
        items.delete();
      }
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#instance.release(() => this.#free());
  }

  /** Handles of tensors stay good for the runner's life; their data may move when memory grows. */
  #list(vector: EmscriptenVector<TensorInfo>, expected: readonly RuntimeTensor[], what: string): TensorInfo[] {
    const infos = Array.from({ length: vector.size() }, (_, index) => vector.get(index));
    this.#owned.push(...infos);
    vector.delete();
    if (infos.length !== expected.length || infos.some(({ name }, index) => name !== expected[index]?.name)) {
      throw runtimeError(`TFLite names other ${what} than the file: ${infos.map(({ name }) => name).join(", ")}`);
    }
    return infos;
  }

  #view(info: TensorInfo): Uint8Array {
    const data = info.data();
    if (typeof data === "number") throw runtimeError(`TFLite does not hand over ${info.name}`);
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }

  #free(): void {
    for (const owned of this.#owned.toReversed()) owned.delete();
    this.#owned.length = 0;
    this.#instance.module._free(this.#pointer);
  }
}
