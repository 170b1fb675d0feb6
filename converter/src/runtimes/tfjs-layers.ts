/**
 * TensorFlow.js LayersModels by tfjs-layers itself. Batches are cut so that the widest layer stays within bounds; every
 * tensor of a run is freed at its end.
 */
import type { NdArray } from "@flotilla/protocol/nd-array";
import { elementCount } from "@flotilla/protocol/npy";
import type * as Core from "@tensorflow/tfjs-core";
import type * as Layers from "@tensorflow/tfjs-layers";
import { checkInput, joinRows, misfit, sliceRows } from "./source-batches.ts";
import type { SourceModel, SourceRuntime, SourceTensor } from "./source-runtime.ts";
import { loadEngine, TfjsBackend, tfjsCannot, tfjsVersion, wasmBuild } from "./tfjs-engine.ts";

/** As the reader's `TfjsLayersContainer.artifacts()` gives it. */
export interface LayersSource {
  readonly modelTopology: Readonly<Record<string, unknown>>;
  readonly weightSpecs: readonly object[];
  /** Shards in order; together they are the weight data. */
  readonly weightData: readonly ArrayBuffer[];
}

const owner = "tfjs-layers";
/** Of activations, at the widest layer; the rest of a run needs about as much again. */
const batchBytes = 128 * 1024 * 1024;
const maxBatch = 256;

export function createTfjsLayersRuntime(): SourceRuntime<LayersSource> {
  return {
    name: owner,
    version: tfjsVersion("@tensorflow/tfjs-layers"),
    build: wasmBuild,
    async load(source) {
      const [core, layers] = await Promise.all([loadEngine(), import("@tensorflow/tfjs-layers")]);
      const backend = new TfjsBackend(core, owner);
      const model = await backend.run("cannot load the model", () => loadModel(core, layers, source));
      return new TfjsLayersModel(core, backend, model);
    },
  };
}

async function loadModel(core: typeof Core, layers: typeof Layers, source: LayersSource): Promise<Layers.LayersModel> {
  return layers.loadLayersModel({
    load: () =>
      Promise.resolve({
        modelTopology: source.modelTopology,
        weightSpecs: source.weightSpecs as Core.io.WeightsManifestEntry[],
        weightData: core.io.concatenateArrayBuffers([...source.weightData]),
      }),
  });
}

class TfjsLayersModel implements SourceModel {
  readonly inputs: readonly SourceTensor[];
  readonly outputs: readonly SourceTensor[];
  readonly #core: typeof Core;
  readonly #backend: TfjsBackend;
  readonly #model: Layers.LayersModel;
  #closed = false;

  constructor(core: typeof Core, backend: TfjsBackend, model: Layers.LayersModel) {
    this.#core = core;
    this.#backend = backend;
    this.#model = model;
    this.inputs = describe(model.inputs);
    this.outputs = describe(model.outputs);
  }

  get build(): string {
    return this.#backend.build;
  }

  async run(inputs: ReadonlyMap<string, NdArray>): Promise<ReadonlyMap<string, NdArray>> {
    if (this.#closed) throw tfjsCannot(owner, "cannot run a model that is closed");
    const arrays = this.inputs.map((tensor) => checkInput(owner, tensor, inputs.get(tensor.name), { anyBatch: true }));
    const samples = arrays[0]?.shape[0] ?? 0;
    if (arrays.some(({ shape }) => shape[0] !== samples))
      throw misfit(owner, "inputs have different numbers of samples");
    const batch = this.#batchSize();
    const fixed = this.inputs[0]?.shape[0] ?? -1;
    if (fixed > 0 && samples % fixed !== 0) throw misfit(owner, `samples must come by ${fixed}, found ${samples}`);
    const parts: (readonly NdArray[])[] = [];
    for (let start = 0; start < samples; start += batch) {
      const end = Math.min(start + batch, samples);
      parts.push(await this.#runBatch(arrays.map((array) => sliceRows(array, start, end))));
    }
    return new Map(
      this.outputs.map(({ name }, index) => [
        name,
        joinRows(
          owner,
          parts.map((part) => part[index]!),
        ),
      ]),
    );
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#model.dispose();
  }

  #runBatch(arrays: readonly NdArray[]): Promise<readonly NdArray[]> {
    const core = this.#core;
    return this.#backend.run("cannot run the model", async () =>
      core.tidy(() => {
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
      }),
    );
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
