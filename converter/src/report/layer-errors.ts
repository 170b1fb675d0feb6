/**
 * What each layer of a quantized graph gets wrong, and how much of it is its own. On every sample
 *
 *     q - f = (y' - y″) + the rest          f: float graph, q: quantized graph, y', y″: `probe-model.ts`
 *
 * exactly, element by element: the first part is the layer's own error, the rest came in with its inputs.
 * Runs two models in the fixed build: the probe, which gives f, y' and y″ of all layers at once, and the quantized graph.
 */
import type { TfliteRuntime } from "@flotilla/device-agent/ports/tflite-runtime";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { byteSize, type Graph, type Model, type Tensor, type TensorId, tensorOf } from "../ir/graph.ts";
import { decibels } from "../prove/decibels.ts";
import type { AffineParameters, Range } from "../quantize/scales.ts";
import type { Sample } from "../runtimes/source-truth.ts";
import { tapActivations } from "../runtimes/tap-activations.ts";
import type { Pairs } from "./pairs.ts";
import { type ProbedLayer, probeModel } from "./probe-model.ts";
import { type Spread, SpreadMeter } from "./value-spread.ts";

/** Values held at a time, while the quantized graph is run on the same samples. */
const heldBytes = 256 * 2 ** 20;

/** Sums of squares over all finite values, and what they say in dB (null: identical). */
export interface ErrorShares {
  readonly sqnrDb: number | null;
  /** null where the layer cannot be taken out of its graph. */
  readonly own: { readonly sqnrDb: number | null; readonly power: number } | null;
  readonly inherited: { readonly sqnrDb: number | null; readonly power: number } | null;
}

export interface LayerErrors extends ErrorShares {
  readonly tensor: TensorId;
  readonly spread: Spread;
  /** How many of its integers the quantized graph gave at least once; null for floats. */
  readonly levelsUsed: number | null;
}

export interface LayerErrorsRequest {
  readonly float: Model;
  readonly quantized: Model;
  readonly pairs: Pairs;
  /** In the order of the float graph's inputs. */
  readonly samples: readonly Sample[];
  /** The same in that of the quantized graph's, where it differs. */
  readonly reordered?: (sample: Sample) => Sample;
  readonly runtime: TfliteRuntime;
  readonly progress?: (done: number, total: number) => void;
}

interface Sums {
  signal: number;
  total: number;
  own: number;
  inherited: number;
  values: number;
}

/** Of one layer and sample; what is no longer needed goes. */
interface Held {
  truth?: Float32Array;
  /** y', and then y' - y″. */
  made?: Float32Array;
  reference?: Float32Array;
}

/** In the order of the float graph, inputs first. @throws UNSUPPORTED_RUNTIME when the runtime cannot load one of the two */
export async function layerErrors(request: LayerErrorsRequest): Promise<LayerErrors[]> {
  const { float, quantized, pairs, samples, runtime, reordered = (sample) => sample } = request;
  const [before] = float.graphs;
  const [after] = quantized.graphs;
  const probe = probeModel(float, quantized, pairs);
  const [probed] = probe.model.graphs;
  if (!before || !after || !probed) return [];
  const states = probe.layers.map((layer) => new LayerState(layer, probed, after, pairs.get(layer.truth)));
  const inputs = new Set(before.inputs);
  const taps = new Set(states.flatMap(({ layer }) => tapsOf(layer, inputs)));
  const twins = new Map(
    states.flatMap((state) =>
      state.twin === undefined || after.inputs.includes(state.twin.id) ? [] : [[state.twin.id, state] as const],
    ),
  );
  const sampleBytes = states.reduce((sum, { layer }) => sum + 2 * bytesOf(before, layer.truth), 1);
  const chunk = Math.max(1, Math.floor(heldBytes / sampleBytes));
  const readers = new Map<TensorId, LayerState[]>();
  for (const state of states)
    for (const id of tapsOf(state.layer, new Set())) readers.set(id, [...(readers.get(id) ?? []), state]);
  let done = 0;
  const progress = () => request.progress?.(++done, 2 * samples.length);
  for (let start = 0; start < samples.length; start += chunk) {
    const part = samples.slice(start, start + chunk);
    const held = new Map<LayerState, Held[]>();
    const heldOf = (state: LayerState, sample: number): Held => {
      const list = held.get(state) ?? part.map(() => ({}));
      held.set(state, list);
      return list[sample] ?? {};
    };
    const see = (id: TensorId, sample: number, values: Float32Array) => {
      for (const state of readers.get(id) ?? []) state.see(id, heldOf(state, sample), values);
    };
    await tapActivations({
      model: probe.model,
      runtime,
      tensors: [...taps],
      samples: { count: part.length, sample: async (index) => part[index] ?? [] },
      visitSample: (sample, index) => {
        for (const [at, id] of before.inputs.entries()) {
          const value = sample[at];
          if (value) see(id, index, realsOf(value, null));
        }
        progress();
      },
      visit: (id, index, value) => see(id, index, realsOf(value, perTensor(tensorOf(probed, id)))),
    });
    for (const [state, list] of held) for (const one of list) state.settleOwn(one);
    await tapActivations({
      model: quantized,
      runtime,
      tensors: [...twins.keys()],
      samples: { count: part.length, sample: async (index) => reordered(part[index] ?? []) },
      visitSample: progress,
      visit: (id, index, value) => {
        const state = twins.get(id);
        if (state) state.settleTotal(heldOf(state, index), value);
      },
    });
  }
  return states.map((state) => state.result());
}

