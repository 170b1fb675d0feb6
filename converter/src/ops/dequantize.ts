/** Integers or float16 to float32. On a constant the runtimes evaluate it once. */

import { bytesOf, valuesOf } from "../ir/values.ts";
import { activation, type ConstantValue, defineOp, none, unsupported } from "./define-op.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { need } from "./refuse.ts";
import { byInput, inputDType, isPerChannel } from "./version-rules.ts";

/** float16 exactly; int8, uint8 and int16 as (q - zeroPoint) · scale in float32, per tensor or per channel. */
function dequantized(input: ConstantValue): readonly ConstantValue[] | null {
  const { dtype, shape, quantization } = input;
  if (dtype === "float16")
    return [{ dtype: "float32", shape, bytes: bytesOf("float32", valuesOf(dtype, input.bytes)) }];
  if ((dtype !== "int8" && dtype !== "uint8" && dtype !== "int16") || !quantization) return null;
  const { scales, zeroPoints, axis } = quantization;
  const run = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const values = Float32Array.from(valuesOf(dtype, input.bytes), (q, i) => {
    const channel = scales.length === 1 ? 0 : Math.floor(i / run) % scales.length;
    return (q - (zeroPoints[channel] ?? 0)) * (scales[channel] ?? 0);
  });
  return [{ dtype: "float32", shape, bytes: bytesOf("float32", values) }];
}

export const dequantize = defineOp({
  kind: "DEQUANTIZE",
  code: 6,
  options: "DequantizeOptions",
  attributes: optionsOf("DequantizeOptions"),
  operands: [activation("input")],
  results: [none],
  infer: (inputs) => [{ dtype: "float32", shape: need(inputs, 0, "input").shape }],
  evaluate: ([input]) => (input ? dequantized(input) : null),
  layout: elementwise,
  raise: unsupported("tfjs computes in float32: convert the float model"),
  int8: unsupported("it is the border between integer and float itself"),
  border: true,
  version: (use) => {
    const dtype = inputDType(use, 0);
    if (dtype === "int8") return isPerChannel(use, 0) ? 5 : 2;
    return byInput(0, { float8e4m3fn: 9, float8e5m2: 9, uint4: 8, int2: 7, int4: 6, int16: 3, float16: 3 })(use);
  },
  minRuntime: { 1: "1.13.1", 2: "1.14.0", 3: "1.15.0", 5: "2.7.0", 6: "2.18.0", 7: "2.21.0", 8: "2.22.0", 9: "2.23.0" },
  fusedActivations: [],
  macs: noMacs,
  notes: ["MediaPipe writes version 2 for float16, which runtimes accept; version 3 is the documented one."],
});
