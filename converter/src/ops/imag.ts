/** The imaginary parts of complex numbers. */
import { activation, defineOp, free, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { inferPartOfComplex } from "./shape/complex.ts";
import { always1 } from "./version-rules.ts";

export const imag = defineOp({
  kind: "IMAG",
  code: 133,
  options: null,
  attributes: {},
  operands: [activation("input")],
  results: [free],
  infer: inferPartOfComplex,
  evaluate: unsupported("left to the runtime"),
  layout: barrier,
  raise: unsupported("complex values are not written for tfjs"),
  int8: unsupported("no int8 kernel"),
  version: always1,
  minRuntime: { 1: "2.5.0" },
  fusedActivations: [],
  macs: noMacs,
});
