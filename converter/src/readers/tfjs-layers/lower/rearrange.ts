/** Flatten, Reshape, Permute, RepeatVector: the same elements in another shape. Rules: tfjs-layers `layers/core.ts`. */
import { expandDims } from "../../../ops/expand-dims.ts";
import { tile } from "../../../ops/tile.ts";
import { jsonFault } from "../json-fields.ts";
import { channelsLast, isChannelsFirst, permuted, reshapeTo } from "./layout.ts";
import { type LayerLowering, LayerRefusal } from "./lowering.ts";

export const flattenLayer: LayerLowering = {
  classNames: ["Flatten"],
  arity: "one",
  masking: "drops",
  lower: (layer) => {
    const first = isChannelsFirst(layer.config) && layer.shapeOf(layer.input).length > 2;
    const input = first ? channelsLast(layer, layer.input) : layer.input;
    const [batch = 1, ...sample] = layer.shapeOf(input);
    const elements = sample.includes(-1) ? -1 : sample.reduce((product, size) => product * size, 1);
    return reshapeTo(layer, "flatten", input, [batch, elements]);
  },
};

export const reshapeLayer: LayerLowering = {
  classNames: ["Reshape"],
  arity: "one",
  lower: (layer) => {
    const [batch = 1, ...sample] = layer.shapeOf(layer.input);
    const asked = layer.config.list("target_shape").map((size) => {
      if (size === null || size === -1) return -1;
      if (typeof size === "number" && Number.isSafeInteger(size) && size > 0) return size;
      throw jsonFault(`${layer.config.path}.target_shape`, "sizes", size);
    });
    if (asked.filter((size) => size === -1).length > 1) throw layer.fault("its target_shape has two sizes of -1");
    if (sample.includes(-1)) {
      if (batch === -1 || !asked.includes(-1))
        throw new LayerRefusal("its input has dynamic sizes that [-1] does not take");
      return reshapeTo(layer, "reshape", layer.input, [batch, ...asked]);
    }
    const elements = sample.reduce((product, size) => product * size, 1);
    const known = asked.reduce((product, size) => (size === -1 ? product : product * size), 1);
    const target = asked.map((size) => (size === -1 ? elements / known : size));
    const fits = target.every(Number.isInteger) && target.reduce((product, size) => product * size, 1) === elements;
    if (!fits) throw layer.fault(`[${sample.join(", ")}] cannot become [${asked.join(", ")}]`);
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
    return permuted(layer, "permute", layer.input, [0, ...dims]);
  },
};

/** [batch, features] → [batch, n, features] */
export const repeatVectorLayer: LayerLowering = {
  classNames: ["RepeatVector"],
  arity: "one",
  lower: (layer) => {
    layer.inputShape(2);
    const once = layer.emit(expandDims, "step", [layer.input, layer.integers("axis", [1], [1])]);
    return layer.emit(tile, "repeat", [once, layer.integers("times", [3], [1, layer.config.count("n"), 1])]);
  },
};
