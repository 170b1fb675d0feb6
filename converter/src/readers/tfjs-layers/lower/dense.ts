/** Dense: x·W + b over the last axis, whatever the rank. Keras keeps W as [in, out], TFLite takes [out, in]. */
import { fullyConnected } from "../../../ops/fully-connected.ts";
import { applyActivation, refusesActivation } from "./activation-functions.ts";
import type { LayerLowering } from "./lowering.ts";

export const denseLayer: LayerLowering = {
  classNames: ["Dense"],
  arity: "one",
  refuses: refusesActivation,
  lower: (layer) => {
    const { config, input } = layer;
    const shape = layer.shapeOf(input);
    const channels = shape.at(-1) ?? 0;
    if (shape.length < 2) throw layer.fault(`its input needs two axes or more and has [${shape.join(", ")}]`);
    const units = config.count("units");
    const weights = layer.weight("kernel", [channels, units], {
      key: "transposed",
      shape: [units, channels],
      permutation: [1, 0],
    });
    const bias = config.boolean("use_bias", true) ? layer.weight("bias", [units]) : null;
    const keepNumDims = shape.length !== 2;
    return applyActivation(layer, layer.emit(fullyConnected, "dense", [input, weights, bias], { keepNumDims }));
  },
};
