/** Its operand continued beyond its edges as in a mirror. */

import { activation, defineOp, index, sameAs, unsupported } from "./define-op.ts";
import { perAxis } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { text } from "./raise/attributes.ts";
import { need, refuse } from "./refuse.ts";
import { inferPadded } from "./shape/pad.ts";
import { byInput } from "./version-rules.ts";

export const mirrorPad = defineOp({
  kind: "MIRROR_PAD",
  code: 100,
  options: "MirrorPadOptions",
  attributes: optionsOf("MirrorPadOptions"),
  operands: [activation("input"), index("paddings")],
  results: [sameAs("input")],
  infer: (inputs, { mode }) => {
    const input = need(inputs, 0, "input");
    const most = mode === "REFLECT" ? 1 : 0;
    const results = inferPadded(inputs);
    for (const [axis, size] of (results[0]?.shape ?? []).entries()) {
      const own = input.shape[axis] ?? -1;
      if (own !== -1 && size > own + 2 * (own - most))
        throw refuse(`Axis ${axis} of size ${own} is too short for its padding.`);
    }
    return results;
  },
  evaluate: unsupported("left to the runtime"),
  layout: perAxis([1], 2),
  raise: ({ attributes: { mode } }, to) => [to.node("MirrorPad", [to.operand(0), to.operand(1)], { mode: text(mode) })],
  int8: true,
  int16: {},
  version: byInput(0, { int8: 2, int16: 3 }),
  minRuntime: { 1: "1.13.1", 2: "2.3.0", 3: "2.12.0" },
  fusedActivations: [],
  macs: noMacs,
});
