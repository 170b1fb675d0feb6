/** The handle of a table from keys to values. */
import { defineOp, none } from "./define-op.ts";
import { optionsOf } from "./options.ts";
import { asStored, resourceFacets } from "./resource-facets.ts";

export const hashtable = defineOp({
  ...resourceFacets,
  kind: "HASHTABLE",
  code: 136,
  options: "HashtableOptions",
  attributes: optionsOf("HashtableOptions"),
  operands: [],
  results: [none],
  infer: asStored,
  minRuntime: { 1: "2.5.0" },
  notes: ["Tables are carried through unchanged."],
});
