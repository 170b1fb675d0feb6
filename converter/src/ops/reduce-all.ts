/** Do all values hold over constant axes? */

import { activation, defineOp, index, none, unsupported } from "./define-op.ts";
import { reduction } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseReduction } from "./raise/axes.ts";
import { inferReduction } from "./shape/reduce.ts";
import { always1 } from "./version-rules.ts";

export const reduceAll = defineOp({
  kind: "REDUCE_ALL",
  code: 140,
  options: "ReducerOptions",
  attributes: optionsOf("ReducerOptions"),
  operands: [activation("input"), index("axes")],
  results: [none],
  infer: inferReduction,
  evaluate: unsupported("left to the runtime"),
  layout: reduction,
  raise: raiseReduction("All"),
  int8: unsupported("booleans have no scale"),
  version: always1,
  minRuntime: { 1: "2.6.0" },
  fusedActivations: [],
  macs: noMacs,
});
