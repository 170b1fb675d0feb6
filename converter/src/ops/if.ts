/** Runs one of two other graphs of the model; their results are its own. */
import { activations, defineOp, index, none, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { refuse } from "./refuse.ts";
import { always1 } from "./version-rules.ts";

export const ifOp = defineOp({
  kind: "IF",
  code: 118,
  options: "IfOptions",
  attributes: optionsOf("IfOptions"),
  operands: [index("condition"), activations("inputs")],
  results: [none],
  manyResults: true,
  infer: (_inputs, _attributes, stored) => {
    if (!stored) throw refuse("What its graphs give is known only from the model.");
    return stored;
  },
  evaluate: unsupported("its graphs are carried, not run"),
  layout: barrier,
  raise: unsupported("control flow is not written for tfjs"),
  int8: unsupported("what its graphs do with integers is theirs to say"),
  version: always1,
  minRuntime: { 1: "1.15.0" },
  fusedActivations: [],
  macs: noMacs,
  notes: ["The graphs that it names are carried through with it."],
});
