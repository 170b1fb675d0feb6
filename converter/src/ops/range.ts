/** Numbers from a start on, a step apart, up to a limit that is left out. */

import { bytesOf, valuesOf } from "../ir/values.ts";
import { activation, defineOp, free, type OperandFacts, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { type } from "./raise/attributes.ts";
import { dtypeIn } from "./raise/axes.ts";
import { operandsOf } from "./raise/simple.ts";
import { need, refuse } from "./refuse.ts";
import { byInput } from "./version-rules.ts";

/** Longer ones are not folded, and in a file no runtime could hold them. */
const mostNumbers = 2 ** 31;

const numberOf = (dtype: OperandFacts["dtype"], bytes: Uint8Array): number => valuesOf(dtype, bytes)[0] ?? 0;

function countOf(start: number, limit: number, delta: number): number {
  if (delta === 0 || start > limit === delta > 0) {
    if (start === limit && delta !== 0) return 0;
    throw refuse(`No steps of ${delta} lead from ${start} to ${limit}.`);
  }
  const count = Math.ceil(Math.abs((limit - start) / delta));
  if (!(count <= mostNumbers)) throw refuse(`${count} numbers are too many.`);
  return count;
}

export const range = defineOp({
  kind: "RANGE",
  code: 96,
  options: "RangeOptions",
  attributes: optionsOf("RangeOptions"),
  operands: [activation("start"), activation("limit"), activation("delta")],
  results: [free],
  infer: (inputs) => {
    const operands = [need(inputs, 0, "start"), need(inputs, 1, "limit"), need(inputs, 2, "delta")];
    const [dtype, ...others] = operands.map((operand) => operand.dtype);
    if (
      dtype === undefined ||
      others.some((other) => other !== dtype) ||
      operands.some(({ shape }) => shape.length > 0)
    )
      throw refuse("It needs three numbers of one dtype.");
    const [start, limit, delta] = operands.map((operand) => operand.bytes && numberOf(dtype, operand.bytes()));
    if (start === undefined || limit === undefined || delta === undefined) return [{ dtype, shape: [-1] }];
    return [{ dtype, shape: [countOf(start, limit, delta)] }];
  },
  evaluate: ([start, limit, delta]) => {
    if (!start || !limit || !delta || (start.dtype !== "int32" && start.dtype !== "float32")) return null;
    const { dtype } = start;
    const [from, to, step] = [start, limit, delta].map(({ bytes }) => numberOf(dtype, bytes));
    if (from === undefined || to === undefined || step === undefined) return null;
    const round = dtype === "float32" ? Math.fround : Math.trunc;
    const values: number[] = [];
    for (let i = 0, value = from; i < countOf(from, to, step); i++, value = round(value + step)) values.push(value);
    return [{ dtype, shape: [values.length], bytes: bytesOf(dtype, values) }];
  },
  layout: barrier,
  raise: (use, to) => [to.node("Range", operandsOf(to, 3), { Tidx: type(dtypeIn(use.outputs[0])) })],
  int8: unsupported("no int8 kernel"),
  version: byInput(0, { int64: 2 }),
  minRuntime: { 1: "1.13.0", 2: "2.14.0" },
  fusedActivations: [],
  macs: noMacs,
});
