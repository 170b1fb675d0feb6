/** Rows of a table, picked by a list of ids; a table of integers with one scale a row gives floats. */

import { activationOrWeight, defineOp, index, sameAs, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { int } from "./raise/attributes.ts";
import { need, needRank, refuse } from "./refuse.ts";
import { inputDType, isPerChannel } from "./version-rules.ts";

export const embeddingLookup = defineOp({
  kind: "EMBEDDING_LOOKUP",
  code: 7,
  options: null,
  attributes: {},
  operands: [index("ids"), activationOrWeight("table", { channelAxis: 0 })],
  results: [sameAs("table")],
  infer: (inputs, _attributes, stored) => {
    const ids = needRank(inputs, 0, "ids", 1);
    const table = need(inputs, 1, "table");
    if (table.shape.length < 2) throw refuse(`A table of the shape [${table.shape.join(", ")}] has no rows.`);
    const dtype = stored?.[0]?.dtype === "float32" ? "float32" : table.dtype;
    return [{ dtype, shape: [ids.shape[0] ?? -1, ...table.shape.slice(1)] }];
  },
  evaluate: unsupported("left to the runtime"),
  layout: barrier,
  raise: (_use, to) => [
    to.node("GatherV2", [to.operand(1), to.operand(0), to.constant("int32", 0)], { batch_dims: int(0) }),
  ],
  int8: true,
  hybrid: { weights: ["table"], perChannel: true, int4: { blocks: false } },
  version: (use) => {
    const table = inputDType(use, 1);
    if (table === "int4" || isPerChannel(use, 1)) return 4;
    return table === "int2" ? 5 : 1;
  },
  minRuntime: { 1: "1.13.0", 4: "2.18.0", 5: "2.21.0" },
  fusedActivations: [],
  macs: noMacs,
});
