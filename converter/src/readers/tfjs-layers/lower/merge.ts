/**
 * Layers that merge several inputs. Inputs of lower rank get axes of size 1 behind the batch; n inputs are taken
 * from left to right, as tfjs-layers `layers/merge.ts` does.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { batchMatmul } from "../../../ops/batch-matmul.ts";
import { concatenation } from "../../../ops/concatenation.ts";
import { expandDims } from "../../../ops/expand-dims.ts";
import { logicalAnd } from "../../../ops/logical-and.ts";
import { logicalOr } from "../../../ops/logical-or.ts";
import { maximum } from "../../../ops/maximum.ts";
import { minimum } from "../../../ops/minimum.ts";
import { mul } from "../../../ops/mul.ts";
import { selectV2 } from "../../../ops/select-v2.ts";
import { sub } from "../../../ops/sub.ts";
import type { LayerBuilder, Mask } from "../layer-builder.ts";
import { permuted, range, reshapeTo } from "./layout.ts";
import type { LayerLowering } from "./lowering.ts";
import { unitLength } from "./normalization.ts";

type Combine = (layer: LayerBuilder, left: TensorId, right: TensorId, role: string) => TensorId;

function sameRank(layer: LayerBuilder): readonly TensorId[] {
  const rank = Math.max(...layer.inputs.map((input) => layer.shapeOf(input).length));
  return layer.inputs.map((input, index) => {
    const [batch = 1, ...sample] = layer.shapeOf(input);
    if (sample.length + 1 === rank) return input;
    const padding = new Array<number>(rank - 1 - sample.length).fill(1);
    return reshapeTo(layer, `expand_${index}`, input, [batch, ...padding, ...sample]);
  });
}

function fold(layer: LayerBuilder, combine: Combine): TensorId {
  const [first, ...rest] = sameRank(layer);
  if (first === undefined) throw layer.fault("it merges nothing");
  return rest.reduce((left, right, index) => combine(layer, left, right, `merge_${index}`), first);
}

const merge = (className: string, combine: Combine, masked = fold): LayerLowering => ({
  classNames: [className],
  arity: "many",
  mergeMasks: mergedMasks,
  lower: (layer) => (layer.isKeras3 && layer.hasMasks ? masked : fold)(layer, combine),
});

/** A mask over steps as it selects among values of this rank. */
const columns = (layer: LayerBuilder, role: string, mask: TensorId | undefined): TensorId | undefined =>
  mask === undefined ? undefined : layer.emit(expandDims, role, [mask, layer.integers("axis", [1], [2])]);

const masksOf = (layer: LayerBuilder): readonly (TensorId | undefined)[] =>
  layer.inputs.map((_, at) => columns(layer, `mask_column_${at}`, layer.maskOf(at)));

/** Keras 3: where one value is masked out, the other stands for it. */
const foldWhere: typeof fold = (layer, combine) => {
  const masks = masksOf(layer);
  let [output, outputMask] = [layer.input, masks[0]];
  layer.inputs.slice(1).forEach((next, index) => {
    const mask = masks[index + 1];
    const choose = (role: string, where: TensorId | undefined, a: TensorId, b: TensorId): TensorId =>
      where === undefined ? a : layer.emit(selectV2, `${role}_${index}`, [where, a, b]);
    const x = choose("right", mask, next, output);
    output = combine(layer, choose("left", outputMask, output, x), x, `merge_${index}`);
    outputMask =
      mask === undefined || outputMask === undefined
        ? undefined
        : layer.emit(logicalOr, `or_${index}`, [outputMask, mask]);
  });
  return output;
};

/** Keras 3: what is masked out is a factor of 1, and where all are, the product is 0. */
const productWhere: typeof fold = (layer, combine) => {
  const masks = masksOf(layer);
  const known = masks.filter((mask) => mask !== undefined);
  const factors = layer.inputs.map((x, at) => {
    const mask = masks[at];
    return mask === undefined ? x : layer.emit(selectV2, `factor_${at}`, [mask, x, layer.scalar(1)]);
  });
  const product = factors.reduce((left, right, at) => combine(layer, left, right, `merge_${at}`));
  if (known.length < masks.length) return product;
  const any = known.reduce((all, mask, at) => layer.emit(logicalOr, `or_${at}`, [all, mask]));
  return layer.emit(selectV2, "product", [any, product, layer.scalar(0)]);
};

/** Keras 3: what counts in any input; none where an input has none. Keras 2 and tfjs: what counts in all that have one. */
function mergedMasks(layer: LayerBuilder, masks: readonly (Mask | undefined)[]): Mask | undefined {
  const there = masks.filter((mask) => mask !== undefined);
  if (there.includes("unclear")) return "unclear";
  if (there.length < masks.length && layer.isKeras3) return undefined;
  if (there.length < masks.length && layer.dialect === "tfjs") return "unclear";
  const known = there.filter((mask) => mask !== "unclear");
  const op = layer.isKeras3 ? logicalOr : logicalAnd;
  return known.reduce((all, mask, at) => layer.emit(op, `mask_${at}`, [all, mask]));
}

