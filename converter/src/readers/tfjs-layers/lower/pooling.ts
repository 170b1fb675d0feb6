/**
 * Pooling over windows and over everything, over one to three axes. Average pooling leaves padding out of the mean, in
 * TFJS, Keras and TFLite. Windows over three axes are taken over two and then over the third: both means and maxima allow it.
 */
import type { Attributes, TensorId } from "../../../ir/graph.ts";
import { averagePool2d } from "../../../ops/average-pool-2d.ts";
import type { Op } from "../../../ops/define-op.ts";
import { div } from "../../../ops/div.ts";
import { maxPool2d } from "../../../ops/max-pool-2d.ts";
import { mean } from "../../../ops/mean.ts";
import { mul } from "../../../ops/mul.ts";
import { reduceMax } from "../../../ops/reduce-max.ts";
import { sum } from "../../../ops/sum.ts";
import type { JsonFields } from "../json-fields.ts";
import type { LayerBuilder } from "../layer-builder.ts";
import { spreadFactors } from "./attention-masks.ts";
import { asImage, fromImage, inChannelsLast, range, reshapeTo, spatialRank } from "./layout.ts";
import { type LayerLowering, LayerRefusal, paddingOf, refusesPadding } from "./lowering.ts";

type Pool = typeof averagePool2d | typeof maxPool2d;

interface Windows {
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
  readonly padding: "SAME" | "VALID";
}

function pooled(layer: LayerBuilder, op: Pool, input: TensorId, { sizes, strides, padding }: Windows): TensorId {
  const [filterHeight = 1, filterWidth = 1, filterDepth = 1] = sizes;
  const [strideH = 1, strideW = 1, strideD = 1] = strides;
  const twoD = (role: string, x: TensorId, h: number, w: number, sh: number, sw: number): TensorId =>
    layer.emit(op, role, [x], { padding, filterHeight: h, filterWidth: w, strideH: sh, strideW: sw });
  if (sizes.length === 1) {
    return fromImage(layer, twoD("pool", asImage(layer, input), 1, filterHeight, 1, strideH));
  }
  if (sizes.length === 2) return twoD("pool", input, filterHeight, filterWidth, strideH, strideW);
  // [b, x, y, z, c]: over y and z with x in the batch, then over x with y and z in one axis.
  const [b = 1, x = 1, y = 1, z = 1, c = 1] = layer.fixedShapeOf(input);
  const inner = reshapeTo(layer, "planes", input, [b * x, y, z, c]);
  const planes = twoD("pool_planes", inner, filterWidth, filterDepth, strideW, strideD);
  const [, h = 1, w = 1] = layer.shapeOf(planes);
  const columns = reshapeTo(layer, "columns", planes, [b, x, h * w, c]);
  const output = twoD("pool_columns", columns, filterHeight, 1, strideH, 1);
  return reshapeTo(layer, "volume", output, [b, layer.sizeOf(output, 1), h, w, c]);
}

function windowPooling(classNames: readonly string[], op: Pool): LayerLowering {
  return {
    classNames,
    arity: "one",
    refuses: refusesPadding,
    lower: inChannelsLast((layer) => {
      const { config } = layer;
      const rank = spatialRank(layer.className);
      layer.inputShape(rank + 2);
      const sizes = config.counts("pool_size", rank, 2);
      const strides = config.has("strides") ? config.counts("strides", rank) : sizes;
      return pooled(layer, op, layer.input, { sizes, strides, padding: paddingOf(config) });
    }),
  };
}

function globalPooling<A extends Attributes & { readonly keepDims: boolean }>(
  classNames: readonly string[],
  op: Op<A>,
  keepDims: (config: JsonFields) => Partial<A>,
  masked: "changes" | "ignores",
): LayerLowering {
  return {
    classNames,
    arity: "one",
    masking: "drops",
    lower: (whole) => {
      const rank = spatialRank(whole.className);
      // Keras leaves masked steps out of the mean over one axis; tfjs does not look at them.
      const mask = masked === "changes" && rank === 1 && whole.dialect === "keras" ? whole.maskOf(0) : undefined;
      return inChannelsLast((layer) => {
        layer.inputShape(rank + 2);
        if (mask !== undefined) return meanWhere(layer, mask);
        const axes = range(1, rank + 1);
        return layer.emit(op, "pool", [layer.input, layer.integers("axes", [rank], axes)], keepDims(layer.config));
      })(whole);
    },
  };
}

/** The sum over the steps that count, by their number: [b, t, c], a mask [b, t]. */
function meanWhere(layer: LayerBuilder, mask: TensorId): TensorId {
  const factors = spreadFactors(layer, "counts", mask, 2);
  const axis = layer.integers("axes", [1], [1]);
  const kept = layer.emit(mul, "kept", [layer.input, factors]);
  const total = layer.emit(sum, "total", [kept, axis], keepDims(layer.config));
  return layer.emit(div, "pool", [total, layer.emit(sum, "count", [factors, axis], keepDims(layer.config))]);
}

/** To a given number of windows, where they are all of one size. Otherwise Keras' windows are of several sizes. */
function adaptivePooling(classNames: readonly string[], op: Pool): LayerLowering {
  return {
    classNames,
    arity: "one",
    lower: inChannelsLast((layer) => {
      const rank = spatialRank(layer.className);
      layer.inputShape(rank + 2);
      const counts = layer.config.counts("output_size", rank);
      const sizes = counts.map((count, axis) => {
        const size = layer.sizeOf(layer.input, axis + 1);
        if (size % count === 0) return size / count;
        throw new LayerRefusal(`${size} elements in ${count} windows: windows of several sizes are not converted`);
      });
      return pooled(layer, op, layer.input, { sizes, strides: sizes, padding: "VALID" });
    }),
  };
}

const keepDims = (config: JsonFields) => ({ keepDims: config.boolean("keepdims", false) });
const named = (...patterns: readonly string[]): readonly string[] =>
  patterns.flatMap((pattern) => ["1D", "2D", "3D"].map((rank) => pattern + rank));

export const averagePoolingLayer = windowPooling(named("AveragePooling", "AvgPool"), averagePool2d);
export const maxPoolingLayer = windowPooling(named("MaxPooling", "MaxPool"), maxPool2d);
export const globalAveragePoolingLayer = globalPooling(
  named("GlobalAveragePooling", "GlobalAvgPool"),
  mean,
  keepDims,
  "changes",
);
export const globalMaxPoolingLayer = globalPooling(
  named("GlobalMaxPooling", "GlobalMaxPool"),
  reduceMax,
  keepDims,
  "ignores",
);
export const adaptiveAveragePoolingLayer = adaptivePooling(named("AdaptiveAveragePooling"), averagePool2d);
export const adaptiveMaxPoolingLayer = adaptivePooling(named("AdaptiveMaxPooling"), maxPool2d);
