/**
 * Layers that merge several inputs. Inputs of lower rank get axes of size 1 behind the batch; n inputs are taken
 * from left to right, as tfjs-layers `layers/merge.ts` does.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { concatenation } from "../../../ops/concatenation.ts";
import { maximum } from "../../../ops/maximum.ts";
import { minimum } from "../../../ops/minimum.ts";
import { mul } from "../../../ops/mul.ts";
import { sub } from "../../../ops/sub.ts";
import type { LayerBuilder } from "../layer-builder.ts";
import type { LayerLowering } from "./lowering.ts";
import { reshapeTo } from "./rearrange.ts";

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
  lower: (layer) => layer.emit(mul, "mean", [fold(layer, sum), layer.floats("share", [], [1 / layer.inputs.length])]),
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