const sum: Combine = (layer, left, right, role) => layer.emit(add, role, [left, right]);

export const addLayer = merge("Add", sum);
export const multiplyLayer = merge(
  "Multiply",
  (layer, left, right, role) => layer.emit(mul, role, [left, right]),
  productWhere,
);
export const maximumLayer = merge(
  "Maximum",
  (layer, left, right, role) => layer.emit(maximum, role, [left, right]),
  foldWhere,
);
export const minimumLayer = merge(
  "Minimum",
  (layer, left, right, role) => layer.emit(minimum, role, [left, right]),
  foldWhere,
);
export const subtractLayer = merge("Subtract", (layer, left, right, role) => layer.emit(sub, role, [left, right]));

export const averageLayer: LayerLowering = {
  classNames: ["Average"],
  arity: "many",
  mergeMasks: mergedMasks,
  lower: (layer) => layer.emit(mul, "mean", [fold(layer, sum), layer.scalar(1 / layer.inputs.length)]),
};

export const concatenateLayer: LayerLowering = {
  classNames: ["Concatenate"],
  arity: "many",
  mergeMasks: joinedMasks,
  lower: (layer) => {
    const [first] = layer.inputs;
    const rank = first === undefined ? 0 : layer.shapeOf(first).length;
    const axis = layer.config.integer("axis", -1);
    return layer.emit(concatenation, "concat", layer.inputs, { axis: axis < 0 ? axis + rank : axis });
  },
};

/** Along the features: as for other merged values. Along the steps: one behind the other. Keras 3 writes its own out. */
function joinedMasks(layer: LayerBuilder, masks: readonly (Mask | undefined)[]): Mask | undefined {
  const [first] = layer.inputs;
  const rank = first === undefined ? 0 : layer.shapeOf(first).length;
  const axis = layer.config.integer("axis", -1);
  const known = masks.filter((mask) => mask !== undefined && mask !== "unclear");
  if (layer.dialect !== "keras" || layer.isKeras3 || known.length < masks.length || rank !== 3) return "unclear";
  if (axis === -1 || axis === 2) return mergedMasks(layer, masks);
  return axis === 1 || axis === -2 ? layer.emit(concatenation, "mask", known, { axis: 1 }) : "unclear";
}

/**
 * Sums of products along one axis of each, sample by sample: [b, …a…] · [b, …c…] → [b, rest of a, rest of c].
 * tfjs-layers `batchDot`; Keras `batch_dot`.
 */
export const dotLayer: LayerLowering = {
  classNames: ["Dot"],
  arity: "many",
  masking: "drops",
  lower: (layer) => {
    const [left, right] = layer.inputs;
    if (left === undefined || right === undefined || layer.inputs.length !== 2)
      throw layer.fault("it takes two inputs");
    const axes = axesOfDot(layer, [left, right]);
    const normalize = layer.config.boolean("normalize", false);
    const [a, b] = [left, right].map((input, i) =>
      normalize ? unitLength(layer.scoped(`unit_${i}`), input, [axes[i] ?? 1]) : input,
    );
    const rows = asMatrix(layer, "left", a ?? left, axes[0] ?? 1);
    const columns = asMatrix(layer, "right", b ?? right, axes[1] ?? 1);
    const product = layer.emit(batchMatmul, "product", [rows, columns], { adjY: true });
    const rest = [left, right].flatMap((input, i) =>
      layer.shapeOf(input).filter((_, axis) => axis !== 0 && axis !== axes[i]),
    );
    const shape = [layer.shapeOf(left)[0] ?? 1, ...(rest.length === 0 ? [1] : rest)];
    return reshapeTo(layer, "dot", product, shape);
  },
};

function axesOfDot(layer: LayerBuilder, inputs: readonly TensorId[]): readonly number[] {
  const value = layer.config.get("axes");
  return inputs.map((input, i) => {
    const rank = layer.shapeOf(input).length;
    const axis = Array.isArray(value) ? value[i] : value;
    const front = typeof axis === "number" && axis < 0 ? axis + rank : axis;
    if (typeof front === "number" && Number.isInteger(front) && front > 0 && front < rank) return front;
    throw layer.fault(`its axes ${JSON.stringify(value)} are none of its inputs`);
  });
}

/** [batch, rest, along the axis] */
function asMatrix(layer: LayerBuilder, role: string, input: TensorId, axis: number): TensorId {
  const rank = layer.shapeOf(input).length;
  const rest = range(1, rank).filter((other) => other !== axis);
  const last = permuted(layer, `${role}_last`, input, [0, ...rest, axis]);
  const shape = layer.shapeOf(last);
  const count = rest.reduce((product, at) => product * layer.sizeOf(input, at), 1);
  return rank === 3 ? last : reshapeTo(layer, `${role}_matrix`, last, [shape[0] ?? 1, count, shape.at(-1) ?? 1]);
}
