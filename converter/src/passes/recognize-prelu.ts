/**
 * Sloped rectifiers that are spelt out become one operator. With n any spelling of f·min(x, 0):
 *
 *     ADD(RELU(x), n)  →  PRELU(x, f), or LEAKY_RELU where f is one number
 *
 *     MAXIMUM(x, MUL(x, f)) with 0 < f < 1  →  LEAKY_RELU          PRELU(x, f) where f is one number  →  LEAKY_RELU
 *
 * (XNNPACK reads one slope per channel whatever the shape of f: a PRELU with a single one would be read beyond its end.)
 *
 *     n:  MUL(f, NEG(RELU(NEG(x))))   MUL(−f, RELU(NEG(x)))   MUL(f/2, SUB(x, ABS(x)))   MUL(f, MINIMUM(x, 0))
 */
import { elementCount, type Node, type Shape, type TensorId } from "../ir/graph.ts";
import { abs } from "../ops/abs.ts";
import { add } from "../ops/add.ts";
import { leakyRelu } from "../ops/leaky-relu.ts";
import { maximum } from "../ops/maximum.ts";
import { minimum } from "../ops/minimum.ts";
import { mul } from "../ops/mul.ts";
import { neg } from "../ops/neg.ts";
import { prelu } from "../ops/prelu.ts";
import { relu } from "../ops/relu.ts";
import { sub } from "../ops/sub.ts";
import { floatsOf, isLinear } from "./affine.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";
import { bothOrders, sameShape, scalarOf } from "./scalars.ts";

/** The factor of min(x, 0), broadcast. */
interface Factor {
  readonly values: Float64Array;
  readonly shape: Shape;
}

export const recognizePrelu: Pass = {
  name: "recognize-prelu",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const leak = prelu.is(node) ? scalarOf(graph, node.inputs[1]) : undefined;
      const [value] = node.inputs;
      if (leak !== undefined && typeof value === "number" && sameShape(graph, value, node.outputs[0]!)) {
        graph.replace(node, slopedRectifier(graph, node, value, single(leak)));
        continue;
      }
      const slope = maximum.is(node) ? slopeOfMaximum(graph, node) : undefined;
      if (slope) graph.replace(node, slopedRectifier(graph, node, slope.x, single(slope.factor)));
      if (!(add.is(node) || sub.is(node)) || !isLinear(node)) continue;
      const orders = add.is(node) ? bothOrders(node) : bothOrders(node).slice(0, 1);
      for (const [positive, negative] of orders) {
        const rectifier = graph.producerOf(positive);
        const [x] = rectifier?.inputs ?? [];
        if (!relu.is(rectifier) || typeof x !== "number") continue;
        const factor = negativePart(graph, negative, x, 0);
        if (!factor || !broadcastsInto(factor.shape, graph.shapeOf(x))) continue;
        const slope = add.is(node) ? factor.values : factor.values.map((value) => -value);
        graph.replace(node, slopedRectifier(graph, node, x, { values: slope, shape: factor.shape }));
        break;
      }
    }
  },
};

/** The larger of x and a part of x: x where positive, else the part. */
function slopeOfMaximum(graph: GraphRewrite, node: Node): { x: TensorId; factor: number } | undefined {
  for (const [x, part] of bothOrders(node)) {
    const product = graph.producerOf(part);
    if (!mul.is(product) || !isLinear(product)) continue;
    for (const [value, constant] of bothOrders(product)) {
      const factor = scalarOf(graph, constant);
      if (value === x && factor !== undefined && factor > 0 && factor < 1 && sameShape(graph, x, part))
        return { x, factor };
    }
  }
  return undefined;
}

function slopedRectifier(graph: GraphRewrite, node: Node, x: TensorId, slope: Factor): Node {
  const { name, outputs } = node;
  const [alpha] = slope.values;
  if (slope.values.length === 1 && alpha !== undefined) {
    return leakyRelu.node({ name, inputs: [x], outputs, attributes: { alpha } });
  }
  const operand = graph.addValues(`${name}/alpha`, "float32", slope.shape, slope.values);
  return prelu.node({ name, inputs: [x, operand], outputs });
}

/** No spelling is deeper. */
const maxDepth = 6;

/** The factor f with value = f·min(x, 0); undefined when the value is something else. */
function negativePart(graph: GraphRewrite, value: TensorId, x: TensorId, depth: number): Factor | undefined {
  const node = graph.producerOf(value);
  if (!node || depth > maxDepth || !isLinear(node)) return undefined;
  const [first, second] = node.inputs;
  if (neg.is(node) && typeof first === "number") return times(negativePart(graph, first, x, depth + 1), single(-1));
  if (relu.is(node)) {
    const inner = graph.producerOf(first);
    return neg.is(inner) && inner.inputs[0] === x ? single(-1) : undefined;
  }
  if (minimum.is(node)) {
    const orders = bothOrders(node);
    return orders.some(([v, zero]) => v === x && scalarOf(graph, zero) === 0) ? single(1) : undefined;
  }
  if (sub.is(node)) {
    const isSize = (id: TensorId | null | undefined): boolean => {
      const size = graph.producerOf(id);
      return abs.is(size) && size.inputs[0] === x;
    };
    if (first === x && isSize(second)) return single(2);
    return second === x && isSize(first) ? single(-2) : undefined;
  }
  if (!mul.is(node)) return undefined;
  for (const [part, constant] of bothOrders(node)) {
    const values = floatsOf(graph, constant)?.();
    if (!values) continue;
    const factor = { values: Float64Array.from(values), shape: graph.shapeOf(constant) };
    return times(negativePart(graph, part, x, depth + 1), factor);
  }
  return undefined;
}

const single = (value: number): Factor => ({ values: Float64Array.of(value), shape: [] });

/** Products of a number and a constant, or of two of one shape. */
function times(a: Factor | undefined, b: Factor): Factor | undefined {
  if (!a) return undefined;
  const [left, right] = [a.values[0] ?? 0, b.values[0] ?? 0];
  if (a.values.length === 1) return { values: b.values.map((value) => value * left), shape: b.shape };
  if (b.values.length === 1) return { values: a.values.map((value) => value * right), shape: a.shape };
  if (a.shape.join() !== b.shape.join()) return undefined;
  return { values: a.values.map((value, i) => value * b.values[i]!), shape: a.shape };
}

/** The kernels take a slope that is one number, or one per channel. */
function broadcastsInto(shape: Shape, into: Shape): boolean {
  const count = elementCount(shape);
  return count === 1 || (count === shape.at(-1) && count === into.at(-1) && shape.length <= into.length);
}
