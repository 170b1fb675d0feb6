/** Joins its operands along an axis. In int8 all of them and the result share one scale. */

import type { Shape } from "../ir/graph.ts";
import { activations, defineOp, type ResultFacts, sameAs } from "./define-op.ts";
import { joined } from "./evaluate/rearrange.ts";
import { joinedAlong } from "./layout/follow-axes.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { int } from "./raise/attributes.ts";
import { axisConstant } from "./raise/axes.ts";
import { activated, operandsOf } from "./raise/simple.ts";
import { need, refuse } from "./refuse.ts";
import { axisOf } from "./shape/axis.ts";
import { byInput } from "./version-rules.ts";

function joinedShape(inputs: readonly ResultFacts[], axis: number): Shape {
  const [first] = inputs;
  const shape = [...(first?.shape ?? [])];
  const at = axisOf(axis, shape.length);
  for (const [i, input] of inputs.entries()) {
    if (input.dtype !== first?.dtype || input.shape.length !== shape.length)
      throw refuse(`The operand ${i} is ${input.dtype} of rank ${input.shape.length}, unlike the first.`);
    for (const [k, size] of input.shape.entries()) {
      const known = shape[k] ?? -1;
      if (k === at) {
        if (i > 0) shape[k] = known === -1 || size === -1 ? -1 : known + size;
      } else if (known === -1) shape[k] = size;
      else if (size !== -1 && size !== known)
        throw refuse(`Axis ${k} of the operand ${i} is ${size} and must be ${known}.`);
    }
  }
  return shape;
}

export const concatenation = defineOp({
  kind: "CONCATENATION",
  code: 2,
  options: "ConcatenationOptions",
  attributes: optionsOf("ConcatenationOptions"),
  operands: [activations("inputs")],
  results: [sameAs("activations")],
  infer: (inputs, { axis }) => {
    const first = need(inputs, 0, "inputs");
    return [
      {
        dtype: first.dtype,
        shape: joinedShape(
          inputs.map((_, i) => need(inputs, i, "inputs")),
          axis,
        ),
      },
    ];
  },
  evaluate: (inputs, { axis }) => {
    const values = inputs.filter((input) => input !== null);
    const result = joined(values, axisOf(axis, values[0]?.shape.length ?? 0), joinedShape(values, axis));
    return result && [result];
  },
  layout: joinedAlong,
  raise: ({ attributes: { axis, fusedActivationFunction }, inputs, outputs }, to) => {
    const parts = operandsOf(to, inputs.length);
    const along = axisConstant(to, axis, outputs[0]?.shape.length ?? 0);
    const whole = to.node("ConcatV2", [...parts, along], { N: int(parts.length) });
    return [activated(to, whole, fusedActivationFunction)];
  },
  int8: true,
  int16: {},
  version: byInput(0, { int8: 2, int16: 3, uint32: 4, int4: 5 }),
  minRuntime: { 1: "1.5.0", 2: "1.14.0", 3: "2.3.0", 4: "2.14.0", 5: "2.21.0" },
  fusedActivations: [],
  macs: noMacs,
  notes: ["Its option for a fused activation is one that kernels refuse."],
});