function tapsOf({ truth, own }: ProbedLayer, inputs: ReadonlySet<TensorId>): TensorId[] {
  const all = own ? [truth, own.made, own.reference, ...own.siblings] : [truth];
  return all.filter((id, at) => !inputs.has(id) && all.indexOf(id) === at);
}

const bytesOf = (graph: Graph, id: TensorId): number =>
  byteSize(
    "float32",
    tensorOf(graph, id).shape.map((size) => Math.max(size, 1)),
  );

function perTensor({ quantization }: Tensor): AffineParameters | null {
  const [scale, ...more] = quantization?.scales ?? [];
  return scale === undefined || more.length > 0 ? null : { scale, zeroPoint: quantization?.zeroPoints[0] ?? 0 };
}

/** In float32, as DEQUANTIZE makes them: what only moves values then has no error at all. */
function realsOf({ data }: NdArray, parameters: AffineParameters | null): Float32Array {
  if (data instanceof Float32Array) return data;
  const reals = new Float32Array(data.length);
  const { scale = 1, zeroPoint = 0 } = parameters ?? {};
  for (let at = 0; at < reals.length; at++) reals[at] = (Number(data[at]) - zeroPoint) * scale;
  return reals;
}

const limits = { int8: [-128, 127], uint8: [0, 255], int16: [-32_768, 32_767] } as const;

/** The reals that a tensor's integers can hold; null for floats and for several scales. */
export function representableOf({ dtype, quantization }: Tensor): Range | null {
  const [scale, ...more] = quantization?.scales ?? [];
  if (scale === undefined || more.length > 0) return null;
  if (dtype !== "int8" && dtype !== "uint8" && dtype !== "int16") return null;
  const [low, high] = limits[dtype];
  const zeroPoint = quantization?.zeroPoints[0] ?? 0;
  return { min: (low - zeroPoint) * scale, max: (high - zeroPoint) * scale };
}

/** How many integers a tensor's dtype has. */
const levelsOf = ({ dtype }: Tensor): number => (dtype === "int16" ? 65_536 : 256);

class LayerState {
  readonly layer: ProbedLayer;
  readonly twin: Tensor | undefined;
  readonly #spread: SpreadMeter;
  readonly #levels: Uint8Array | null;
  readonly #reals: AffineParameters | null;
  readonly #sums: Sums = { signal: 0, total: 0, own: 0, inherited: 0, values: 0 };
  readonly #isInput: boolean;

  constructor(layer: ProbedLayer, probed: Graph, after: Graph, twin: TensorId | undefined) {
    this.layer = layer;
    this.twin = twin === undefined ? undefined : tensorOf(after, twin);
    const bounds = this.twin ? representableOf(this.twin) : null;
    this.#spread = new SpreadMeter(bounds);
    this.#levels = bounds && this.twin ? new Uint8Array(levelsOf(this.twin)) : null;
    this.#reals = this.twin ? perTensor(this.twin) : null;
    this.#isInput = probed.inputs.includes(layer.truth);
  }

  see(id: TensorId, held: Held, values: Float32Array): void {
    if (id === this.layer.truth) {
      held.truth = values;
      this.#spread.add(values);
    }
    if (id === this.layer.own?.reference) held.reference = values;
    if (id === this.layer.own?.made) held.made = values;
  }

  /** y' - y″ takes the place of both; of an input there is nothing else. */
  settleOwn(held: Held): void {
    const { truth, made, reference } = held;
    if (!truth || !made || !reference) return;
    const own = new Float32Array(truth.length);
    let noise = 0;
    for (let at = 0; at < own.length; at++) {
      const difference = (made[at] ?? 0) - (reference[at] ?? 0);
      own[at] = difference;
      if (difference - difference === 0) noise += difference * difference;
    }
    this.#sums.own += noise;
    if (this.#isInput) this.#addTotal(truth, made, own);
    held.made = own;
    delete held.reference;
  }

  settleTotal(held: Held, value: NdArray): void {
    const { truth, made } = held;
    if (!truth || this.#isInput) return;
    const levels = this.#levels;
    const { data } = value;
    if (levels && !(data instanceof BigInt64Array))
      for (let at = 0; at < data.length; at++) levels[(data[at] ?? 0) & (levels.length - 1)] = 1;
    this.#addTotal(truth, realsOf(value, this.#reals), made);
    delete held.truth;
    delete held.made;
  }

  #addTotal(truth: Float32Array, quantized: Float32Array, own: Float32Array | undefined): void {
    let [signal, total, inherited, values] = [0, 0, 0, 0];
    for (let at = 0; at < truth.length; at++) {
      const wanted = truth[at] ?? 0;
      const error = (quantized[at] ?? 0) - wanted;
      if (error - error !== 0) continue;
      signal += wanted * wanted;
      total += error * error;
      values++;
      const rest = own ? error - (own[at] ?? 0) : 0;
      inherited += rest * rest;
    }
    const sums = this.#sums;
    sums.signal += signal;
    sums.total += total;
    sums.inherited += inherited;
    sums.values += values;
  }

  result(): LayerErrors {
    const { signal, total, own, inherited, values } = this.#sums;
    const part = (noise: number) =>
      this.layer.own === null ? null : { sqnrDb: decibels(signal, noise), power: values === 0 ? 0 : noise / values };
    return {
      tensor: this.layer.truth,
      sqnrDb: decibels(signal, total),
      own: part(own),
      inherited: part(this.#isInput ? 0 : inherited),
      spread: this.#spread.result(),
      levelsUsed: this.#levels && !this.#isInput ? this.#levels.reduce((sum, used) => sum + used, 0) : null,
    };
  }
}
