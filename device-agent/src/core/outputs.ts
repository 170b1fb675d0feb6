/**
 * Reading what a model answered: as numbers, whether they are finite, and for a classifier its most probable class.
 * Quantized outputs are read through the runtime's scale and zero point. A vector counts as a classifier's if it looks
 * like probabilities, or has as many values as the release names labels (then: softmax of logits). Pure.
 */
import type { NdArray } from "@flotilla/protocol/nd-array";

export interface Quantization {
  readonly scale: number;
  readonly zeroPoint: number;
}

export interface Answer {
  readonly finite: boolean;
  /** Null where the output is no classifier's. */
  readonly top: { readonly index: number; readonly probability: number } | null;
}

/** An array as real numbers: halves decoded, integers through their quantization where given. */
export function toNumbers({ dtype, data }: NdArray, quantization: Quantization | null = null): Float64Array {
  const out = new Float64Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const raw = data[i] ?? 0;
    const value = dtype === "float16" ? halfToNumber(Number(raw)) : Number(raw);
    out[i] =
      quantization === null || dtype.startsWith("float")
        ? value
        : (value - quantization.zeroPoint) * quantization.scale;
  }
  return out;
}

/** IEEE 754 binary16. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** How far a sum may be from 1 and still be one of probabilities: int8 outputs round each of them by up to 1/512. */
const probabilitySlack = 0.05;

/** Reads one run's outputs; the first one decides the class. */
export function readAnswer(outputs: readonly Float64Array[], classes: number | null): Answer {
  const finite = outputs.every((values) => values.every((value) => Number.isFinite(value)));
  const first = outputs[0];
  if (!finite || first === undefined || first.length < 2) return { finite, top: null };
  const sum = first.reduce((all, value) => all + value, 0);
  const areProbabilities = first.every((value) => value >= 0 && value <= 1) && Math.abs(sum - 1) <= probabilitySlack;
  if (!areProbabilities && classes !== first.length) return { finite, top: null };
  const index = indexOfLargest(first);
  const largest = first[index] ?? 0;
  if (areProbabilities) return { finite, top: { index, probability: largest } };
  const softmax = 1 / first.reduce((all, value) => all + Math.exp(value - largest), 0);
  return { finite, top: { index, probability: softmax } };
}

export function indexOfLargest(values: Float64Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] ?? 0) > (values[best] ?? 0)) best = i;
  return best;
}
