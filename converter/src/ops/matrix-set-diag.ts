/** Matrices with their diagonals replaced. */
import { activation, defineOp, sameAs, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { sameAsInput } from "./shape/same.ts";
import { always1 } from "./version-rules.ts";

export const matrixSetDiag = defineOp({
  kind: "MATRIX_SET_DIAG",
  code: 115,
  options: "MatrixSetDiagOptions",
  attributes: optionsOf("MatrixSetDiagOptions"),
  operands: [activation("input"), activation("diagonal")],
  results: [sameAs("activations")],
  infer: sameAsInput,
  evaluate: unsupported("left to the runtime"),
  layout: barrier,
  raise: unsupported("tfjs-converter does not have it"),
  int8: true,
  version: always1,
  minRuntime: { 1: "1.14.0" },
  fusedActivations: [],
  macs: noMacs,
});
