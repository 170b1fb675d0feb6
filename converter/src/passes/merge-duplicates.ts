/**
 * Equal nodes on equal operands are one, and equal small constants are one:
 *
 *     a = RELU(x); b = RELU(x); y = ADD(a, b)   →   a = RELU(x); y = ADD(a, a)
 */
import type { AttributeValue, Node, TensorId } from "../ir/graph.ts";
import { custom } from "../ops/custom.ts";
import { opOf } from "../ops/registry.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";

/** Larger constants are told apart by identity alone: comparing weights would mean computing them. */
const comparedBytes = 1_024;

export const mergeDuplicates: Pass = {
  name: "merge-duplicates",
  run: (graph) => {
    const representative = mergedConstants(graph);
    const seen = new Map<string, Node>();
    for (const node of graph.nodes()) {
      if (!isPure(graph, node)) continue;
      const inputs = node.inputs.map((id) => (id === null ? null : (representative.get(id) ?? id)));
      const quantized = node.outputs.map((id) => graph.tensor(id).quantization ?? null);
      const key = JSON.stringify([node.kind, inputs, attributesOf(node), quantized]);
      const first = seen.get(key);
      if (!first) seen.set(key, node);
      else if (!node.outputs.some((id) => graph.isOutput(id))) {
        for (const [index, id] of node.outputs.entries()) {
          // Later nodes find what they use under the first node's results.
          representative.set(id, first.outputs[index]!);
          graph.redirect(id, first.outputs[index]!);
        }
        graph.remove(node);
      }
    }
  },
};

/** An operator that we know computes its result from its operands and nothing else. */
const isPure = (graph: GraphRewrite, node: Node): boolean =>
  opOf(node.kind) !== undefined &&
  !custom.is(node) &&
  !node.inputs.some((id) => id !== null && graph.tensor(id).variable === true);

const attributesOf = (node: Node): unknown =>
  Object.entries(node.attributes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => [name, printable(value)]);

const printable = (value: AttributeValue): unknown => (typeof value === "bigint" ? `${value}n` : value);

/** Small constants of equal dtype, shape and bytes → the first of them, for comparison only: uses stay as they are. */
function mergedConstants(graph: GraphRewrite): Map<TensorId, TensorId> {
  const representative = new Map<TensorId, TensorId>();
  const seen = new Map<string, TensorId>();
  for (const { id, dtype, shape, constant, quantization } of graph.tensors.values()) {
    if (!constant || constant.byteLength > comparedBytes) continue;
    const key = JSON.stringify([dtype, shape, quantization ?? null, String.fromCharCode(...constant.bytes())]);
    const first = seen.get(key);
    if (first === undefined) seen.set(key, id);
    else representative.set(id, first);
  }
  return representative;
}
