/**
 * What rounding did to a layer's trained numbers: their histogram, how far their channels are apart, what the integers use
 * of their levels, and the error against the float constant where that is known.
 */
import { type Graph, type Node, type Tensor, tensorOf } from "../ir/graph.ts";
import { opOf } from "../ops/registry.ts";
import { decibels } from "../prove/decibels.ts";
import { type StoredValues, storedValues } from "./stored-values.ts";
import { type Bars, SpreadMeter } from "./value-spread.ts";

/** Channels drawn: that many of them, evenly spread over all in order of size. */
const drawn = 48;
/** Constants with fewer elements are biases and the like, and counted, not drawn. */
const fewest = 2;

export interface WeightReport {
  readonly tensor: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
  /** How many scales: 1 is per tensor, 0 float. */
  readonly scales: number;
  readonly histogram: Bars | null;
  readonly rms: number;
  readonly channels: {
    readonly count: number;
    /** Largest magnitudes of the channels, from the smallest to the largest. */
    readonly bounds: readonly number[];
    /** The largest of them over their median. */
    readonly ratio: number;
  } | null;
  /** Share of integers that are 0 while the number they stand for is not; null where the float constant is not known. */
  readonly lostShare: number | null;
  /** How many of its integers it uses; null for floats. */
  readonly levelsUsed: number | null;
  /** Against the float constant; null where that is not known. */
  readonly error: { readonly sqnrDb: number | null } | null;
}

/** Of a constant of the quantized graph at `position` of `node`; `source`: the float graph and the constant in it. */
export function weightReport(
  graph: Graph,
  node: Node,
  position: number,
  tensor: Tensor,
  source: { readonly graph: Graph; readonly tensor: Tensor } | null,
): WeightReport | null {
  const stored = storedValues(graph, tensor);
  if (!stored || stored.reals.length < fewest) return null;
  const float = source ? storedValues(source.graph, source.tensor) : null;
  const known = float && float.reals.length === stored.reals.length ? float.reals : null;
  const meter = new SpreadMeter(null);
  meter.add(known ?? stored.reals);
  const { histogram, rms } = meter.result();
  const axis =
    tensor.quantization && tensor.quantization.scales.length > 1
      ? tensor.quantization.axis
      : channelAxisOf(node, position);
  return {
    tensor: tensor.name,
    dtype: tensor.dtype,
    shape: tensor.shape,
    bytes: tensor.constant?.byteLength ?? 0,
    scales: tensor.quantization?.blocks
      ? (tensorOf(graph, tensor.quantization.blocks.scales).shape.at(-1) ?? 0)
      : (tensor.quantization?.scales.length ?? 0),
    histogram,
    rms,
    channels: axis === null ? null : channelsOf(known ?? stored.reals, stored.step, tensor.shape, axis),
    levelsUsed: stored.integers ? new Set(stored.integers).size : null,
    lostShare: known && stored.integers ? lostShare(known, stored.integers) : null,
    error: known ? errorOf(known, stored) : null,
  };
}

function channelAxisOf(node: Node, position: number): number | null {
  const operand = opOf(node.kind)?.operands[position];
  if (operand?.role === "weight") return operand.channelAxis;
  return operand?.role === "activation" ? (operand.asWeight?.channelAxis ?? null) : null;
}

function channelsOf(
  reals: Float32Array,
  step: number,
  shape: readonly number[],
  axis: number,
): WeightReport["channels"] {
  const count = shape[axis] ?? 1;
  if (count < 2) return null;
  const inner = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const bounds = new Float32Array(count);
  for (let at = 0; at < reals.length; at++) {
    const channel = Math.floor((at * step) / inner) % count;
    bounds[channel] = Math.max(bounds[channel] ?? 0, Math.abs(reals[at] ?? 0));
  }
  bounds.sort();
  const shown = Math.min(drawn, count);
  const picked = Array.from({ length: shown }, (_, at) => bounds[Math.round((at * (count - 1)) / (shown - 1))] ?? 0);
  const median = bounds[count >> 1] ?? 0;
  const largest = bounds[count - 1] ?? 0;
  return { count, bounds: picked, ratio: median > 0 ? largest / median : largest > 0 ? 1e9 : 1 };
}

function lostShare(float: Float32Array, integers: ArrayLike<number>): number {
  let lost = 0;
  for (let at = 0; at < float.length; at++) if (float[at] !== 0 && integers[at] === 0) lost++;
  return lost / float.length;
}

function errorOf(float: Float32Array, { reals }: StoredValues): { sqnrDb: number | null } {
  let [signal, noise] = [0, 0];
  for (let at = 0; at < float.length; at++) {
    const wanted = float[at] ?? 0;
    const difference = wanted - (reals[at] ?? 0);
    signal += wanted * wanted;
    noise += difference * difference;
  }
  return { sqnrDb: decibels(signal, noise) };
}
