/** Every ONNX operator that can be converted. Adding one is adding a lowering to its family's file, or a file and a line here. */
import { activations } from "./activation.ts";
import { arithmetic } from "./arithmetic.ts";
import { constants } from "./constants.ts";
import { transposedConvolutions } from "./conv-transpose.ts";
import { convolutions } from "./convolution.ts";
import { einsums } from "./einsum.ts";
import { picks } from "./gather.ts";
import type { OnnxLowering } from "./lowering.ts";
import { products } from "./matmul.ts";
import { normalizations } from "./normalization.ts";
import { pads } from "./pad.ts";
import { pools } from "./pooling.ts";
import { quantizations } from "./quantization.ts";
import { rearrangements } from "./rearrange.ts";
import { recurrents } from "./recurrent.ts";
import { reductions } from "./reduce.ts";
import { resizes } from "./resize.ts";
import { softmaxes } from "./softmax.ts";

const families: readonly (readonly OnnxLowering[])[] = [
  activations,
  arithmetic,
  constants,
  convolutions,
  einsums,
  normalizations,
  pads,
  picks,
  pools,
  products,
  quantizations,
  rearrangements,
  recurrents,
  reductions,
  resizes,
  softmaxes,
  transposedConvolutions,
];

/** By name; those of other domains as "domain.Name". */
export const onnxLowerings: ReadonlyMap<string, OnnxLowering> = new Map(
  families.flat().flatMap((lowering) => lowering.operators.map((name) => [name, lowering])),
);
