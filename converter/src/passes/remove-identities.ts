/**
 * Nodes that hand their operand on unchanged go:
 *
 *     RESHAPE to the same shape   TRANSPOSE by 0,1,2,…   PAD by nothing   SLICE of everything   CONCATENATION of one
 *     MUL by 1   DIV by 1   ADD of 0   SUB of 0   STRIDED_SLICE of everything   SELECT_V2 by a constant that says one thing
 */
import type { Node, Shape, TensorId } from "../ir/graph.ts";
import { add } from "../ops/add.ts";
import { concatenation } from "../ops/concatenation.ts";
import { div } from "../ops/div.ts";
import { expandDims } from "../ops/expand-dims.ts";
import { mul } from "../ops/mul.ts";
import { pad } from "../ops/pad.ts";
import { reshape } from "../ops/reshape.ts";
import { selectV2 } from "../ops/select-v2.ts";
import { slice } from "../ops/slice.ts";
import { squeeze } from "../ops/squeeze.ts";
import { stridedSlice } from "../ops/strided-slice.ts";
import { sub } from "../ops/sub.ts";
import { transpose } from "../ops/transpose.ts";
import { isLinear } from "./affine.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";
import { integersOf, scalarOf } from "./scalars.ts";

export const removeIdentities: Pass = {
  name: "remove-identities",
  run: (graph) => {
    for (const node of graph.nodes()) {
      if (node.outputs.length !== 1) continue;
      const value = unchangedOperand(graph, node);
      if (value !== undefined && sameFacts(graph, value, node.outputs[0]!)) graph.bypass(node, value);
    }
  },
};

/** The operand that the node's only result equals, if their shapes are equal. */
function unchangedOperand(graph: GraphRewrite, node: Node): TensorId | undefined {
  const [first, second] = node.inputs;
  if (typeof first !== "number") return undefined;
  // The same elements in the same order: equal shapes make them equal values.
  if (reshape.is(node) || squeeze.is(node) || expandDims.is(node) || slice.is(node)) return first;
  if (concatenation.is(node)) return node.inputs.length === 1 && isLinear(node) ? first : undefined;
  if (pad.is(node)) return integersOf(graph, second)?.every((count) => count === 0) ? first : undefined;
  if (transpose.is(node)) return integersOf(graph, second)?.every((axis, i) => axis === i) ? first : undefined;
  if (stridedSlice.is(node))
    return integersOf(graph, node.inputs[3])?.every((stride) => stride === 1) ? first : undefined;
  if (typeof second !== "number" || !isLinear(node)) return undefined;
  if (selectV2.is(node)) return selected(graph, node);
  if (mul.is(node)) return scalarOf(graph, second) === 1 ? first : scalarOf(graph, first) === 1 ? second : undefined;
  if (add.is(node)) return scalarOf(graph, second) === 0 ? first : scalarOf(graph, first) === 0 ? second : undefined;
  if (sub.is(node)) return scalarOf(graph, second) === 0 ? first : undefined;
  return div.is(node) && scalarOf(graph, second) === 1 ? first : undefined;
}

/** What a condition that is the same everywhere selects. */
function selected(graph: GraphRewrite, { inputs: [condition, yes, no] }: Node): TensorId | undefined {
  const { constant, dtype } = typeof condition === "number" ? graph.tensor(condition) : {};
  const bytes = dtype === "bool" && constant && constant.byteLength <= 65_536 ? constant.bytes() : undefined;
  const chosen = bytes?.every((one) => one !== 0) ? yes : bytes?.every((one) => one === 0) ? no : undefined;
  return chosen ?? undefined;
}

function sameFacts(graph: GraphRewrite, a: TensorId, b: TensorId): boolean {
  const [left, right] = [graph.tensor(a), graph.tensor(b)];
  const sameShape = (x: Shape, y: Shape) => x.length === y.length && x.every((size, axis) => size === y[axis]);
  const sameScale = JSON.stringify(left.quantization) === JSON.stringify(right.quantization);
  return left.dtype === right.dtype && sameScale && sameShape(left.shape, right.shape) && !left.shape.includes(-1);
}
