/** Fills a table; has no result. */
import { defineOp, index } from "./define-op.ts";
import { optionsOf } from "./options.ts";
import { resourceFacets } from "./resource-facets.ts";

export const hashtableImport = defineOp({
  ...resourceFacets,
  kind: "HASHTABLE_IMPORT",
  code: 138,
  options: "HashtableImportOptions",
  attributes: optionsOf("HashtableImportOptions"),
  operands: [index("table"), index("keys"), index("values")],
  results: [],
  infer: () => [],
  minRuntime: { 1: "2.5.0" },
  notes: ["Tables are carried through unchanged."],
});
