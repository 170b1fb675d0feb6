/** The different values of a vector, in the order in which they come, and for every value its place among them. */
import { activation, defineOp, none, sameAs, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { needRank } from "./refuse.ts";
import { always1 } from "./version-rules.ts";

export const unique = defineOp({
  kind: "UNIQUE",
  code: 103,
  options: "UniqueOptions",
  attributes: optionsOf("UniqueOptions"),
  operands: [activation("input")],
  results: [sameAs("input"), none],
  infer: (inputs, { idxOutType }) => {
    const { dtype, shape } = needRank(inputs, 0, "input", 1);
    return [
      { dtype, shape: [-1] },
      { dtype: idxOutType === "INT64" ? "int64" : "int32", shape },
    ];
  },
  evaluate: unsupported("left to the runtime"),
  layout: barrier,
  raise: (_use, to) => to.nodes("Unique", [to.operand(0)], {}, 2),
  int8: unsupported("no int8 kernel"),
  version: always1,
  minRuntime: { 1: "1.14.0" },
  fusedActivations: [],
  macs: noMacs,
});
