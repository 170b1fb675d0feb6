/** Resizes an NHWC input to a constant height and width, bilinearly. */

import { activation, defineOp, index, sameAs, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { flag } from "./raise/attributes.ts";
import { notRaised } from "./raise/tensorflow-nodes.ts";
import { need, needRank, refuse } from "./refuse.ts";
import { integersOf } from "./shape/axis.ts";
import { inputDType } from "./version-rules.ts";

export const resizeBilinear = defineOp({
  kind: "RESIZE_BILINEAR",
  code: 23,
  options: "ResizeBilinearOptions",
  attributes: optionsOf("ResizeBilinearOptions"),
  operands: [activation("input"), index("size")],
  results: [sameAs("input")],
  infer: (inputs) => {
    const input = needRank(inputs, 0, "input", 4);
    const [batch = -1, , , channels = -1] = input.shape;
    const size = integersOf(need(inputs, 1, "size"));
    if (!size) return [{ dtype: input.dtype, shape: [batch, -1, -1, channels] }];
    const [height = 0, width = 0] = size;
    if (size.length !== 2 || height < 1 || width < 1) throw refuse(`It cannot resize to [${size.join(", ")}].`);
    return [{ dtype: input.dtype, shape: [batch, height, width, channels] }];
  },
  evaluate: unsupported("heavy: left to the runtime"),
  layout: barrier,
  raise: ({ attributes: { alignCorners, halfPixelCenters } }, to) => {
    if (alignCorners && halfPixelCenters) throw notRaised("tfjs takes alignCorners or halfPixelCenters, not both");
    const flags = { align_corners: flag(alignCorners), half_pixel_centers: flag(halfPixelCenters) };
    return [to.node("ResizeBilinear", [to.operand(0), to.operand(1)], flags)];
  },
  int8: true,
  int16: {},
  version: (use) => {
    const dtype = inputDType(use, 0);
    if (dtype === "int16") return 4;
    if (use.attributes.halfPixelCenters) return 3;
    return dtype === "int8" ? 2 : 1;
  },
  minRuntime: { 1: "1.7.0", 2: "1.14.0", 3: "2.2.0", 4: "2.5.0" },
  fusedActivations: [],
  macs: noMacs,
});
