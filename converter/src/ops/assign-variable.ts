/** Gives a variable another value; has no result. */
import { defineOp, index } from "./define-op.ts";
import { optionsOf } from "./options.ts";
import { resourceFacets } from "./resource-facets.ts";

export const assignVariable = defineOp({
  ...resourceFacets,
  kind: "ASSIGN_VARIABLE",
  code: 144,
  options: "AssignVariableOptions",
  attributes: optionsOf("AssignVariableOptions"),
  operands: [index("resource"), index("value")],
  results: [],
  infer: () => [],
  minRuntime: { 1: "2.6.0" },
  notes: ["See VAR_HANDLE."],
});
