/**
 * Operators that only give the same elements another shape become one RESHAPE, however many follow each other:
 *
 *     y = SQUEEZE(x)   →   y = RESHAPE(x, shape of y)             likewise EXPAND_DIMS
 *     y = RESHAPE(RESHAPE(x, s), t)   →   y = RESHAPE(x, t)
 *     y = RESHAPE(RESHAPE(x, s), [])  →   y = SQUEEZE(x)
 */
import type { Node } from "../ir/graph.ts";
import { expandDims } from "../ops/expand-dims.ts";
import { reshape } from "../ops/reshape.ts";
import { squeeze } from "../ops/squeeze.ts";
import type { Pass } from "./pass.ts";

const onlyReshapes = (node: Node | undefined): node is Node =>
  reshape.is(node) || squeeze.is(node) || expandDims.is(node);

export const mergeReshapes: Pass = {
  name: "merge-reshapes",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const [output] = node.outputs;
      let [source] = node.inputs;
      if (!onlyReshapes(node) || output === undefined || typeof source !== "number") continue;
      const shape = graph.shapeOf(output);
      if (shape.indexOf(-1) !== shape.lastIndexOf(-1)) continue; // a reshape can work out one open size
      const before = graph.producerOf(source);
      // The one in front may have other uses: it stays for them.
      if (onlyReshapes(before) && typeof before.inputs[0] === "number") source = before.inputs[0];
      else if (reshape.is(node)) continue;
      if (shape.length === 0) {
        // A target shape without axes would be a constant without elements, which kernels take for one not known yet.
        if (squeeze.is(node) && source === node.inputs[0]) continue;
        const attributes = { squeezeDims: graph.shapeOf(source).map((_, axis) => axis) };
        graph.replace(node, squeeze.node({ name: node.name, inputs: [source], outputs: [output], attributes }));
        continue;
      }
      const target = graph.addValues(`${node.name}/shape`, "int32", [shape.length], shape);
      graph.replace(
        node,
        reshape.node({
          name: node.name,
          inputs: [source, target],
          outputs: [output],
          attributes: { newShape: shape },
        }),
      );
    }
  },
};
