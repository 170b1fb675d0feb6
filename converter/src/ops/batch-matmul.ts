/** Matrix products of the last two axes, the others broadcast; either side may be transposed first. */

import { activation, activationOrWeight, defineOp, free, unsupported } from "./define-op.ts";
import { barrierOfMatrices } from "./layout/layout-rule.ts";
import { optionsOf } from "./options.ts";
import { raiseBatchMatmul } from "./raise/batch-matmul.ts";
import { need, refuse } from "./refuse.ts";
import { broadcastShapes } from "./shape/broadcast.ts";
import { byInput, isHybrid } from "./version-rules.ts";

export const batchMatmul = defineOp({
  kind: "BATCH_MATMUL",
  code: 126,
  options: "BatchMatMulOptions",
  attributes: optionsOf("BatchMatMulOptions"),
  operands: [activation("a"), activationOrWeight("b", { channelAxis: null })],
  results: [free],
  infer: (inputs, { adjX, adjY }) => {
    const [a, b] = [need(inputs, 0, "a"), need(inputs, 1, "b")];
    if (a.shape.length < 2 || b.shape.length < 2) throw refuse("Both operands need at least two axes.");
    const [rows = -1, depth = -1] = adjX ? a.shape.slice(-2).reverse() : a.shape.slice(-2);
    const [height = -1, columns = -1] = adjY ? b.shape.slice(-2).reverse() : b.shape.slice(-2);
    if (depth !== height && depth !== -1 && height !== -1) throw refuse(`${depth} columns meet ${height} rows.`);
    const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
    return [{ dtype: a.dtype, shape: [...batch, rows, columns] }];
  },
  evaluate: unsupported("heavy: left to the runtime"),
  layout: barrierOfMatrices,
  raise: raiseBatchMatmul,
  int8: true,
  int16: {},
  hybrid: { weights: ["b"], perChannel: false, attributes: { asymmetricQuantizeInputs: true } },
  version: (use) => {
    if (isHybrid(use) && use.attributes.asymmetricQuantizeInputs) return 4;
    return byInput(0, { int8: 2, int16: 3 })(use);
  },
  minRuntime: { 1: "2.3.0", 2: "2.3.0", 3: "2.4.0", 4: "2.5.0" },
  fusedActivations: [],
  macs: (use) => {
    const depth = use.inputs[0]?.shape.at(use.attributes.adjX ? -2 : -1) ?? 1;
    return (use.outputs[0]?.shape ?? []).reduce((product, size) => product * Math.max(size, 1), Math.max(depth, 1));
  },
});
