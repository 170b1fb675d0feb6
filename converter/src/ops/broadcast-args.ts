/** The shape that two shapes broadcast to, as integers. */

import { bytesOf } from "../ir/values.ts";
import { defineOp, index, none, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { raiseAs } from "./raise/simple.ts";
import { needRank, refuse } from "./refuse.ts";
import { integersOfConstant } from "./shape/axis.ts";
import { broadcastShapes } from "./shape/broadcast.ts";
import { always1 } from "./version-rules.ts";

export const broadcastArgs = defineOp({
  kind: "BROADCAST_ARGS",
  code: 145,
  options: null,
  attributes: {},
  operands: [index("a"), index("b")],
  results: [none],
  infer: (inputs) => {
    const [a, b] = [needRank(inputs, 0, "a", 1), needRank(inputs, 1, "b", 1)];
    if (a.dtype !== b.dtype) throw refuse(`${a.dtype} and ${b.dtype} do not go together.`);
    const lengths = [a.shape[0] ?? -1, b.shape[0] ?? -1];
    return [{ dtype: a.dtype, shape: [lengths.includes(-1) ? -1 : Math.max(...lengths)] }];
  },
  evaluate: ([a, b]) => {
    if (!a || !b) return null;
    const shape = broadcastShapes(integersOfConstant(a), integersOfConstant(b));
    return [{ dtype: a.dtype, shape: [shape.length], bytes: bytesOf(a.dtype, shape) }];
  },
  layout: barrier,
  raise: raiseAs("BroadcastArgs", 2),
  int8: unsupported("shapes have no scale"),
  version: always1,
  minRuntime: { 1: "2.6.0" },
  fusedActivations: [],
  macs: noMacs,
});
