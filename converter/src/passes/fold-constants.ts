/**
 * What depends on constants only is computed now, by the operator's own `evaluate`:
 *
 *     y = ADD(1, 2)   →   y = 3          SHAPE(x)   →   [1, 28, 28, 3], where x has no dynamic size
 *
 * Results are at most 1 MiB, so that nothing small becomes large; widening of stored weights is `decode-constants.ts`.
 */
import { byteSize, type Node, type TensorId } from "../ir/graph.ts";
import { type ConstantValue, isUnsupported } from "../ops/define-op.ts";
import { operandsOf, resultsOf } from "../ops/graph-facts.ts";
import { opOf } from "../ops/registry.ts";
import { shape as shapeOp } from "../ops/shape.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";

const maxResultBytes = 2 ** 20;

export const foldConstants: Pass = {
  name: "fold-constants",
  run: (graph) => {
    for (const node of graph.nodes()) {
      settleShapes(graph, node);
      const small = node.outputs.every((id) => {
        const { dtype, shape } = graph.tensor(id);
        return !shape.includes(-1) && byteSize(dtype, shape) <= maxResultBytes && !graph.isOutput(id);
      });
      const results = small ? evaluateNode(graph, node) : undefined;
      if (results) makeConstants(graph, node, results);
    }
  },
};

/** Sizes that were open until an operand became constant are worked out, so that SHAPE further on can be too. */
function settleShapes(graph: GraphRewrite, node: Node): void {
  const isOpen = (id: TensorId): boolean => graph.shapeOf(id).includes(-1);
  const op = opOf(node.kind);
  if (!op || !node.outputs.some(isOpen)) return;
  for (const [index, { shape }] of op
    .infer(operandsOf(graph, node), node.attributes, resultsOf(graph, node))
    .entries()) {
    const id = node.outputs[index];
    if (id !== undefined && isOpen(id) && shape.length === graph.shapeOf(id).length && !shape.includes(-1)) {
      graph.setTensor(id, { shape });
    }
  }
}

/** The node's results, if its operands are constant and its operator evaluates them. */
export function evaluateNode(graph: GraphRewrite, node: Node): readonly ConstantValue[] | undefined {
  const op = opOf(node.kind);
  if (!op || isUnsupported(op.evaluate)) return undefined;
  const values: (ConstantValue | null)[] = [];
  for (const id of node.inputs) {
    const value = id === null ? null : constantValue(graph, id, shapeOp.is(node));
    if (value === undefined) return undefined;
    values.push(value);
  }
  return op.evaluate(values, node.attributes) ?? undefined;
}

/** A constant's value; where only the shape matters, a stand-in for any tensor of a known shape. */
function constantValue(graph: GraphRewrite, id: TensorId, shapeOnly: boolean): ConstantValue | undefined {
  const { dtype, shape, constant, quantization } = graph.tensor(id);
  if (!constant && (!shapeOnly || shape.includes(-1))) return undefined;
  const bytes = constant && !shapeOnly ? constant.bytes() : new Uint8Array(0);
  return { dtype, shape, bytes, ...(quantization ? { quantization } : {}) };
}

/** The node's results become constants of the same ids, and the node goes. */
export function makeConstants(graph: GraphRewrite, node: Node, results: readonly ConstantValue[]): void {
  graph.remove(node);
  for (const [index, id] of node.outputs.entries()) {
    const { bytes, shape, dtype } = results[index]!; // `evaluate` gives one per result
    graph.setTensor(id, { shape, dtype, constant: { byteLength: bytes.byteLength, bytes: () => bytes } });
  }
}
