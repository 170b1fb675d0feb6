/** The sum of all operands, of one shape. */

import { activations, defineOp, free, unsupported } from "./define-op.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { int } from "./raise/attributes.ts";
import { operandsOf } from "./raise/simple.ts";
import { need, refuse } from "./refuse.ts";
import { always1 } from "./version-rules.ts";

export const addN = defineOp({
  kind: "ADD_N",
  code: 106,
  options: "AddNOptions",
  attributes: optionsOf("AddNOptions"),
  operands: [activations("terms")],
  results: [free],
  infer: (inputs) => {
    const { dtype, shape } = need(inputs, 0, "terms");
    for (const term of inputs)
      if (term?.dtype !== dtype || term.shape.length !== shape.length)
        throw refuse(
          `A term of ${term?.dtype}[${term?.shape.join(", ")}] beside one of ${dtype}[${shape.join(", ")}].`,
        );
    return [{ dtype, shape }];
  },
  evaluate: unsupported("left to the runtime"),
  layout: elementwise,
  raise: ({ inputs }, to) => [to.node("AddN", operandsOf(to, inputs.length), { N: int(inputs.length) })],
  int8: unsupported("no int8 kernel"),
  version: always1,
  minRuntime: { 1: "1.14.0" },
  fusedActivations: [],
  macs: noMacs,
});
