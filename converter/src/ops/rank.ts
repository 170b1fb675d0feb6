/** How many axes its operand has. */

import { bytesOf } from "../ir/values.ts";
import { activation, defineOp, none } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { always1 } from "./version-rules.ts";

export const rank = defineOp({
  kind: "RANK",
  code: 110,
  options: "RankOptions",
  attributes: optionsOf("RankOptions"),
  operands: [activation("input")],
  results: [none],
  infer: () => [{ dtype: "int32", shape: [] }],
  evaluate: ([input]) =>
    input ? [{ dtype: "int32", shape: [], bytes: bytesOf("int32", [input.shape.length]) }] : null,
  layout: barrier,
  raise: raiseAs("Rank"),
  int8: true,
  version: always1,
  minRuntime: { 1: "1.14.0" },
  fusedActivations: [],
  macs: noMacs,
});
