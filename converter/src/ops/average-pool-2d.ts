/** The mean over windows of an NHWC input. */

import { clamps } from "./activation.ts";
import { activation, defineOp, sameAs, unsupported } from "./define-op.ts";
import { pool } from "./layout/follow-window.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raisePool } from "./raise/pool.ts";
import { needRank } from "./refuse.ts";
import { windowOutput } from "./shape/window.ts";
import { byInput } from "./version-rules.ts";

export const averagePool2d = defineOp({
  kind: "AVERAGE_POOL_2D",
  code: 1,
  options: "Pool2DOptions",
  attributes: optionsOf("Pool2DOptions", { strideW: 1, strideH: 1, filterWidth: 1, filterHeight: 1 }),
  operands: [activation("input")],
  results: [sameAs("input")],
  infer: (inputs, { padding, strideH, strideW, filterHeight, filterWidth }) => {
    const input = needRank(inputs, 0, "input", 4);
    const [batch = 0, height = 0, width = 0, channels = 0] = input.shape;
    const h = windowOutput(height, { filter: filterHeight, stride: strideH, padding });
    const w = windowOutput(width, { filter: filterWidth, stride: strideW, padding });
    return [{ dtype: input.dtype, shape: [batch, h, w, channels] }];
  },
  evaluate: unsupported("heavy: left to the runtime"),
  layout: pool,
  raise: raisePool("AvgPool"),
  int8: true,
  int16: {},
  version: byInput(0, { int8: 2, int16: 3 }),
  minRuntime: { 1: "1.5.0", 2: "1.14.0", 3: "2.3.0" },
  fusedActivations: clamps,
  macs: noMacs,
});
