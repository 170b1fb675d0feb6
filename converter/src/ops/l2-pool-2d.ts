/** The root of the mean of squares over windows of an NHWC input. */

import { clamps } from "./activation.ts";
import { activation, defineOp, free, unsupported } from "./define-op.ts";
import { pool } from "./layout/follow-window.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseL2Pool } from "./raise/pool.ts";
import { inferPool } from "./shape/pool.ts";
import { always1 } from "./version-rules.ts";

export const l2Pool2d = defineOp({
  kind: "L2_POOL_2D",
  code: 12,
  options: "Pool2DOptions",
  attributes: optionsOf("Pool2DOptions", { strideW: 1, strideH: 1, filterWidth: 1, filterHeight: 1 }),
  operands: [activation("input")],
  results: [free],
  infer: inferPool,
  evaluate: unsupported("heavy: left to the runtime"),
  layout: pool,
  raise: raiseL2Pool,
  int8: unsupported("no int8 kernel"),
  version: always1,
  minRuntime: { 1: "1.5.0" },
  fusedActivations: clamps,
  macs: noMacs,
});
