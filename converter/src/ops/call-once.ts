/** Runs another graph of the model once, before the first run: it sets variables and fills tables. */
import { defineOp } from "./define-op.ts";
import { optionsOf } from "./options.ts";
import { resourceFacets } from "./resource-facets.ts";

export const callOnce = defineOp({
  ...resourceFacets,
  kind: "CALL_ONCE",
  code: 129,
  options: "CallOnceOptions",
  attributes: optionsOf("CallOnceOptions"),
  operands: [],
  results: [],
  infer: () => [],
  minRuntime: { 1: "2.5.0" },
  notes: ["Goes with the graph that it names once the variables that graph sets have become constants."],
});
