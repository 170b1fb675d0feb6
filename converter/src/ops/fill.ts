/** One value everywhere in a given shape. */

import { activation, defineOp, index, sameAs } from "./define-op.ts";
import { takeElements } from "./evaluate/rearrange.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { type } from "./raise/attributes.ts";
import { dtypeIn } from "./raise/axes.ts";
import { operandsOf } from "./raise/simple.ts";
import { need, refuse } from "./refuse.ts";
import { integersOf, integersOfConstant, lengthOf, unknownShape } from "./shape/axis.ts";
import { byInput } from "./version-rules.ts";

export const fill = defineOp({
  kind: "FILL",
  code: 94,
  options: "FillOptions",
  attributes: optionsOf("FillOptions"),
  operands: [index("dims"), activation("value")],
  results: [sameAs("value")],
  infer: (inputs) => {
    const dims = need(inputs, 0, "dims");
    const value = need(inputs, 1, "value");
    if (value.shape.length !== 0) throw refuse(`A value of the shape [${value.shape.join(", ")}] is not one value.`);
    const sizes = integersOf(dims);
    if (sizes?.some((size) => size < 0)) throw refuse(`The shape [${sizes.join(", ")}] cannot be.`);
    return [{ dtype: value.dtype, shape: sizes ?? unknownShape(lengthOf(dims)) }];
  },
  evaluate: ([dims, value]) => {
    if (!dims || !value) return null;
    const filled = takeElements(value, integersOfConstant(dims), () => 0);
    return filled && [filled];
  },
  layout: barrier,
  raise: (use, to) => [to.node("Fill", operandsOf(to, 2), { T: type(dtypeIn(use.outputs[0])) })],
  int8: true,
  version: byInput(1, { bool: 2, string: 2, int8: 3, int16: 3, float16: 4 }),
  minRuntime: { 1: "1.13.0", 2: "2.3.0", 3: "2.5.0", 4: "2.12.0" },
  fusedActivations: [],
  macs: noMacs,
});
