/**
 * TensorFlow.js LayersModels by tfjs-layers itself, on the WASM backend: plain SIMD, one thread (74 ms where the CPU
 * backend takes 966, MobileNetV2). A model with an operator that has no WASM kernel moves to the CPU backend as a whole.
 * tfjs has one engine per process, so all work waits for its turn; every tensor of a run is freed at its end.
 * Loads nothing of tfjs before the first model, and nothing from the network ever.
 */
import { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { elementCount } from "@flotilla/protocol/npy";
import type * as Core from "@tensorflow/tfjs-core";
import type * as Layers from "@tensorflow/tfjs-layers";
import type { SourceModel, SourceRuntime, SourceTensor } from "./source-runtime.ts";

/** As the reader's `TfjsLayersContainer.artifacts()` gives it. */
export interface LayersSource {
  readonly modelTopology: Readonly<Record<string, unknown>>;
  readonly weightSpecs: readonly object[];
  /** Shards in order; together they are the weight data. */
  readonly weightData: readonly ArrayBuffer[];
}

interface Tfjs {
  readonly core: typeof Core;
  readonly layers: typeof Layers;
}

const wasmBuild = "wasm-simd";
/** Of activations, at the widest layer; the rest of a run needs about as much again. */
const batchBytes = 128 * 1024 * 1024;
const maxBatch = 256;

export function createTfjsLayersRuntime(): SourceRuntime<LayersSource> {
  const manifest: { version: string } = createRequire(import.meta.url)("@tensorflow/tfjs-layers/package.json");
  return {
    name: "tfjs-layers",
    version: manifest.version,
    build: wasmBuild,
    async load(source) {
      const tfjs = await loadTfjs();
      return inTurn(async () => {
        await useBackend(tfjs, "wasm");
        return new TfjsLayersModel(tfjs, await loadModel(tfjs, source));
      });
    },
  };
}

let loading: Promise<Tfjs> | undefined;

function loadTfjs(): Promise<Tfjs> {
  loading ??= (async () => {
    const [core, layers, wasm] = await Promise.all([
      import("@tensorflow/tfjs-core"),
      import("@tensorflow/tfjs-layers"),
      import("@tensorflow/tfjs-backend-wasm"),
      import("@tensorflow/tfjs-backend-cpu"),
    ]);
    core.enableProdMode();
    const manifest = createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm/package.json");
    wasm.setWasmPaths(join(dirname(manifest), "wasm-out") + sep);
    wasm.setThreadsCount(1);
    return { core, layers };
  })();
  return loading;
}

let lastTurn: Promise<unknown> = Promise.resolve();

/** tfjs keeps the backend in use in a global: nothing may run between choosing one and using it. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const turn = lastTurn.then(work);
  lastTurn = turn.catch(() => undefined);
  return turn;
}

async function useBackend({ core }: Tfjs, backend: string): Promise<void> {
  if (!(await core.setBackend(backend))) throw cannot(`has no ${backend} backend here`);
}

async function loadModel({ core, layers }: Tfjs, source: LayersSource): Promise<Layers.LayersModel> {
  try {
    return await layers.loadLayersModel({
      load: () =>
        Promise.resolve({
          modelTopology: source.modelTopology,
          weightSpecs: source.weightSpecs as Core.io.WeightsManifestEntry[],
          weightData: core.io.concatenateArrayBuffers([...source.weightData]),
        }),
    });
  } catch (cause) {
    throw cannot("cannot load the model", cause);
  }
}

class TfjsLayersModel implements SourceModel {
  readonly inputs: readonly SourceTensor[];
  readonly outputs: readonly SourceTensor[];
  readonly #tfjs: Tfjs;
  readonly #model: Layers.LayersModel;
  #missingKernel: string | undefined;
  #closed = false;

  constructor(tfjs: Tfjs, model: Layers.LayersModel) {
    this.#tfjs = tfjs;
    this.#model = model;
    this.inputs = describe(model.inputs);
    this.outputs = describe(model.outputs);
  }

  get build(): string {
    return this.#missingKernel === undefined ? wasmBuild : `cpu (no WASM kernel ${this.#missingKernel})`;
  }

  async run(inputs: ReadonlyMap<string, NdArray>): Promise<ReadonlyMap<string, NdArray>> {
    if (this.#closed) throw cannot("cannot run a model that is closed");
    const arrays = this.inputs.map((tensor) => checkInput(tensor, inputs.get(tensor.name)));
    const samples = arrays[0]?.shape[0] ?? 0;
    if (arrays.some(({ shape }) => shape[0] !== samples)) throw misfit("inputs have different numbers of samples");
    const batch = this.#batchSize();
    const fixed = this.inputs[0]?.shape[0] ?? -1;
    if (fixed > 0 && samples % fixed !== 0) throw misfit(`samples must come by ${fixed}, found ${samples}`);
    const parts: (readonly NdArray[])[] = [];
    for (let start = 0; start < samples; start += batch) {
      const end = Math.min(start + batch, samples);
      parts.push(await this.#runBatch(arrays.map((array) => slice(array, start, end))));
    }
    return new Map(this.outputs.map(({ name }, index) => [name, join0(parts.map((part) => part[index]!))]));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#model.dispose();
  }

  #runBatch(arrays: readonly NdArray[]): Promise<readonly NdArray[]> {
    return inTurn(async () => {
      try {
        return await this.#predict(arrays);
      } catch (cause) {
        const missing = /Kernel '(\w+)' not registered/.exec(cause instanceof Error ? cause.message : "")?.[1];
        if (missing === undefined || this.#missingKernel !== undefined) throw cannot("cannot run the model", cause);
        this.#missingKernel = missing;
        return this.#predict(arrays);
      }
    });
  }

  async #predict(arrays: readonly NdArray[]): Promise<readonly NdArray[]> {
    const { core } = this.#tfjs;
    await useBackend(this.#tfjs, this.#missingKernel === undefined ? "wasm" : "cpu");
    return core.tidy(() => {
      const tensors = arrays.map(({ data, shape, dtype }) =>
        core.tensor(data as Float32Array, [...shape], dtype as "float32"),
      );
      const results = this.#model.predictOnBatch(tensors);
      // A copy: a backend may hand out a view of its own memory.
      return (Array.isArray(results) ? results : [results]).map((tensor) => ({
        dtype: "float32",
        shape: tensor.shape,
        data: core.cast(tensor, "float32").dataSync<"float32">().slice(),
      }));
    });
  }

  /** Samples per call, so that the widest layer's activations stay within bounds. */
  #batchSize(): number {
    const fixed = this.inputs[0]?.shape[0] ?? -1;
    if (fixed > 0) return fixed;
    const shapes = this.#model.layers.flatMap(({ outputShape }) => nested(outputShape));
    if (shapes.some((shape) => shape.slice(1).includes(null))) return 1;
    const widest = Math.max(1, ...shapes.map((shape) => elementCount(shape.slice(1).map((size) => size ?? 1))));
    return Math.min(maxBatch, Math.max(1, Math.floor(batchBytes / (widest * 4))));
  }
}

