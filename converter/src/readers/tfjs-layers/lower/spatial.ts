/** ZeroPadding2D, Cropping2D, UpSampling2D. Rules: tfjs-layers `layers/padding.ts`, `layers/convolutional.ts`. */
import type { JsonValue } from "@flotilla/protocol/json-value";
import { pad } from "../../../ops/pad.ts";
import { resizeBilinear } from "../../../ops/resize-bilinear.ts";
import { resizeNearestNeighbor } from "../../../ops/resize-nearest-neighbor.ts";
import { slice } from "../../../ops/slice.ts";
import { type JsonFields, jsonFault } from "../json-fields.ts";
import { firstReason, type LayerLowering, refusesChannelsFirst } from "./lowering.ts";

interface Borders {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** `n`, `[h, w]` or `[[top, bottom], [left, right]]`. */
function bordersOf(config: JsonFields, name: string, fallback: number): Borders {
  const value = config.get(name) ?? fallback;
  const [h, w] = Array.isArray(value) && value.length === 2 ? value : [value, value];
  const [top, bottom] = border(h, config, name);
  const [left, right] = border(w, config, name);
  return { top, bottom, left, right };
}

function border(value: JsonValue, config: JsonFields, name: string): readonly [number, number] {
  const [first, second] = Array.isArray(value) && value.length === 2 ? value : [value, value];
  const sound = (size: JsonValue | undefined): size is number =>
    typeof size === "number" && Number.isSafeInteger(size) && size >= 0;
  if (sound(first) && sound(second)) return [first, second];
  throw jsonFault(`${config.path}.${name}`, "sizes of borders", config.get(name));
}

export const zeroPadding2dLayer: LayerLowering = {
  classNames: ["ZeroPadding2D"],
  arity: "one",
  refuses: refusesChannelsFirst,
  lower: (layer) => {
    layer.inputShape(4);
    const { top, bottom, left, right } = bordersOf(layer.config, "padding", 1);
    const paddings = layer.integers("paddings", [4, 2], [0, 0, top, bottom, left, right, 0, 0]);
    return layer.emit(pad, "pad", [layer.input, paddings]);
  },
};

export const cropping2dLayer: LayerLowering = {
  classNames: ["Cropping2D"],
  arity: "one",
  refuses: refusesChannelsFirst,
  lower: (layer) => {
    const [batch = 0, height = 0, width = 0, channels = 0] = layer.inputShape(4);
    const { top, bottom, left, right } = bordersOf(layer.config, "cropping", 0);
    const size = [batch, height - top - bottom, width - left - right, channels];
    if (size.some((length) => length < 1)) throw layer.fault(`it crops [${height}, ${width}] away`);
    const begin = layer.integers("begin", [4], [0, top, left, 0]);
    return layer.emit(slice, "slice", [layer.input, begin, layer.integers("size", [4], size)]);
  },
};

/** Pixels are repeated. Bilinear: tfjs takes corners as origins, Keras takes pixel centres. */
export const upSampling2dLayer: LayerLowering = {
  classNames: ["UpSampling2D"],
  arity: "one",
  refuses: (config) => {
    const interpolation = config.string("interpolation", "nearest");
    return firstReason(
      refusesChannelsFirst(config),
      ["nearest", "bilinear"].includes(interpolation) ? undefined : `interpolation "${interpolation}" is not converted`,
    );
  },
  lower: (layer) => {
    const [, height = 0, width = 0] = layer.inputShape(4);
    const [sizeH, sizeW] = layer.config.countPair("size", 2);
    const operands = [layer.input, layer.integers("size", [2], [height * sizeH, width * sizeW])];
    return layer.config.string("interpolation", "nearest") === "nearest"
      ? layer.emit(resizeNearestNeighbor, "resize", operands)
      : layer.emit(resizeBilinear, "resize", operands, { halfPixelCenters: layer.dialect === "keras" });
  },
};
