/** Along a new axis, "on" at the place that an index names and "off" elsewhere. */

import { activation, defineOp, index, none, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseOneHot } from "./raise/one-hot.ts";
import { need, refuse } from "./refuse.ts";
import { integersOf } from "./shape/axis.ts";
import { always1 } from "./version-rules.ts";

export const oneHot = defineOp({
  kind: "ONE_HOT",
  code: 85,
  options: "OneHotOptions",
  attributes: optionsOf("OneHotOptions", { axis: -1 }),
  operands: [index("indices"), index("depth"), activation("on"), activation("off")],
  results: [none],
  infer: (inputs, { axis }) => {
    const indices = need(inputs, 0, "indices");
    const [depth = -1] = integersOf(need(inputs, 1, "depth")) ?? [];
    const [on, off] = [need(inputs, 2, "on"), need(inputs, 3, "off")];
    if (on.dtype !== off.dtype) throw refuse(`${on.dtype} and ${off.dtype} do not go together.`);
    const rank = indices.shape.length;
    if (depth < -1 || axis < -1 || axis > rank) throw refuse(`A depth of ${depth} along axis ${axis} cannot be.`);
    return [{ dtype: on.dtype, shape: indices.shape.toSpliced(axis === -1 ? rank : axis, 0, depth) }];
  },
  evaluate: unsupported("left to the runtime"),
  layout: barrier,
  raise: raiseOneHot,

  int8: unsupported("its values are two constants, which need no scale"),
  version: always1,
  minRuntime: { 1: "1.11.0" },
  fusedActivations: [],
  macs: noMacs,
});
