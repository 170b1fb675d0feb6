/**
 * Operands as the kernels want them in a file: a bias of zeros where they do not do without, none at the end otherwise.
 *
 *     CONV_2D(x, w, –)   →   CONV_2D(x, w, 0)          FULLY_CONNECTED(x, w, –)   →   FULLY_CONNECTED(x, w)
 */
import type { TensorId } from "../ir/graph.ts";
import { opOf } from "../ops/registry.ts";
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
        const channels = graph.shapeOf(node.outputs[0]!).at(-1) ?? 0; // operators with a bias have one result
        inputs[index] = graph.addValues(`${node.name}/bias`, "float32", [channels], new Float32Array(channels));
      }
      while (inputs.length > 0 && inputs.at(-1) === null) inputs.pop();
      if (inputs.length !== node.inputs.length || inputs.some((id, i) => id !== node.inputs[i])) {
        graph.replace(node, { ...node, inputs });
      }
    }
  },
};
