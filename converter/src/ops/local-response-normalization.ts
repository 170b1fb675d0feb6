/** Divides by a power of the sum of squares over channels nearby. */

import { activation, defineOp, free, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { float, int } from "./raise/attributes.ts";
import { needRank } from "./refuse.ts";
import { always1 } from "./version-rules.ts";

export const localResponseNormalization = defineOp({
  kind: "LOCAL_RESPONSE_NORMALIZATION",
  code: 13,
  options: "LocalResponseNormalizationOptions",
  attributes: optionsOf("LocalResponseNormalizationOptions"),
  operands: [activation("input")],
  results: [free],
  infer: (inputs) => {
    const { dtype, shape } = needRank(inputs, 0, "input", 4);
    return [{ dtype, shape }];
  },
  evaluate: unsupported("left to the runtime"),
  layout: barrier,
  raise: ({ attributes: { radius, bias, alpha, beta } }, to) => [
    to.node("LRN", [to.operand(0)], {
      depth_radius: int(radius),
      bias: float(bias),
      alpha: float(alpha),
      beta: float(beta),
    }),
  ],
  int8: unsupported("no int8 kernel"),
  version: always1,
  minRuntime: { 1: "1.5.0" },
  fusedActivations: [],
  macs: noMacs,
});
