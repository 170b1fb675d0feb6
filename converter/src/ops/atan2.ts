/** The angle of the point (x, y), for operands of one shape. */

import { activation, defineOp, free, unsupported } from "./define-op.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { need, refuse } from "./refuse.ts";
import { always1 } from "./version-rules.ts";

export const atan2 = defineOp({
  kind: "ATAN2",
  code: 156,
  options: "ATan2Options",
  attributes: optionsOf("ATan2Options"),
  operands: [activation("y"), activation("x")],
  results: [free],
  infer: (inputs) => {
    const [y, x] = [need(inputs, 0, "y"), need(inputs, 1, "x")];
    if (y.dtype !== x.dtype || y.shape.length !== x.shape.length)
      throw refuse(`${y.dtype}[${y.shape.join(", ")}] and ${x.dtype}[${x.shape.join(", ")}] do not go together.`);
    return [{ dtype: y.dtype, shape: y.shape }];
  },
  evaluate: unsupported("left to the runtime"),
  layout: elementwise,
  raise: raiseAs("Atan2", 2),
  int8: unsupported("no int8 kernel"),
  version: always1,
  minRuntime: { 1: "2.10.0" },
  fusedActivations: [],
  macs: noMacs,
});
