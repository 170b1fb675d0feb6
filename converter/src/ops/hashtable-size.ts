/** How many keys a table has. */
import { defineOp, index, none } from "./define-op.ts";
import { optionsOf } from "./options.ts";
import { asStored, resourceFacets } from "./resource-facets.ts";

export const hashtableSize = defineOp({
  ...resourceFacets,
  kind: "HASHTABLE_SIZE",
  code: 139,
  options: "HashtableSizeOptions",
  attributes: optionsOf("HashtableSizeOptions"),
  operands: [index("table")],
  results: [none],
  infer: asStored,
  minRuntime: { 1: "2.5.0" },
  notes: ["Tables are carried through unchanged."],
});
