/** A sparse constant as a dense one. */

import { defineOp, index, none, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { sameAsInput } from "./shape/same.ts";
import { always1 } from "./version-rules.ts";

export const densify = defineOp({
  kind: "DENSIFY",
  code: 124,
  options: "DensifyOptions",
  attributes: optionsOf("DensifyOptions"),
  operands: [index("input")],
  results: [none],
  infer: sameAsInput,
  evaluate: unsupported("sparse constants are refused by the reader"),
  layout: barrier,
  raise: unsupported("sparse constants are refused by the reader"),
  int8: unsupported("it feeds weights, which are stored dense"),
  version: always1,
  minRuntime: { 1: "2.2.0" },
  fusedActivations: [],
  macs: noMacs,
  notes: ["Files with sparse constants are refused; without them it is the identity."],
});
