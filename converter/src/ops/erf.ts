/**
 * The error function. No TFLite operator: legal in imported graphs only, where it is part of GELU or is spelt out
 * (`passes/split-erf.ts`).
 */
import { activation, defineOp, free, unsupported } from "./define-op.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { sameAsInput } from "./shape/same.ts";
import { always1 } from "./version-rules.ts";

export const erf = defineOp({
  kind: "ERF",
  code: -1,
  options: null,
  attributes: {},
  operands: [activation("input")],
  results: [free],
  infer: sameAsInput,
  evaluate: unsupported("it is spelt out, and that is evaluated"),
  layout: elementwise,
  raise: unsupported("it is spelt out before anything is written"),
  int8: unsupported("it is spelt out before quantization"),
  version: always1,
  minRuntime: { 1: "1.5.0" },
  fusedActivations: [],
  macs: noMacs,
});
