/**
 * Which values an attention layer leaves out, as factors of 1 and 0 that broadcast to its scores. Floats, not booleans:
 * every runtime multiplies and adds them at any rank.
 * Rules: Keras 3 `layers/attention/*.py`, `backend/tensorflow/nn.py` (dot_product_attention); Keras 2 the same folder and
 * `layers/activation/softmax.py`. They differ only where nothing is left for a query: see {@link Excluding}.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { cast } from "../../../ops/cast.ts";
import { expandDims } from "../../../ops/expand-dims.ts";
import { mul } from "../../../ops/mul.ts";
import { notEqual } from "../../../ops/not-equal.ts";
import { softmax } from "../../../ops/softmax.ts";
import { sub } from "../../../ops/sub.ts";
import type { LayerBuilder } from "../layer-builder.ts";
import { LayerRefusal } from "./lowering.ts";

/** Stands for minus infinity: e to that power is 0 in float32. */
const excluded = 1e9;

/**
 * What happens to scores that do not count. "lowered": 1e9 less. "replaced": -1e9, so that all weigh the same where none
 * counts. "zeroed": replaced, and their weights made 0.
 */
export type Excluding = "lowered" | "replaced" | "zeroed";

/** 1 where a mask holds, 0 elsewhere. Keras takes numbers for masks too. */
export function factorsOf(layer: LayerBuilder, role: string, mask: TensorId): TensorId {
  const dtype = layer.dtypeOf(mask);
  const zero = dtype === "int32" ? layer.integers("zero", [], [0]) : layer.scalar(0);
  const holds = dtype === "bool" ? mask : layer.emit(notEqual, `${role}/holds`, [mask, zero]);
  return layer.emit(cast, role, [holds], { inDataType: "BOOL", outDataType: "FLOAT32" });
}

/** A mask over steps [b, t] with one more axis of size 1 at `axis`. */
export const spreadFactors = (layer: LayerBuilder, role: string, mask: TensorId, axis: number): TensorId =>
  layer.emit(expandDims, `${role}/spread`, [factorsOf(layer, role, mask), layer.integers("axis", [1], [axis])]);

/** What lies ahead of a step does not count for it: [t, s] over scores [..., t, s]. */
export function causalFactors(layer: LayerBuilder, scores: TensorId): TensorId {
  const [rows, columns] = [layer.sizeOf(scores, -2), layer.sizeOf(scores, -1)];
  const values = Array.from({ length: rows * columns }, (_, at) => (at % columns > Math.floor(at / columns) ? 0 : 1));
  return layer.floats("causal_factors", [rows, columns], values);
}

/** All that must hold at once; undefined where there is nothing that must. */
export const allOf = (layer: LayerBuilder, factors: readonly (TensorId | undefined)[]): TensorId | undefined =>
  factors
    .filter((factor) => factor !== undefined)
    .reduce<TensorId | undefined>(
      (all, factor, at) => (all === undefined ? factor : layer.emit(mul, `counts_${at}`, [all, factor])),
      undefined,
    );

/** [b, t, s] → [b, 1, …, t, s]: axes of size 1 in front of the last two until it has as many as the scores. */
export function underScores(layer: LayerBuilder, factors: TensorId, rank: number): TensorId {
  const own = layer.shapeOf(factors).length;
  if (own > rank) throw new LayerRefusal("its mask has more axes than its scores");
  return Array.from({ length: rank - own }).reduce<TensorId>(
    (made, _, at) => layer.emit(expandDims, `counts_axis_${at}`, [made, layer.integers("axis", [1], [own - 2])]),
    factors,
  );
}

/** Softmax over the last axis of what counts. */
export function softmaxWhere(
  layer: LayerBuilder,
  scores: TensorId,
  factors: TensorId | undefined,
  excluding: Excluding,
): TensorId {
  if (factors === undefined) return layer.emit(softmax, "weights", [scores], { beta: 1 });
  const weights = layer.emit(softmax, "weights", [withoutExcluded(layer, scores, factors, excluding)], { beta: 1 });
  return excluding === "zeroed" ? layer.emit(mul, "weights_that_count", [weights, factors]) : weights;
}

/** scores·factors + (factors − 1)·1e9, or without the product where they are only lowered. */
export function withoutExcluded(
  layer: LayerBuilder,
  scores: TensorId,
  factors: TensorId,
  excluding: Excluding,
): TensorId {
  const missing = layer.emit(sub, "missing", [factors, layer.scalar(1)]);
  const bias = layer.emit(mul, "mask_bias", [missing, layer.scalar(excluded)]);
  const kept = excluding === "lowered" ? scores : layer.emit(mul, "kept_scores", [scores, factors]);
  return layer.emit(add, "masked_scores", [kept, bias]);
}
