/** The Fourier transform of real numbers over the last two axes, cut or padded to a given length first. */
import { activation, defineOp, index, none, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { need, refuse } from "./refuse.ts";
import { integersOf } from "./shape/axis.ts";
import { always1 } from "./version-rules.ts";

export const rfft2d = defineOp({
  kind: "RFFT2D",
  code: 131,
  options: "Rfft2dOptions",
  attributes: optionsOf("Rfft2dOptions"),
  operands: [activation("input"), index("fftLength")],
  results: [none],
  infer: (inputs) => {
    const { shape } = need(inputs, 0, "input");
    const [height = -1, width = -1] = integersOf(need(inputs, 1, "fftLength")) ?? [];
    if (shape.length < 2 || height < -1 || width < -1) throw refuse(`No transform of [${shape.join(", ")}].`);
    const columns = width === -1 ? -1 : Math.floor(width / 2) + 1;
    return [{ dtype: "complex64", shape: [...shape.slice(0, -2), height, columns] }];
  },
  evaluate: unsupported("left to the runtime"),
  layout: barrier,
  raise: unsupported("complex values are not written for tfjs"),
  int8: unsupported("no int8 kernel"),
  version: always1,
  minRuntime: { 1: "2.5.0" },
  fusedActivations: [],
  macs: noMacs,
});
