/**
 * What a conversion is proven against: the source model in its own runtime, or recorded outputs, behind one face that
 * takes and gives arrays in the order of the graph's inputs and outputs.
 */
import type { LoadedModel, TfliteRuntime } from "@flotilla/device-agent/ports/tflite-runtime";
import { asFlotillaError, FlotillaError } from "@flotilla/protocol/errors";
import type { NdArray } from "@flotilla/protocol/nd-array";
import type { Model, TensorId } from "../ir/graph.ts";
import { fixedCopy } from "./fixed-copy.ts";
import { createTfjsLayersRuntime, type LayersSource } from "./tfjs-layers.ts";

/** One sample: arrays in the order of the graph's inputs, or outputs. */
export type Sample = readonly NdArray[];

export interface SourceTruth {
  /** e.g. "tfjs-layers 4.22.0 (wasm-simd)". */
  readonly label: string;
  /** The outputs of every sample. */
  run(samples: readonly Sample[]): Promise<readonly Sample[]>;
  /** Sources that are `.tflite` files themselves: the answers of every runtime that runs them, by its name. */
  readonly byRuntime?: ReadonlyMap<string, Pick<SourceTruth, "label" | "run">>;
  close(): void;
}

export const runtimeLabel = (runtime: { name: string; version: string; build: string }): string =>
  `${runtime.name} ${runtime.version} (${runtime.build})`;

/** A LayersModel in tfjs itself; names of inputs and outputs are those of the model's signature. */
export async function layersTruth(source: LayersSource, model: Model): Promise<SourceTruth> {
  const runtime = createTfjsLayersRuntime();
  const loaded = await runtime.load(source).catch(unavailable);
  const nameOf = (ends: readonly { name: string; tensor: TensorId }[], id: TensorId) =>
    ends.find((end) => end.tensor === id)?.name ?? "";
  const [graph] = model.graphs;
  const [signature] = model.signatures;
  const inputs = (graph?.inputs ?? []).map((id) => nameOf(signature?.inputs ?? [], id));
  const outputs = (graph?.outputs ?? []).map((id) => nameOf(signature?.outputs ?? [], id));
  return {
    label: runtimeLabel({ ...runtime, build: loaded.build }),
    run: async (samples) => {
      if (samples.length === 0) return [];
      const stacked = new Map(inputs.map((name, at) => [name, stack(samples.map((sample) => sample[at]))]));
      const results = await loaded.run(stacked);
      return samples.map((_, index) =>
        outputs.map((name) => {
          const result = results.get(name);
          if (result) return rowOf(result, index, samples.length);
          throw new FlotillaError("PROOF_UNAVAILABLE", `tfjs-layers gives no output "${name}".`);
        }),
      );
    },
    close: () => loaded.close(),
  };
}

/** The original `.tflite` in every runtime that loads it; the first answers for all. */
export async function tfliteTruth(bytes: Uint8Array, runtimes: readonly TfliteRuntime[]): Promise<SourceTruth> {
  const refusals: string[] = [];
  const loaded: { readonly runtime: TfliteRuntime; readonly model: AnySizes }[] = [];
  for (const runtime of runtimes) {
    try {
      loaded.push({ runtime, model: new AnySizes(runtime, bytes, await runtime.load(bytes)) });
    } catch (thrown) {
      refusals.push(`${runtime.name}: ${asFlotillaError(thrown).message}`);
    }
  }
  const byRuntime = new Map(
    loaded.map(({ runtime, model }) => [runtime.name, { label: runtimeLabel(runtime), run: model.run }]),
  );
  const [first] = byRuntime.values();
  if (first) return { ...first, byRuntime, close: () => loaded.forEach(({ model }) => void model.close()) };
  throw new FlotillaError("PROOF_UNAVAILABLE", `No runtime here runs the source. ${refusals.join(" ")}`, {
    details: { refusals },
  });
}

/** Runtimes take a dynamic size as 1: samples of other sizes run in a copy of the file that has theirs. */
class AnySizes {
  readonly #runtime: TfliteRuntime;
  readonly #bytes: Uint8Array;
  readonly #own: LoadedModel;
  #fixed: { readonly key: string; readonly model: LoadedModel } | undefined;

  constructor(runtime: TfliteRuntime, bytes: Uint8Array, own: LoadedModel) {
    this.#runtime = runtime;
    this.#bytes = bytes;
    this.#own = own;
  }

  readonly run = async (samples: readonly Sample[]): Promise<readonly Sample[]> => {
    const results: Sample[] = [];
    for (const sample of samples) results.push(await (await this.#modelFor(sample)).run(sample));
    return results;
  };

  async #modelFor(sample: Sample): Promise<LoadedModel> {
    const shapes = sample.map(({ shape }) => shape);
    const key = JSON.stringify(shapes);
    if (key === JSON.stringify(this.#own.inputs.map(({ shape }) => shape))) return this.#own;
    if (this.#fixed?.key !== key) {
      this.#fixed?.model.close();
      this.#fixed = undefined;
      this.#fixed = { key, model: await this.#runtime.load(fixedCopy(this.#bytes, shapes)) };
    }
    return this.#fixed.model;
  }

  close(): void {
    this.#fixed?.model.close();
    this.#own.close();
  }
}

function stack(arrays: readonly (NdArray | undefined)[]): NdArray {
  const [first] = arrays;
  if (!(first?.data instanceof Float32Array)) {
    throw new FlotillaError("PROOF_UNAVAILABLE", `tfjs-layers takes float32 inputs here, found ${first?.dtype}.`);
  }
  const data = new Float32Array(first.data.length * arrays.length);
  for (const [at, array] of arrays.entries()) {
    if (array?.data instanceof Float32Array) data.set(array.data, at * first.data.length);
  }
  const [batch = 1, ...rest] = first.shape;
  return { dtype: "float32", shape: [arrays.length * batch, ...rest], data };
}

function rowOf({ dtype, shape, data }: NdArray, index: number, count: number): NdArray {
  const size = data.length / count;
  const [whole = count, ...rest] = shape;
  return { dtype, shape: [whole / count, ...rest], data: data.slice(index * size, (index + 1) * size) };
}

function unavailable(thrown: unknown): never {
  const cause = asFlotillaError(thrown);
  throw new FlotillaError("PROOF_UNAVAILABLE", `The source cannot be run: ${cause.message}`, { cause });
}
