/** The value of a variable. */
import { defineOp, index, none } from "./define-op.ts";
import { optionsOf } from "./options.ts";
import { asStored, resourceFacets } from "./resource-facets.ts";

export const readVariable = defineOp({
  ...resourceFacets,
  kind: "READ_VARIABLE",
  code: 143,
  options: "ReadVariableOptions",
  attributes: optionsOf("ReadVariableOptions"),
  operands: [index("resource")],
  results: [none],
  infer: asStored,
  minRuntime: { 1: "2.6.0" },
  notes: ["See VAR_HANDLE."],
});
