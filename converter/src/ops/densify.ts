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
  evaluate: unsupported("the reader unpacks sparse constants"),
  layout: barrier,
  raise: unsupported("the reader unpacks sparse constants"),
  int8: unsupported("it feeds weights, which are stored dense"),
  version: always1,
  minRuntime: { 1: "2.2.0" },
  fusedActivations: [],
  macs: noMacs,
  notes: ["Sparse constants are unpacked when a file is read, and the operator goes; nothing writes it."],
});
