/** Pooling over windows and over everything. Average pooling leaves padding out of the mean, in TFJS and in TFLite. */
import type { Attributes } from "../../../ir/graph.ts";
import { averagePool2d } from "../../../ops/average-pool-2d.ts";
import type { Op } from "../../../ops/define-op.ts";
import { maxPool2d } from "../../../ops/max-pool-2d.ts";
import { mean } from "../../../ops/mean.ts";
import { reduceMax } from "../../../ops/reduce-max.ts";
import type { JsonFields } from "../json-fields.ts";
import { firstReason, type LayerLowering, paddingOf, refusesChannelsFirst, refusesPadding } from "./lowering.ts";

function windowPooling(classNames: readonly string[], op: typeof averagePool2d | typeof maxPool2d): LayerLowering {
  return {
    classNames,
    arity: "one",
    refuses: (config) => firstReason(refusesChannelsFirst(config), refusesPadding(config)),
    lower: (layer) => {
      layer.inputShape(4);
      const { config } = layer;
      const [filterHeight, filterWidth] = config.countPair("pool_size", 2);
      const [strideH, strideW] = config.has("strides") ? config.countPair("strides") : [filterHeight, filterWidth];
      const attributes = { padding: paddingOf(config), strideH, strideW, filterHeight, filterWidth };
      return layer.emit(op, "pool", [layer.input], attributes);
    },
  };
}

function globalPooling<A extends Attributes & { readonly keepDims: boolean }>(
  classNames: readonly string[],
  op: Op<A>,
  keepDims: (config: JsonFields) => Partial<A>,
): LayerLowering {
  return {
    classNames,
    arity: "one",
    refuses: refusesChannelsFirst,
    lower: (layer) => {
      layer.inputShape(4);
      return layer.emit(op, "pool", [layer.input, layer.integers("axes", [2], [1, 2])], keepDims(layer.config));
    },
  };
}

const keepDims = (config: JsonFields) => ({ keepDims: config.boolean("keepdims", false) });

export const averagePooling2dLayer = windowPooling(["AveragePooling2D", "AvgPool2D"], averagePool2d);
export const maxPooling2dLayer = windowPooling(["MaxPooling2D", "MaxPool2D"], maxPool2d);
export const globalAveragePooling2dLayer = globalPooling(["GlobalAveragePooling2D", "GlobalAvgPool2D"], mean, keepDims);
export const globalMaxPooling2dLayer = globalPooling(["GlobalMaxPooling2D", "GlobalMaxPool2D"], reduceMax, keepDims);
