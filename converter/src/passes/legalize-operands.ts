/**
 * Operands as the kernels want them in a file: a bias of zeros where they do not do without, none at the end otherwise.
 *
 *     CONV_2D(x, w, –)   →   CONV_2D(x, w, 0)          FULLY_CONNECTED(x, w, –)   →   FULLY_CONNECTED(x, w)
 *
 * The bias of integer operators is int32 (int64 for int16), its scale the product of its operands' (quantization spec).
 */
import type { Node, Quantization, TensorId } from "../ir/graph.ts";
import type { OperandRole } from "../ops/define-op.ts";
import { opOf } from "../ops/registry.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";

export const legalizeOperands: Pass = {
  name: "legalize-operands",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const operands = opOf(node.kind)?.operands ?? [];
      const inputs: (TensorId | null)[] = [...node.inputs];
      for (const [index, operand] of operands.entries()) {
        if (operand.role !== "bias" || operand.inFile !== true || (inputs[index] ?? null) !== null) continue;
        while (inputs.length <= index) inputs.push(null);
        inputs[index] = zeroBias(graph, node, operands, operand.of);
      }
      while (inputs.length > 0 && inputs.at(-1) === null) inputs.pop();
      if (inputs.length !== node.inputs.length || inputs.some((id, i) => id !== node.inputs[i])) {
        graph.replace(node, { ...node, inputs });
      }
    }
  },
};

function zeroBias(
  graph: GraphRewrite,
  node: Node,
  operands: readonly OperandRole[],
  of: readonly [string, string],
): TensorId {
  const [value, weights] = of.map((name) => {
    const id = node.inputs[operands.findIndex((operand) => operand.name === name)];
    return typeof id === "number" ? graph.tensor(id) : undefined;
  });
  const channels = graph.shapeOf(node.outputs[0]!).at(-1) ?? 0; // operators with a bias have one result
  const name = `${node.name}/bias`;
  const dtype = value?.dtype === "int16" ? "int64" : value?.dtype === "float32" ? "float32" : "int32";
  const bias = graph.addValues(name, dtype, [channels], new Float32Array(channels));
  const quantization = productOf(value?.quantization, weights?.quantization);
  if (dtype !== "float32" && quantization) graph.setTensor(bias, { quantization });
  return bias;
}

function productOf(value: Quantization | undefined, weights: Quantization | undefined): Quantization | undefined {
  const [scale] = value?.scales ?? [];
  if (scale === undefined || !weights) return undefined;
  const scales = weights.scales.map((weightScale) => Math.fround(scale * weightScale));
  return { scales, zeroPoints: scales.map(() => 0), axis: 0 };
}
