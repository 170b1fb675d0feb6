/**
 * Convolutions over three axes: plain and transposed. TFLite keeps their filters as Keras does: DHWIO, and DHWOI.
 * Rules: tfjs-layers `layers/convolutional.ts`; Keras `layers/convolutional/conv3d.py`, `conv3d_transpose.py`.
 */
import { conv3d } from "../../../ops/conv-3d.ts";
import { conv3dTranspose } from "../../../ops/conv-3d-transpose.ts";
import type { LayerBuilder } from "../layer-builder.ts";
import { applyActivation, refusesActivation } from "./activation-functions.ts";
import { inChannelsLast } from "./layout.ts";
import { firstReason, type LayerLowering, LayerRefusal, paddingOf, refusesPadding } from "./lowering.ts";

/** Stride, dilation and padding under the names of both operators. */
function window({ config }: LayerBuilder) {
  const [strideD = 1, strideH = 1, strideW = 1] = config.counts("strides", 3, 1);
  const [dilationDFactor = 1, dilationHFactor = 1, dilationWFactor = 1] = config.counts("dilation_rate", 3, 1);
  return {
    padding: paddingOf(config),
    strideD,
    strideH,
    strideW,
    dilationDFactor,
    dilationHFactor,
    dilationWFactor,
  };
}

const biasOf = (layer: LayerBuilder) =>
  layer.config.boolean("use_bias", true) ? layer.weight("bias", [layer.config.count("filters")]) : null;

export const conv3dLayer: LayerLowering = {
  classNames: ["Conv3D", "Convolution3D"],
  arity: "one",
  refuses: (config, dialect) =>
    firstReason(
      refusesPadding(config),
      refusesActivation(config, dialect),
      config.integer("groups", 1) === 1 ? undefined : "CONV_3D has no groups",
    ),
  lower: inChannelsLast((layer) => {
    layer.inputShape(5);
    const { config, input } = layer;
    const sizes = config.counts("kernel_size", 3);
    const filter = layer.weight("kernel", [...sizes, layer.sizeOf(input, 4), config.count("filters")]);
    const bias = biasOf(layer);
    const operands = [input, filter, ...(bias === null ? [] : [bias])];
    return applyActivation(layer, layer.emit(conv3d, "conv", operands, window(layer)));
  }),
};

export const conv3dTransposeLayer: LayerLowering = {
  classNames: ["Conv3DTranspose", "Convolution3DTranspose"],
  arity: "one",
  refuses: (config, dialect) =>
    firstReason(
      refusesPadding(config),
      refusesActivation(config, dialect),
      config.has("output_padding") ? "output_padding is not converted for this layer" : undefined,
    ),
  lower: inChannelsLast((layer) => {
    const { config, input } = layer;
    const sizes = config.counts("kernel_size", 3);
    const filters = config.count("filters");
    const attributes = window(layer);
    const strides = [attributes.strideD, attributes.strideH, attributes.strideW];
    if (config.counts("dilation_rate", 3, 1).some((rate) => rate !== 1)) throw new LayerRefusal("a dilation_rate");
    const [batch = 1, ...rest] = layer.fixedShapeOf(input);
    if (rest.length !== 4) throw layer.fault(`its input must have 5 axes and has ${rest.length + 1}`);
    // Keras `deconv_output_length`
    const grown = sizes.map((size, axis) => {
      const stride = strides[axis] ?? 1;
      return (rest[axis] ?? 1) * stride + (attributes.padding === "VALID" ? Math.max(size - stride, 0) : 0);
    });
    const shape = layer.integers("output_shape", [5], [batch, ...grown, filters]);
    const filter = layer.weight("kernel", [...sizes, filters, rest[3] ?? 1]);
    const bias = biasOf(layer);
    const operands = [shape, filter, input, ...(bias === null ? [] : [bias])];
    return applyActivation(layer, layer.emit(conv3dTranspose, "transposed", operands, attributes));
  }),
};
