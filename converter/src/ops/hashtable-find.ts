/** The values of keys in a table. */
import { defineOp, index, none } from "./define-op.ts";
import { optionsOf } from "./options.ts";
import { resourceFacets } from "./resource-facets.ts";

export const hashtableFind = defineOp({
  ...resourceFacets,
  kind: "HASHTABLE_FIND",
  code: 137,
  options: "HashtableFindOptions",
  attributes: optionsOf("HashtableFindOptions"),
  operands: [index("table"), index("keys"), index("default")],
  results: [none],
  infer: ([, keys, otherwise]) => [{ dtype: otherwise?.dtype ?? "string", shape: keys?.shape ?? [] }],
  minRuntime: { 1: "2.5.0" },
  notes: ["Tables are carried through unchanged."],
});
