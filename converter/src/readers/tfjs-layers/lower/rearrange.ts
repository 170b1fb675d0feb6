/** Flatten, Reshape, Permute: the same elements in another shape. Rules: tfjs-layers `layers/core.ts`. */
import type { Shape, TensorId } from "../../../ir/graph.ts";
import { reshape } from "../../../ops/reshape.ts";
import { transpose } from "../../../ops/transpose.ts";
import { jsonFault } from "../json-fields.ts";
import type { LayerBuilder } from "../layer-builder.ts";
import { type LayerLowering, refusesChannelsFirst } from "./lowering.ts";

export const reshapeTo = (layer: LayerBuilder, role: string, input: TensorId, shape: Shape): TensorId =>
  layer.emit(reshape, role, [input, layer.integers(`${role}_shape`, [shape.length], shape)], { newShape: shape });

export const flattenLayer: LayerLowering = {
  classNames: ["Flatten"],
  arity: "one",
  refuses: refusesChannelsFirst,
  lower: (layer) => {
    const [batch = 1, ...sample] = layer.shapeOf(layer.input);
    return reshapeTo(layer, "flatten", layer.input, [batch, sample.reduce((product, size) => product * size, 1)]);
  },
};

export const reshapeLayer: LayerLowering = {
  classNames: ["Reshape"],
  arity: "one",
  lower: (layer) => {
    const [batch = 1, ...sample] = layer.shapeOf(layer.input);
    const elements = sample.reduce((product, size) => product * size, 1);
    const asked = layer.config.list("target_shape").map((size) => {
      if (size === null || size === -1) return -1;
      if (typeof size === "number" && Number.isSafeInteger(size) && size > 0) return size;
      throw jsonFault(`${layer.config.path}.target_shape`, "sizes", size);
    });
    const known = asked.reduce((product, size) => (size === -1 ? product : product * size), 1);
    const target = asked.map((size) => (size === -1 ? elements / known : size));
    const sound = asked.filter((size) => size === -1).length <= 1 && target.every(Number.isInteger);
    if (!sound || target.reduce((product, size) => product * size, 1) !== elements) {
      throw layer.fault(`[${sample.join(", ")}] cannot become [${asked.join(", ")}]`);
    }
    return reshapeTo(layer, "reshape", layer.input, [batch, ...target]);
  },
};

export const permuteLayer: LayerLowering = {
  classNames: ["Permute"],
  arity: "one",
  lower: (layer) => {
    const rank = layer.shapeOf(layer.input).length;
    const dims = layer.config.list("dims").map((axis) => {
      if (typeof axis === "number" && Number.isSafeInteger(axis)) return axis;
      throw jsonFault(`${layer.config.path}.dims`, "axes", axis);
    });
    const sound = dims.length === rank - 1 && dims.every((_, index) => dims.includes(index + 1));
    if (!sound) throw layer.fault(`[${dims.join(", ")}] is no order of ${rank - 1} axes`);
    return layer.emit(transpose, "permute", [layer.input, layer.integers("order", [rank], [0, ...dims])]);
  },
};
