/** Changes the dtype of the values, not of their scale. The kernel goes by the result's dtype, not by its options. */

import type { DType } from "../ir/graph.ts";
import { bytesOf, valuesOf } from "../ir/values.ts";
import { activation, defineOp, none, unsupported } from "./define-op.ts";
import { dtypeOf } from "./element-type.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { type } from "./raise/attributes.ts";
import { dtypeIn } from "./raise/axes.ts";
import { notRaised } from "./raise/tensorflow-nodes.ts";
import { need, refuse } from "./refuse.ts";
import { inputDType } from "./version-rules.ts";

/** What shape arithmetic goes through. Fractions are cut off, as in C; what does not fit is left to the runtime. */
const evaluated: readonly DType[] = ["float32", "int32", "int64", "bool"];

export const cast = defineOp({
  kind: "CAST",
  code: 53,
  options: "CastOptions",
  attributes: optionsOf("CastOptions"),
  operands: [activation("input")],
  results: [none],
  infer: (inputs, { outDataType }, stored) => {
    const input = need(inputs, 0, "input");
    const dtype = stored?.[0]?.dtype ?? dtypeOf(outDataType);
    if (!dtype) throw refuse(`It cannot cast to ${outDataType}.`);
    return [{ dtype, shape: input.shape }];
  },
  evaluate: ([input], { outDataType }) => {
    const dtype = dtypeOf(outDataType);
    if (!input || !evaluated.includes(input.dtype) || !dtype || !evaluated.includes(dtype)) return null;
    const values = valuesOf(input.dtype, input.bytes);
    if (dtype === "bool")
      return [
        {
          dtype,
          shape: input.shape,
          bytes: bytesOf(
            dtype,
            Array.from(values, (x) => (x === 0 ? 0 : 1)),
          ),
        },
      ];
    const whole = dtype === "float32" || input.dtype !== "float32";
    if (!whole && Array.from(values).some((x) => !(Math.abs(x) < 2 ** 31))) return null;
    return [{ dtype, shape: input.shape, bytes: bytesOf(dtype, whole ? values : Array.from(values, Math.trunc)) }];
  },
  layout: elementwise,
  raise: (use, to) => {
    const dtype = use.outputs[0]?.dtype ?? "float32";
    if (!["float32", "int32", "int64", "bool"].includes(dtype)) throw notRaised(`tfjs has no ${dtype}`);
    return [to.node("Cast", [to.operand(0)], { DstT: type(dtypeIn(use.outputs[0])) })];
  },
  int8: unsupported("it casts the stored integers without looking at their scale"),
  version: (use) => {
    const dtypes = [inputDType(use, 0), use.outputs[0]?.dtype];
    if (dtypes.includes("int2") || dtypes.includes("uint4")) return 8;
    if (dtypes.includes("bfloat16")) return 7;
    if (dtypes[0] === "int4") return 6;
    if (dtypes.includes("float64") || dtypes.includes("float16")) return 5;
    if (dtypes.includes("uint16")) return 4;
    if (dtypes.includes("int8")) return 3;
    return dtypes.includes("uint32") ? 2 : 1;
  },
  minRuntime: { 1: "1.5.0", 2: "2.7.0", 3: "2.8.0", 4: "2.9.0", 5: "2.12.0", 6: "2.15.0", 7: "2.17.0", 8: "2.21.0" },
  fusedActivations: [],
  macs: noMacs,
});
