/** Square matrices with the last axis of the operand on their diagonals. */
import { activation, defineOp, free, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { need, refuse } from "./refuse.ts";
import { always1 } from "./version-rules.ts";

export const matrixDiag = defineOp({
  kind: "MATRIX_DIAG",
  code: 113,
  options: "MatrixDiagOptions",
  attributes: optionsOf("MatrixDiagOptions"),
  operands: [activation("diagonal")],
  results: [free],
  infer: (inputs) => {
    const { dtype, shape } = need(inputs, 0, "diagonal");
    const size = shape.at(-1);
    if (size === undefined) throw refuse("A single number is no diagonal.");
    return [{ dtype, shape: [...shape, size] }];
  },
  evaluate: unsupported("left to the runtime"),
  layout: barrier,
  raise: unsupported("tfjs-converter does not have it"),
  int8: unsupported("its kernel fills with the number 0 and not with the zero point"),
  version: always1,
  minRuntime: { 1: "1.14.0" },
  fusedActivations: [],
  macs: noMacs,
});
