/** The handle of a variable, found by its name in every graph of the model. */
import { defineOp, none } from "./define-op.ts";
import { optionsOf } from "./options.ts";
import { asStored, resourceFacets } from "./resource-facets.ts";

export const varHandle = defineOp({
  ...resourceFacets,
  kind: "VAR_HANDLE",
  code: 142,
  options: "VarHandleOptions",
  attributes: optionsOf("VarHandleOptions"),
  operands: [],
  results: [none],
  infer: asStored,
  minRuntime: { 1: "2.6.0" },
  notes: ["Variables that are set once, to constants, become constants when a file is read; others are carried."],
});
