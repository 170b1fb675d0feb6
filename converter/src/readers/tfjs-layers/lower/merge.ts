/**
 * Layers that merge several inputs. Inputs of lower rank get axes of size 1 behind the batch; n inputs are taken
 * from left to right, as tfjs-layers `layers/merge.ts` does.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { batchMatmul } from "../../../ops/batch-matmul.ts";
import { concatenation } from "../../../ops/concatenation.ts";
import { maximum } from "../../../ops/maximum.ts";
import { minimum } from "../../../ops/minimum.ts";
import { mul } from "../../../ops/mul.ts";
import { sub } from "../../../ops/sub.ts";
import type { LayerBuilder } from "../layer-builder.ts";
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

const merge = (className: string, combine: Combine): LayerLowering => ({
  classNames: [className],
  arity: "many",
  lower: (layer) => fold(layer, combine),
});

const sum: Combine = (layer, left, right, role) => layer.emit(add, role, [left, right]);

export const addLayer = merge("Add", sum);
export const multiplyLayer = merge("Multiply", (layer, left, right, role) => layer.emit(mul, role, [left, right]));
export const maximumLayer = merge("Maximum", (layer, left, right, role) => layer.emit(maximum, role, [left, right]));
export const minimumLayer = merge("Minimum", (layer, left, right, role) => layer.emit(minimum, role, [left, right]));
export const subtractLayer = merge("Subtract", (layer, left, right, role) => layer.emit(sub, role, [left, right]));

export const averageLayer: LayerLowering = {
  classNames: ["Average"],
  arity: "many",
  lower: (layer) => layer.emit(mul, "mean", [fold(layer, sum), layer.scalar(1 / layer.inputs.length)]),
};

export const concatenateLayer: LayerLowering = {
  classNames: ["Concatenate"],
  arity: "many",
  lower: (layer) => {
    const [first] = layer.inputs;
    const rank = first === undefined ? 0 : layer.shapeOf(first).length;
    const axis = layer.config.integer("axis", -1);
    return layer.emit(concatenation, "concat", layer.inputs, { axis: axis < 0 ? axis + rank : axis });
  },
};

/**
 * Sums of products along one axis of each, sample by sample: [b, …a…] · [b, …c…] → [b, rest of a, rest of c].
 * tfjs-layers `batchDot`; Keras `batch_dot`.
 */
export const dotLayer: LayerLowering = {
  classNames: ["Dot"],
  arity: "many",
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
