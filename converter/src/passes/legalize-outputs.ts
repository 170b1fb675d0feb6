/**
 * An output that depends on nothing is made to wait for an input: what a kernel works out while it is prepared lies where
 * LiteRT does not read outputs from (seen in 2.3: RESHAPE, SHAPE, RANGE, TILE of constants).
 *
 *     RESHAPE(k, s) → output   →   SELECT_V2(NOT_EQUAL(x₀, x₀), k', k') → output, with x₀ the first element of an input
 */
import { byteSize, type Node, type TensorId } from "../ir/graph.ts";
import { notEqual } from "../ops/not-equal.ts";
import { selectV2 } from "../ops/select-v2.ts";
import { slice } from "../ops/slice.ts";
import { squeeze } from "../ops/squeeze.ts";
import { evaluateNode } from "./fold-constants.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";

/** What is worked out here stays in the file. */
const maxResultBytes = 2 ** 24;
/** dtypes that the kernels of all runtimes compare and select. */
const plainDTypes = ["float32", "int32", "int64", "bool"];

export const legalizeOutputs: Pass = {
  name: "legalize-outputs",
  run: (graph) => {
    let condition: TensorId | undefined;
    for (const node of graph.nodes()) {
      const [output] = node.outputs;
      if (node.outputs.length !== 1 || output === undefined || !graph.isOutput(output)) continue;
      const { dtype, shape, name } = graph.tensor(output);
      const small = shape.every((size) => size > 0) && byteSize(dtype, shape) <= maxResultBytes;
      if (!small || !plainDTypes.includes(dtype) || !dependsOnNothing(graph, node)) continue;
      const input = firstComparedInput(graph);
      const [value] = input === undefined ? [] : (evaluateNode(graph, node) ?? []);
      if (input === undefined || !value || value.dtype !== dtype) continue;
      const { bytes } = value;
      const constant = graph.addConstant(`${name}/value`, dtype, shape, {
        byteLength: bytes.byteLength,
        bytes: () => bytes,
      });
      const waits: Node[] = condition === undefined ? comparison(graph, input, node.name) : [];
      condition ??= waits.at(-1)?.outputs[0];
      if (condition === undefined) continue;
      const inputs = [condition, constant, constant];
      graph.replace(node, ...waits, selectV2.node({ name: node.name, inputs, outputs: [output] }));
    }
  },
};

const dependsOnNothing = (graph: GraphRewrite, { inputs }: Node): boolean =>
  inputs.every((id) => id === null || graph.tensor(id).constant !== undefined);

const firstComparedInput = (graph: GraphRewrite): TensorId | undefined =>
  graph.inputs.find((id) => plainDTypes.includes(graph.tensor(id).dtype) && !graph.shapeOf(id).includes(0));

/** One element compared with itself: something to choose by that is known only during a run. */
function comparison(graph: GraphRewrite, input: TensorId, name: string): Node[] {
  const { dtype, shape } = graph.tensor(input);
  const axes = shape.map((_, axis) => axis);
  const made = (role: string, dims: readonly number[], of = dtype) =>
    graph.addTensor({ name: `${name}/${role}`, dtype: of, shape: dims });
  const nodes: Node[] = [];
  let element = input;
  if (axes.length > 0) {
    const [corner, single] = [
      made(
        "corner",
        axes.map(() => 1),
      ),
      made("element", []),
    ];
    const begin = graph.addValues(
      `${name}/begin`,
      "int32",
      [axes.length],
      axes.map(() => 0),
    );
    const size = graph.addValues(
      `${name}/size`,
      "int32",
      [axes.length],
      axes.map(() => 1),
    );
    nodes.push(
      slice.node({ name: `${name}/corner`, inputs: [input, begin, size], outputs: [corner] }),
      squeeze.node({ name: `${name}/element`, inputs: [corner], outputs: [single], attributes: { squeezeDims: axes } }),
    );
    element = single;
  }
  const differs = made("differs", [], "bool");
  nodes.push(notEqual.node({ name: `${name}/differs`, inputs: [element, element], outputs: [differs] }));
  return nodes;
}
