/** Where along a constant axis the least value is, as an integer. */

import { activation, defineOp, index, none, unsupported } from "./define-op.ts";
import { droppedAxis } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { need } from "./refuse.ts";
import { axisOf, integersOf, unknownShape } from "./shape/axis.ts";
import { byInput } from "./version-rules.ts";

export const argMin = defineOp({
  kind: "ARG_MIN",
  code: 79,
  options: "ArgMinOptions",
  attributes: optionsOf("ArgMinOptions", { outputType: "INT32" }),
  operands: [activation("input"), index("axis")],
  results: [none],
  infer: (inputs, { outputType }) => {
    const input = need(inputs, 0, "input");
    const axis = integersOf(need(inputs, 1, "axis"));
    const rank = input.shape.length;
    const shape = axis ? input.shape.toSpliced(axisOf(axis[0] ?? 0, rank), 1) : unknownShape(rank - 1);
    return [{ dtype: outputType === "INT64" ? "int64" : "int32", shape }];
  },
  evaluate: unsupported("left to the runtime"),
  layout: droppedAxis,
  raise: raiseAs("ArgMin", 2),
  int8: true,
  version: byInput(0, { int8: 2, bool: 3 }),
  minRuntime: { 1: "1.9.0", 2: "1.14.0", 3: "2.9.0" },
  fusedActivations: [],
  macs: noMacs,
});
