/** Stacks its operands along a new axis. In int8 all of them and the result share one scale. */

import { activations, defineOp, sameAs } from "./define-op.ts";
import { joined, reshaped } from "./evaluate/rearrange.ts";
import { stackedAlong } from "./layout/follow-axes.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { int } from "./raise/attributes.ts";
import { operandsOf } from "./raise/simple.ts";
import { need, refuse } from "./refuse.ts";
import { axisOf } from "./shape/axis.ts";
import { byInput } from "./version-rules.ts";

export const pack = defineOp({
  kind: "PACK",
  code: 83,
  options: "PackOptions",
  attributes: optionsOf("PackOptions", { valuesCount: 1 }),
  operands: [activations("inputs")],
  results: [sameAs("activations")],
  infer: (inputs, { axis, valuesCount }) => {
    if (inputs.length !== valuesCount) throw refuse(`It says ${valuesCount} operands and has ${inputs.length}.`);
    const first = need(inputs, 0, "inputs");
    const at = axisOf(axis, first.shape.length + 1);
    let shape = first.shape;
    for (const [i] of inputs.entries()) {
      const other = need(inputs, i, "inputs");
      if (other.dtype !== first.dtype || other.shape.length !== shape.length)
        throw refuse(`The operand ${i} is not like the first.`);
      shape = shape.map((size, k) => {
        const own = other.shape[k] ?? -1;
        if (size !== -1 && own !== -1 && size !== own)
          throw refuse(`The operand ${i} has another shape than the first.`);
        return size === -1 ? own : size;
      });
    }
    return [{ dtype: first.dtype, shape: shape.toSpliced(at, 0, valuesCount) }];
  },
  evaluate: (inputs, { axis }) => {
    const values = inputs.filter((input) => input !== null);
    const shape = values[0]?.shape ?? [];
    const at = axisOf(axis, shape.length + 1);
    const slices = values.map((value) => reshaped(value, shape.toSpliced(at, 0, 1)));
    const result = joined(slices, at, shape.toSpliced(at, 0, values.length));
    return result && [result];
  },
  layout: stackedAlong,
  raise: ({ attributes: { axis }, inputs, outputs }, to) => [
    to.node("Pack", operandsOf(to, inputs.length), {
      N: int(inputs.length),
      axis: int(axisOf(axis, outputs[0]?.shape.length ?? 0)),
    }),
  ],
  int8: true,
  int16: {},
  version: byInput(0, { int8: 2, int16: 3, uint32: 4 }),
  minRuntime: { 1: "1.11.0", 2: "1.14.0", 3: "2.3.0", 4: "2.13.0" },
  fusedActivations: [],
  macs: noMacs,
});
