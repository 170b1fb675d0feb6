/**
 * LiteRT (`@litertjs/core`) in Node: today's runtime with XNNPACK, as browsers and phones run it.
 * Speaks to the module's own bindings rather than to the package's browser entry, which keeps one runtime per process and
 * passes only three dtypes; so here all dtypes of arrays work, int8, int16, bool and int64 too.
 *
 * - Order: inputs and outputs come in the file's order, also where the file has a signature that lists them otherwise
 *   (only their names there are the signature's; we report the tensors' own).
 * - Any number of outputs works; each costs its own buffer for the length of a run.
 * - Memory: one heap for all models of a runtime. MobileFaceNet, a file of 5.2 MB, takes 23 MB with packed weights and arena.
 * - Threads: a run is synchronous and single-threaded; runs of several models interleave only between runs.
 * - Some failures are silent: an unknown custom operator leaves uninitialised memory in the outputs and a line on stderr.
 *   Such lines make the call fail, and loading ends with two runs on zeros that must agree (not where a model keeps
 *   variables, as the runs would change them).
 */
import type { NdArray } from "@flotilla/protocol/nd-array";
import { allocateData, elementCount } from "@flotilla/protocol/npy";
import type { LoadedModel, RuntimeTensor, TfliteRuntime } from "../ports/tflite-runtime.ts";
import { type ModelInterface, readModelInterface } from "./model-interface.ts";
import { arrayFrom, bytesOf, checkInputs } from "./tensor-bytes.ts";
import { printedErrors, runtimeError, WasmHost, type WasmInstance, type WasmModule } from "./wasm-host.ts";

export type LitertBuild = "wasm-relaxed-simd" | "wasm-simd";

export interface LitertOptions {
  /** Default: relaxed SIMD where this machine's Node has it. "wasm-simd" is the fixed build: same bits on every CPU. */
  readonly build?: LitertBuild;
}

interface Deletable {
  delete(): void;
}
interface TensorType extends Deletable {
  bytes(): number;
}
interface TensorBuffer extends Deletable {
  lock(mode: unknown): number;
  unlock(): void;
  packedSize(): number;
  offset(): number;
}
interface Model extends Deletable {
  getNumSignatures(): number;
  getInputTensorType(signature: number, index: number): TensorType;
}
interface CompiledModel extends Deletable {
  run(signature: number, inputs: readonly TensorBuffer[]): TensorBuffer[] | Promise<TensorBuffer[]>;
}
type Environment = Deletable;
interface LitertModule extends WasmModule {
  setupLogging(): void;
  readonly LiteRtEnvironment: { create(device: null): Environment };
  loadModel(environment: Environment, pointer: number, bytes: number): Model;
  compileModel(environment: Environment, model: Model, options: unknown): CompiledModel | Promise<CompiledModel>;
  readonly LiteRtTensorBuffer: {
    createManaged(environment: Environment, kind: unknown, type: TensorType, bytes: number): TensorBuffer;
  };
  readonly LiteRtTensorBufferType: { readonly HOST_MEMORY: unknown };
  readonly LiteRtTensorBufferLockMode: { readonly READ: unknown; readonly WRITE: unknown };
}

const files: Readonly<Record<LitertBuild, string>> = {
  "wasm-relaxed-simd": "wasm/litert_wasm_internal",
  "wasm-simd": "wasm/litert_wasm_compat_internal",
};
/** (func (result v128) i32.const 1, i8x16.splat, i32.const 2, i8x16.splat, i8x16.relaxed_swizzle) */
const relaxedSimdProbe = Uint8Array.from(
  "0061736d010000000105016000017b030201000a0f010d004101fd0f4102fd0ffd80020b".match(/../g) ?? [],
  (pair) => Number.parseInt(pair, 16),
);
const compileOptions = {
  accelerator: "wasm",
  environment: {},
  cpuOptions: { numThreads: 1 },
  gpuOptions: {},
  webNNOptions: {},
};

/** A runtime of its own: its models share a heap with no other runtime's. Nothing is loaded before the first model is. */
export function createLitertRuntime(options: LitertOptions = {}): TfliteRuntime {
  const build = options.build ?? (WebAssembly.validate(relaxedSimdProbe) ? "wasm-relaxed-simd" : "wasm-simd");
  const host = new WasmHost<LitertModule>({
    packageName: "@litertjs/core",
    build: files[build],
    factory: "ModuleFactory",
  });
  const environments = new WeakMap<LitertModule, Environment>();
  return {
    name: "litert",
    version: host.version,
    build,
    async load(bytes) {
      const about = readModelInterface(bytes);
      const instance = await host.acquire();
      return instance.call("LiteRT cannot load the model", (log) => {
        let environment = environments.get(instance.module);
        if (environment === undefined) {
          instance.module.setupLogging();
          environment = instance.module.LiteRtEnvironment.create(null);
          environments.set(instance.module, environment);
        }
        return new LitertModel(instance, environment, bytes, about, log);
      });
    },
  };
}

