/** `a` where the condition holds, else `b`; all three broadcast. */

import { activation, defineOp, index, sameAs } from "./define-op.ts";
import { elementBytesOf, spreadTo } from "./evaluate/rearrange.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { need } from "./refuse.ts";
import { broadcastShapes } from "./shape/broadcast.ts";
import { broadcastOfTwo } from "./shape/same.ts";
import { byInput } from "./version-rules.ts";

export const selectV2 = defineOp({
  kind: "SELECT_V2",
  code: 123,
  options: "SelectV2Options",
  attributes: optionsOf("SelectV2Options"),
  operands: [index("condition"), activation("a"), activation("b")],
  results: [sameAs("activations")],
  infer: (inputs) => {
    const condition = need(inputs, 0, "condition");
    const [values] = broadcastOfTwo(inputs.slice(1));
    const shape = broadcastShapes(condition.shape, values?.shape ?? []);
    return [{ dtype: need(inputs, 1, "a").dtype, shape }];
  },
  evaluate: ([condition, a, b]) => {
    if (!condition || !a || !b || a.dtype !== b.dtype || elementBytesOf(a.dtype) === null) return null;
    const shape = broadcastShapes(condition.shape, broadcastShapes(a.shape, b.shape));
    const [mask, yes, no] = [condition, a, b].map((value) => spreadTo(value, shape)?.bytes ?? new Uint8Array(0));
    if (!mask || !yes || !no) return null;
    const size = elementBytesOf(a.dtype) ?? 1;
    const bytes = Uint8Array.from(yes, (byte, at) => (mask[Math.floor(at / size)] ? byte : (no[at] ?? 0)));
    return [{ dtype: a.dtype, shape, bytes }];
  },
  layout: elementwise,
  raise: raiseAs("SelectV2", 3),
  int8: true,
  int16: {},
  version: byInput(0, { uint32: 2 }),
  minRuntime: { 1: "2.2.0", 2: "2.12.0" },
  fusedActivations: [],
  macs: noMacs,
});
