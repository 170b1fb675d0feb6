/**
 * Preprocessing: ordered steps that turn a decoded picture (or any array) into a model's input
 * (design: formats.md, "Preprocessing"). Every parameter is explicit. `../preprocessing.ts` executes them.
 */
import { type Static, Type } from "typebox";
import { Digest } from "./document.ts";

const Pixels = Type.Integer({ minimum: 1, maximum: 32_768 });
const Margin = Type.Integer({ minimum: 0, maximum: 32_768 });
/** Distance from the left or top edge, or the middle (rounded down). */
const Position = Type.Union([Margin, Type.Literal("centre")]);

/** The platform decodes to uint8 [height, width, channels]: gray, or RGB in sRGB; transparency dropped. */
export const DecodeStep = Type.Object({
  kind: Type.Literal("decode"),
  channels: Type.Union([Type.Literal(1), Type.Literal(3)]),
  /** true: turn the picture upright by its Exif orientation. */
  upright: Type.Boolean(),
});

export const ResizeStep = Type.Object({
  kind: Type.Literal("resize"),
  width: Pixels,
  height: Pixels,
  method: Type.Union([Type.Literal("bilinear"), Type.Literal("nearest")]),
  halfPixel: Type.Boolean(),
  antialias: Type.Boolean(),
});

export const CropStep = Type.Object({
  kind: Type.Literal("crop"),
  left: Position,
  top: Position,
  width: Pixels,
  height: Pixels,
});

/** Adds margins that hold `value`. */
export const PadStep = Type.Object({
  kind: Type.Literal("pad"),
  left: Margin,
  top: Margin,
  right: Margin,
  bottom: Margin,
  value: Type.Number(),
});

/** From RGB. gray = 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601). */
export const ColourStep = Type.Object({
  kind: Type.Literal("colour"),
  order: Type.Union([Type.Literal("rgb"), Type.Literal("bgr"), Type.Literal("gray")]),
});

/** x · by + offset */
export const ScaleStep = Type.Object({ kind: Type.Literal("scale"), by: Type.Number(), offset: Type.Number() });

const PerChannel = Type.Array(Type.Number(), { minItems: 1, maxItems: 4096 });
/** (x − mean[c]) / std[c] along the last axis. */
export const NormalizeStep = Type.Object({ kind: Type.Literal("normalize"), mean: PerChannel, std: PerChannel });

/** [height, width, channels] → [1, height, width, channels] or [1, channels, height, width]. */
export const LayoutStep = Type.Object({
  kind: Type.Literal("layout"),
  to: Type.Union([Type.Literal("nhwc"), Type.Literal("nchw")]),
});

/** To integers: rounded, halves away from zero, and clamped to the dtype's range. */
export const DTypeStep = Type.Object({
  kind: Type.Literal("dtype"),
  dtype: Type.Union([
    Type.Literal("float32"),
    Type.Literal("uint8"),
    Type.Literal("int8"),
    Type.Literal("int16"),
    Type.Literal("int32"),
  ]),
});

/** A text or audio front end that the platform brings along. */
export const ExternalStep = Type.Object({ kind: Type.Literal("external"), name: Type.String(), digest: Digest });

export const PreprocessingStep = Type.Union([
  DecodeStep,
  ResizeStep,
  CropStep,
  PadStep,
  ColourStep,
  ScaleStep,
  NormalizeStep,
  LayoutStep,
  DTypeStep,
  ExternalStep,
]);
export type PreprocessingStep = Static<typeof PreprocessingStep>;