class LitertModel implements LoadedModel {
  readonly inputs: readonly RuntimeTensor[];
  readonly outputs: readonly RuntimeTensor[];
  readonly #instance: WasmInstance<LitertModule>;
  readonly #environment: Environment;
  readonly #owned: Deletable[] = [];
  readonly #pointer: number;
  readonly #compiled: CompiledModel;
  readonly #inputTypes: readonly TensorType[];
  #closed = false;

  constructor(
    instance: WasmInstance<LitertModule>,
    environment: Environment,
    bytes: Uint8Array,
    about: ModelInterface,
    log: readonly string[],
  ) {
    const { module } = instance;
    this.inputs = about.inputs;
    this.outputs = about.outputs;
    this.#instance = instance;
    this.#environment = environment;
    this.#pointer = instance.place(bytes);
    try {
      const model = module.loadModel(environment, this.#pointer, bytes.length);
      this.#owned.push(model);
      if (model.getNumSignatures() === 0) throw runtimeError("LiteRT finds no signature in the model");
      const compiled = module.compileModel(environment, model, compileOptions);
      if (compiled instanceof Promise) throw runtimeError("this build of LiteRT compiles asynchronously");
      this.#owned.push(compiled);
      this.#compiled = compiled;
      this.#inputTypes = about.inputs.map((_, index) => model.getInputTensorType(0, index));
      this.#owned.push(...this.#inputTypes);
      if (printedErrors(log)) throw runtimeError("LiteRT cannot prepare the model", log);
      if (!about.hasVariables) this.#rehearse(log);
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) this.#free();
      throw error;
    }
    instance.retain();
  }

  async run(inputs: readonly NdArray[]): Promise<readonly NdArray[]> {
    if (this.#closed) throw runtimeError("the model is closed");
    checkInputs(this.inputs, inputs);
    return this.#instance.call("LiteRT cannot run the model", (log) => this.#infer(inputs, log));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#instance.release(() => this.#free());
  }

  /** Two runs on zeros: memory is allocated only in a run, and outputs that nobody writes differ between two. */
  #rehearse(log: readonly string[]): void {
    const zeros = this.inputs.map(({ dtype, shape }) => ({
      dtype,
      shape,
      data: allocateData(dtype, elementCount(shape)),
    }));
    const [first, second] = [this.#infer(zeros, log), this.#infer(zeros, log)];
    for (const [index, output] of first.entries()) {
      if (Buffer.compare(bytesOf(output), bytesOf(second[index]!)) === 0) continue;
      const { name } = this.outputs[index]!;
      throw runtimeError(`LiteRT gave two different answers to one input in ${name}: it does not really run the model`);
    }
  }

  #infer(inputs: readonly NdArray[], log: readonly string[]): NdArray[] {
    const buffers: TensorBuffer[] = [];
    try {
      for (const [index, input] of inputs.entries()) buffers.push(this.#place(input, index));
      const results = this.#compiled.run(0, buffers);
      if (results instanceof Promise) throw runtimeError("this build of LiteRT runs asynchronously");
      buffers.push(...results);
      if (printedErrors(log)) throw runtimeError("LiteRT failed while running the model", log);
      if (results.length !== this.outputs.length) {
        throw runtimeError(`LiteRT gives ${results.length} outputs, the file has ${this.outputs.length}`);
      }
      return results.map((buffer, index) => this.#take(buffer, this.outputs[index]!));
    } finally {
      for (const buffer of buffers) buffer.delete();
    }
  }

  #place(input: NdArray, index: number): TensorBuffer {
    const { module } = this.#instance;
    const type = this.#inputTypes[index]!;
    const bytes = bytesOf(input);
    if (type.bytes() !== bytes.length) {
      throw runtimeError(`LiteRT wants ${type.bytes()} bytes for ${this.inputs[index]?.name}, found ${bytes.length}`);
    }
    const buffer = module.LiteRtTensorBuffer.createManaged(
      this.#environment,
      module.LiteRtTensorBufferType.HOST_MEMORY,
      type,
      bytes.length,
    );
    module.HEAPU8.set(bytes, buffer.lock(module.LiteRtTensorBufferLockMode.WRITE));
    buffer.unlock();
    return buffer;
  }

  #take(buffer: TensorBuffer, tensor: RuntimeTensor): NdArray {
    const { module } = this.#instance;
    const start = buffer.lock(module.LiteRtTensorBufferLockMode.READ) + buffer.offset();
    try {
      return arrayFrom(tensor, module.HEAPU8.subarray(start, start + buffer.packedSize()));
    } finally {
      buffer.unlock();
    }
  }

  #free(): void {
    for (const owned of this.#owned.toReversed()) owned.delete();
    this.#owned.length = 0;
    this.#instance.module._free(this.#pointer);
  }
}
