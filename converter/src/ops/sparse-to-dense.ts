/** One value everywhere in a given shape but for others at given positions. */

import { activation, defineOp, index, sameAs, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { need } from "./refuse.ts";
import { integersOf, lengthOf, unknownShape } from "./shape/axis.ts";
import { byInput } from "./version-rules.ts";

export const sparseToDense = defineOp({
  kind: "SPARSE_TO_DENSE",
  code: 68,
  options: "SparseToDenseOptions",
  attributes: optionsOf("SparseToDenseOptions"),
  operands: [index("indices"), index("shape"), activation("values"), activation("default")],
  results: [sameAs("activations")],
  infer: (inputs) => {
    const shape = need(inputs, 1, "shape");
    return [{ dtype: need(inputs, 2, "values").dtype, shape: integersOf(shape) ?? unknownShape(lengthOf(shape)) }];
  },
  evaluate: unsupported("left to the runtime"),
  layout: barrier,
  raise: raiseAs("SparseToDense", 4),
  int8: unsupported("left float: its values are mostly constants"),
  version: byInput(2, { int64: 2, int8: 3, uint8: 3 }),
  minRuntime: { 1: "1.9.0", 2: "1.14.0", 3: "1.15.0" },
  fusedActivations: [],
  macs: noMacs,
});
