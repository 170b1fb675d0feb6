/**
 * The cell of ConvLSTM: an LSTM whose products are convolutions. The recurrent one keeps the size.
 * Rules: tfjs-layers `layers/convolutional_recurrent.ts`; Keras `layers/rnn/conv_lstm.py`.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { conv2d } from "../../../ops/conv-2d.ts";
import type { LayerBuilder } from "../layer-builder.ts";
import { isChannelsFirst, reshapeTo, spatialRank } from "./layout.ts";
import { LayerRefusal, paddingOf } from "./lowering.ts";
import { type Cell, lstmStep } from "./recurrent-cells.ts";

/** Over one axis an image has height 1 within the cell's convolutions. */
export function convLstmCell(layer: LayerBuilder, x: TensorId): Cell {
  const { config } = layer;
  if (isChannelsFirst(config)) throw new LayerRefusal("data_format channels_first is not converted for this layer");
  const rank = spatialRank(layer.className);
  const shape = layer.fixedShapeOf(x);
  const [batch = 1, steps = 1] = shape;
  const [height = 1, width = 1] = rank === 1 ? [1, shape[2]] : shape.slice(2);
  const channels = shape.at(-1) ?? 1;
  if (shape.length !== rank + 3) throw layer.fault(`its input must have ${rank + 3} axes and has ${shape.length}`);
  const filters = config.count("filters");
  const sizes = config.counts("kernel_size", rank);
  const [kernelH = 1, kernelW = 1] = rank === 1 ? [1, ...sizes] : sizes;
  const pair = (name: string): readonly [number, number] => {
    const [first = 1, second = 1] = config.counts(name, rank, 1);
    return rank === 1 ? [1, first] : [first, second];
  };
  const kernel = (name: string, inputs: number): TensorId =>
    layer.weight(name, [...sizes, inputs, 4 * filters], {
      key: "OHWI",
      shape: [4 * filters, kernelH, kernelW, inputs],
      permutation: [rank + 1, ...sizes.map((_, axis) => axis), rank],
    });
  const input = kernel("kernel", channels);
  const recurrent = kernel("recurrent_kernel", filters);
  const bias = config.boolean("use_bias", true) ? layer.weight("bias", [4 * filters]) : null;
  const [strideH, strideW] = pair("strides");
  const [dilationHFactor, dilationWFactor] = pair("dilation_rate");
  const window = { padding: paddingOf(config), strideH, strideW, dilationHFactor, dilationWFactor };
  const spatialOf = (image: TensorId): readonly number[] => layer.shapeOf(image).slice(rank === 1 ? 2 : 1, 3);
  return {
    stateCount: 2,
    nodesPerStep: 13,
    project: (value) => {
      const images = reshapeTo(layer, "images", value, [batch * steps, height, width, channels]);
      const gates = layer.emit(conv2d, "project", [images, input, bias], window);
      return reshapeTo(layer, "sequence", gates, [batch, steps, ...spatialOf(gates), 4 * filters]);
    },
    step: (scope, projected, [h = null, c = null]) => {
      const at = layer.scoped(scope);
      if (h === null) return lstmStep(at, projected, c);
      const size = at.shapeOf(h);
      const image = rank === 1 ? reshapeTo(at, "image", h, [size[0] ?? 1, 1, ...size.slice(1)]) : h;
      const attributes = { padding: "SAME", strideH: 1, strideW: 1 } as const;
      const past = at.emit(conv2d, "recurrent", [image, recurrent, null], attributes);
      const flat = rank === 1 ? reshapeTo(at, "row", past, at.shapeOf(projected)) : past;
      return lstmStep(at, at.emit(add, "sum", [projected, flat]), c);
    },
  };
}
