/** The shape of its operand as integers. */

import { bytesOf } from "../ir/values.ts";
import { activation, defineOp, none } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { need } from "./refuse.ts";
import { always1 } from "./version-rules.ts";

export const shape = defineOp({
  kind: "SHAPE",
  code: 77,
  options: "ShapeOptions",
  attributes: optionsOf("ShapeOptions", { outType: "INT32" }),
  operands: [activation("input")],
  results: [none],
  infer: (inputs, { outType }) => {
    const dtype = outType === "INT64" ? "int64" : "int32";
    return [{ dtype, shape: [need(inputs, 0, "input").shape.length] }];
  },
  evaluate: ([input], { outType }) => {
    if (!input) return null;
    const dtype = outType === "INT64" ? "int64" : "int32";
    return [{ dtype, shape: [input.shape.length], bytes: bytesOf(dtype, input.shape) }];
  },
  layout: barrier,
  raise: raiseAs("Shape"),
  int8: true,
  version: always1,
  minRuntime: { 1: "1.10.0" },
  fusedActivations: [],
  macs: noMacs,
});
