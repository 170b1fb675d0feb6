/** "a" where the condition holds, else "b"; a condition of one axis picks whole rows. */

import { activation, defineOp, index, sameAs, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { need, refuse } from "./refuse.ts";
import { inputDType, inputRank } from "./version-rules.ts";

export const select = defineOp({
  kind: "SELECT",
  code: 64,
  options: "SelectOptions",
  attributes: optionsOf("SelectOptions"),
  operands: [index("condition"), activation("a"), activation("b")],
  results: [sameAs("activations")],
  infer: (inputs) => {
    const condition = need(inputs, 0, "condition");
    const [a, b] = [need(inputs, 1, "a"), need(inputs, 2, "b")];
    const fits = (left: readonly number[], right: readonly number[]): boolean =>
      left.every((size, axis) => size === right[axis] || size === -1 || right[axis] === -1);
    const { length } = a.shape;
    const rows = condition.shape.length <= 1 && fits(condition.shape, a.shape);
    if (a.dtype !== b.dtype || b.shape.length !== length || !fits(a.shape, b.shape))
      throw refuse(`${a.dtype}[${a.shape.join(", ")}] and ${b.dtype}[${b.shape.join(", ")}] do not go together.`);
    if (!rows && (condition.shape.length !== length || !fits(condition.shape, a.shape)))
      throw refuse(`A condition of [${condition.shape.join(", ")}] does not fit [${a.shape.join(", ")}].`);
    return [{ dtype: a.dtype, shape: a.shape }];
  },
  evaluate: unsupported("left to the runtime"),
  layout: barrier,
  raise: ({ inputs }, to) => {
    const [condition, chosen] = [inputs[0]?.shape ?? [], inputs[1]?.shape ?? []];
    const rows = condition.length === 1 && chosen.length > 1;
    const shape = [condition[0] ?? 1, ...chosen.slice(1).map(() => 1)];
    return [to.node("SelectV2", [rows ? to.arranged(0, { shape }) : to.operand(0), to.operand(1), to.operand(2)])];
  },
  int8: true,
  int16: {},
  version: (use) => {
    if (inputDType(use, 0) === "uint32") return 4;
    if ([0, 1, 2].some((operand) => inputRank(use, operand) === 5)) return 3;
    return inputDType(use, 0) === "int8" ? 2 : 1;
  },
  minRuntime: { 1: "1.14.0", 2: "1.14.0", 3: "2.12.0", 4: "2.12.0" },
  fusedActivations: [],
  macs: noMacs,
});
