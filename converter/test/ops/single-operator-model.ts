/** A model of one operator from an example: operands without values become inputs, results are what the operator infers. */

import { defaultSignature } from "../../src/ir/default-signature.ts";
import { constantOf, GraphDraft, type Model, type Quantization, type TensorId } from "../../src/ir/graph.ts";
import { bytesOf } from "../../src/ir/values.ts";
import type { Op } from "../../src/ops/define-op.ts";
import { factsOf } from "../../src/ops/graph-facts.ts";
import type { Example } from "./examples.ts";

export function singleOperatorModel(op: Op, example: Example): Model {
  const draft = new GraphDraft();
  const inputs = example.operands.map((operand, i): TensorId | null => {
    if (!operand) return null;
    const { shape, dtype = "float32", values, variable, scale, zeroPoint = 0 } = operand;
    const name = `operand_${i}`;
    const quantization = scale === undefined ? {} : perTensor(scale, zeroPoint);
    if (values)
      return draft.addTensor({ name, dtype, shape, constant: constantOf(bytesOf(dtype, values)), ...quantization });
    if (variable) return draft.addTensor({ name, dtype, shape, variable });
    const id = draft.addTensor({ name, dtype, shape, ...quantization });
    draft.inputs.push(id);
    return id;
  });
  const node = op.node({
    name: "node",
    inputs,
    outputs: [],
    ...(example.attributes ? { attributes: example.attributes } : {}),
  });
  const facts = inputs.map((id) => (id === null ? null : factsOf(draft.tensor(id))));
  const stored = example.results?.map((dtype) => ({ dtype, shape: [] }));
  const outputs = op.infer(facts, node.attributes, stored).map(({ dtype, shape }, i) =>
    draft.addTensor({
      name: `result_${i}`,
      dtype,
      shape,
      ...(example.resultScale === undefined ? {} : perTensor(example.resultScale, 0)),
    }),
  );
  draft.addNode({ ...node, outputs });
  draft.outputs.push(...outputs);
  const graph = draft.freeze();
  return { description: "", graphs: [graph], signatures: [defaultSignature(graph)], metadata: [] };
}

const perTensor = (scale: number, zeroPoint: number): { quantization: Quantization } => ({
  quantization: { scales: [Math.fround(scale)], zeroPoints: [zeroPoint], axis: 0 },
});
