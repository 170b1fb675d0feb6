/**
 * Which models are compared with other quantizers, and what each is fed. Every model of the corpus that converts to a float
 * `.tflite` takes part; what its inputs want is said here where their shapes do not tell. Knows no tool.
 */
import { type CorpusEntry, expectationOf } from "../../scripts/corpus/manifest.ts";

/** What a sample is made of. Photos: pixel × factor + offset. */
export type SampleKind =
  | { readonly kind: "fashion" | "digits" | "notes" | "structured" }
  | { readonly kind: "photos"; readonly factor: number; readonly offset: number };

export interface Case {
  readonly entry: CorpusEntry;
  readonly samples: SampleKind;
}

const zeroToOne: SampleKind = { kind: "photos", factor: 1 / 255, offset: 0 };
const aroundZero: SampleKind = { kind: "photos", factor: 1 / 127.5, offset: -1 };
const pixels: SampleKind = { kind: "photos", factor: 1, offset: 0 };
const detectorFaces: SampleKind = { kind: "photos", factor: 1 / 128, offset: -127.5 / 128 };

/** By the beginning of the model's name; the first that fits. */
const kinds: readonly (readonly [string, SampleKind])[] = [
  ["fashion-", { kind: "fashion" }],
  ["mnist-", { kind: "digits" }],
  ["basic-pitch", { kind: "notes" }],
  ["esrgan", pixels],
  ["expo-face-anti-spoofing", zeroToOne],
  ["expo-", detectorFaces],
  ["human-blazeface", aroundZero],
  ["human-emotion", aroundZero],
  ["human-centernet", pixels],
  ["human-movenet", pixels],
  ["human-faceres", pixels],
  ["human-", zeroToOne],
  ["keijiro-blazeface", aroundZero],
  ["keijiro-mlsd", pixels],
  ["mediapipe-", zeroToOne],
  ["nsfwjs-", zeroToOne],
];

/** Already quantized, or with weights of fewer bits: no float model that a quantizer would start from. */
const notFloat = ["inception-v3-quantized", "tflite-int8", "tflite-int16x8", "tflite-dynamic-range"];
/** The same net as another one of the list, in another wrapping. */
const twins = ["basic-pitch-graph", "mnist-layers", "tfjs-layers-float16", "tfjs-layers-uint16", "tfjs-layers-uint8"];
/** Each sample takes a second or more in one thread. */
const slow = ["expo-pnet", "keijiro-mlsd-320x320-large", "keijiro-mlsd-512x512-large", "keijiro-mlsd-512x512-tiny"];

/** The cases whose name contains one of `words`; without words all but the slow ones. */
export function casesOf(entries: readonly CorpusEntry[], words: readonly string[]): Case[] {
  const wanted = ({ model }: CorpusEntry): boolean =>
    words.length > 0 ? words.some((word) => model.includes(word)) : !slow.includes(model);
  return entries
    .filter((entry) => "converts" in expectationOf(entry, "tflite") && wanted(entry))
    .filter(({ model }) => !twins.includes(model) && !notFloat.some((name) => model.startsWith(name)))
    .map((entry) => ({ entry, samples: kindOf(entry.model) }));
}

const kindOf = (model: string): SampleKind =>
  kinds.find(([start]) => model.startsWith(start))?.[1] ?? { kind: "structured" };
