/**
 * An activation that is all that uses a result goes into the operator that makes it, where that operator can clamp:
 *
 *     y = RELU6(CONV_2D(x))   →   y = CONV_2D(x) with fusedActivationFunction RELU6
 *
 * Last of the rewrites: what is fused hides from all patterns above. In float32 only: integers are rounded in between.
 */
import { opOf } from "../ops/registry.ts";
import { isLinear } from "./affine.ts";
import type { Pass } from "./pass.ts";

export const fuseActivations: Pass = {
  name: "fuse-activations",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const fusedActivationFunction = opOf(node.kind)?.fusesAs;
      const maker = graph.soleProducerOf(node.inputs[0], node);
      if (fusedActivationFunction === undefined || !maker || maker.outputs.length !== 1 || !isLinear(maker)) continue;
      if (!opOf(maker.kind)?.fusedActivations.includes(fusedActivationFunction)) continue;
      if (node.outputs.some((id) => graph.tensor(id).dtype !== "float32")) continue;
      graph.remove(maker);
      graph.replace(node, {
        ...maker,
        outputs: node.outputs,
        attributes: { ...maker.attributes, fusedActivationFunction },
      });
    }
  },
};
