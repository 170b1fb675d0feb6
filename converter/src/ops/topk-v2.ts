/** The k greatest values along the last axis, greatest first, and where they were. */

import { activation, defineOp, index, none, sameAs, unsupported } from "./define-op.ts";
import { lastAxisStays } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { flag } from "./raise/attributes.ts";
import { operandsOf } from "./raise/simple.ts";
import { need, refuse } from "./refuse.ts";
import { integersOf } from "./shape/axis.ts";
import { inputDType } from "./version-rules.ts";

export const topkV2 = defineOp({
  kind: "TOPK_V2",
  code: 48,
  options: "TopKV2Options",
  attributes: optionsOf("TopKV2Options"),
  operands: [activation("input"), index("k")],
  results: [sameAs("input"), none],
  infer: (inputs, _attributes, stored) => {
    const { dtype, shape } = need(inputs, 0, "input");
    const [k = -1] = integersOf(need(inputs, 1, "k")) ?? [];
    const last = shape.at(-1);
    if (last === undefined || k < -1 || (last !== -1 && k > last))
      throw refuse(`It cannot take ${k} of the shape [${shape.join(", ")}].`);
    const found = shape.with(-1, k);
    const places = stored?.[1]?.dtype === "int16" ? "int16" : "int32";
    return [
      { dtype, shape: found },
      { dtype: places, shape: found },
    ];
  },
  evaluate: unsupported("left to the runtime"),
  layout: lastAxisStays,
  raise: (_use, to) => to.nodes("TopKV2", operandsOf(to, 2), { sorted: flag(true) }, 2),
  int8: true,
  version: (use) => {
    if ([inputDType(use, 0), inputDType(use, 1), use.outputs[1]?.dtype].includes("int16")) return 3;
    return inputDType(use, 0) === "int8" ? 2 : 1;
  },
  minRuntime: { 1: "1.7.0", 2: "1.14.0", 3: "2.13.0" },
  fusedActivations: [],
  macs: noMacs,
});
