/**
 * Nodes whose results nothing uses go, and then tensors that nothing names:
 *
 *     a = RELU(x); y = TANH(x); return y   →   y = TANH(x); return y
 */
import type { TensorId } from "../ir/graph.ts";
import type { Pass } from "./pass.ts";

export const removeDeadCode: Pass = {
  name: "remove-dead-code",
  run: (graph) => {
    const live = new Set<TensorId>();
    // From the last node to the first: what a node needs lies in front of it.
    for (const node of [...graph.nodes()].reverse()) {
      const needed =
        node.outputs.length === 0 ||
        node.outputs.some((id) => live.has(id) || graph.isOutput(id)) ||
        hasState(node.inputs);
      if (!needed) graph.remove(node);
      else
        for (const id of [...node.inputs, ...node.outputs, ...(node.intermediates ?? [])])
          if (id !== null) live.add(id);
    }
    for (const { id } of [...graph.tensors.values()]) {
      if (!live.has(id) && !graph.isInput(id) && !graph.isOutput(id)) graph.dropTensor(id);
    }

    function hasState(inputs: readonly (TensorId | null)[]): boolean {
      return inputs.some((id) => id !== null && graph.tensor(id).variable === true);
    }
  },
};
