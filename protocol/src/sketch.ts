/**
 * DDSketch, the mergeable quantile sketch in which metrics travel: relative accuracy 0.01, values from 1e-6 to 1e9,
 * in the protobuf form that Datadog's libraries read and write (Masson, Lee, Rim: "DDSketch", VLDB 2019).
 * Own code because `@datadog/sketches-js` 2.1.1 forgets bins when a merged-in range ends at key 0 (that is: at the
 * confidence 1.0), drops negative bins on every merge, and decodes without bounds; tests compare with it.
 */
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { FlotillaError } from "./errors.ts";
import { encodeSketchBytes, parseSketchBytes } from "./sketch-wire.ts";

/** Quantiles are off by at most this share of their value. */
export const sketchRelativeAccuracy = 0.01;
/** Smaller values count as zero, larger ones as this: that bounds a sketch to 1,729 bins (19 kB of base64). */
export const sketchMinValue = 1e-6;
export const sketchMaxValue = 1e9;
/** The bound of the document schema (documents/reports.ts, `Sketch`). */
const maxEncodedLength = 65_536;

export const sketchGamma = (1 + sketchRelativeAccuracy) / (1 - sketchRelativeAccuracy);
const logGamma = Math.log(sketchGamma);
const keyOf = (value: number): number => Math.ceil(Math.log(value) / logGamma);
const valueAt = (key: number): number => (sketchGamma ** key * 2) / (1 + sketchGamma);

/** Keys that can occur; a decoder refuses others. One key of slack for other platforms' logarithms. */
export const sketchKeyRange = { lowest: keyOf(sketchMinValue) - 1, highest: keyOf(sketchMaxValue) + 1 } as const;

export interface MetricSketch {
  /** Values in (γ^(key−1), γ^key], counted. */
  readonly bins: Map<number, number>;
  zeros: number;
  /** All values: bins and zeros. */
  count: number;
}

export function createSketch(): MetricSketch {
  return { bins: new Map(), zeros: 0, count: 0 };
}

/**
 * Counts one value, `weight` times. Negative values count as zero: none of our metrics has any.
 * @throws CONFIG_INVALID for NaN, ±infinity or a weight that is not a positive integer; nothing is counted then.
 */
export function addToSketch(sketch: MetricSketch, value: number, weight = 1): void {
  if (!Number.isFinite(value) || !Number.isSafeInteger(weight) || weight < 1) {
    throw new FlotillaError("CONFIG_INVALID", `A sketch counts finite numbers, not ${value} (weight ${weight}).`);
  }
  if (value < sketchMinValue) sketch.zeros += weight;
  else {
    const key = keyOf(Math.min(value, sketchMaxValue));
    sketch.bins.set(key, (sketch.bins.get(key) ?? 0) + weight);
  }
  sketch.count += weight;
}

/** Adds all of `from` to `into`; `from` stays as it is. The order of merges does not matter. */
export function mergeSketch(into: MetricSketch, from: MetricSketch): void {
  for (const [key, count] of from.bins) into.bins.set(key, (into.bins.get(key) ?? 0) + count);
  into.zeros += from.zeros;
  into.count += from.count;
}

/** The value below which the share `q` (0–1) of all values lies, within 1 %; null for an empty sketch. */
export function sketchQuantile(sketch: MetricSketch, q: number): number | null {
  if (sketch.count === 0 || !(q >= 0 && q <= 1)) return null;
  const rank = q * (sketch.count - 1);
  let running = sketch.zeros;
  if (running > rank) return 0;
  const keys = [...sketch.bins.keys()].sort((a, b) => a - b);
  for (const key of keys) {
    running += sketch.bins.get(key) ?? 0;
    if (running > rank) return valueAt(key);
  }
  return valueAt(keys[keys.length - 1] ?? 0);
}

/** Base64 of the protobuf form: the field of a `metrics` document. Equal sketches give equal text. */
export function encodeSketch(sketch: MetricSketch): string {
  return encodeBase64(encodeSketchBytes(sketch.bins, sketch.zeros, sketchGamma));
}

/** @throws FORMAT_DOCUMENT for anything that is not a sketch of ours: other accuracy, negative or too many values. */
export function decodeSketch(text: string): MetricSketch {
  const refuse = (why: string, cause?: unknown): never => {
    throw new FlotillaError("FORMAT_DOCUMENT", `The metric sketch is not usable: ${why}.`, { cause });
  };
  if (text.length > maxEncodedLength) return refuse(`${text.length} characters, at most ${maxEncodedLength} allowed`);
  let wire: ReturnType<typeof parseSketchBytes>;
  try {
    wire = parseSketchBytes(decodeBase64(text));
  } catch (error) {
    return refuse("its bytes do not parse", error);
  }
  // γ through other libraries' arithmetic differs in its last bits only.
  if (!(Math.abs(wire.gamma - sketchGamma) < 1e-9) || wire.indexOffset !== 0 || wire.interpolation !== 0) {
    return refuse(`γ ${wire.gamma}, expected ${sketchGamma} without interpolation`);
  }
  if (wire.hasNegative) return refuse("it counts negative values");
  const sketch: MetricSketch = { bins: new Map(), zeros: wire.zeros, count: wire.zeros };
  if (!Number.isSafeInteger(wire.zeros) || wire.zeros < 0) return refuse(`zero count ${wire.zeros}`);
  for (const [key, count] of wire.bins) {
    if (count === 0) continue;
    if (!Number.isSafeInteger(count) || count < 0) return refuse(`count ${count}`);
    if (key < sketchKeyRange.lowest || key > sketchKeyRange.highest) return refuse(`bin ${key} is out of range`);
    sketch.bins.set(key, count);
    sketch.count += count;
  }
  return Number.isSafeInteger(sketch.count) ? sketch : refuse("more values than can be counted");
}