type LayerShape = readonly (number | null)[];

/** A layer with several outputs has a list of shapes. */
function nested(shape: LayerShape | readonly LayerShape[]): LayerShape[] {
  const sizes: (number | null)[] = [];
  const lists: LayerShape[] = [];
  for (const item of shape) {
    if (item === null || typeof item === "number") sizes.push(item);
    else lists.push(item);
  }
  return lists.length > 0 ? lists : [sizes];
}

/** tfjs names outputs by layer; a layer that gives several has a number added from the second on, as the reader does. */
function describe(tensors: readonly Layers.SymbolicTensor[]): SourceTensor[] {
  const taken = new Map<string, number>();
  return tensors.map(({ shape, dtype, sourceLayer }) => {
    const { name } = sourceLayer;
    const uses = taken.get(name) ?? 0;
    taken.set(name, uses + 1);
    return {
      name: uses === 0 ? name : `${name}_${uses}`,
      dtype: dtype === "int32" || dtype === "bool" ? dtype : "float32",
      shape: shape.map((size) => size ?? -1),
    };
  });
}

function checkInput(tensor: SourceTensor, array: NdArray | undefined): NdArray {
  if (array === undefined) throw misfit(`input ${tensor.name} is missing`);
  const fits =
    array.dtype === tensor.dtype &&
    array.shape.length === tensor.shape.length &&
    array.data.length === elementCount(array.shape) &&
    tensor.shape.every((size, axis) => axis === 0 || size === -1 || size === array.shape[axis]);
  if (fits) return array;
  const expected = `${tensor.dtype} [${tensor.shape.join(", ")}]`;
  throw misfit(`input ${tensor.name} takes ${expected}, found ${array.dtype} [${array.shape.join(", ")}]`);
}

function slice({ dtype, shape, data }: NdArray, start: number, end: number): NdArray {
  const size = elementCount(shape.slice(1));
  return { dtype, shape: [end - start, ...shape.slice(1)], data: data.subarray(start * size, end * size) };
}

/** Batches laid end to end along the first axis. */
function join0(parts: readonly NdArray[]): NdArray {
  const first = parts[0];
  if (first === undefined) throw misfit("there is no sample");
  if (parts.length === 1) return first;
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  let filled = 0;
  for (const part of parts) {
    data.set(part.data as Float32Array, filled);
    filled += part.data.length;
  }
  const samples = parts.reduce((sum, part) => sum + part.shape[0]!, 0);
  return { dtype: first.dtype, shape: [samples, ...first.shape.slice(1)], data };
}

function misfit(message: string): FlotillaError {
  return new FlotillaError("CONFIG_INVALID", `tfjs-layers: ${message}.`);
}

function cannot(what: string, cause?: unknown): FlotillaError {
  const words = cause instanceof Error ? `: ${cause.message}` : "";
  return new FlotillaError("UNSUPPORTED_RUNTIME", `tfjs-layers ${what}${words}.`, { cause });
}
