/**
 * For 8-bit weights. tfjs decodes them with one scale per tensor, and where channels differ much in size (depthwise
 * filters above all, with batch norm folded in) the small ones drown. Those weights are stored with every channel as
 * large as the others, and multiplied back in the graph, which costs one product per weight and run:
 *
 *     Const w ─ _FusedConv2D     becomes     Const w/s ─ Mul(Const s) ─ _FusedConv2D
 */
import { type Constant, elementCount, type Shape } from "../../ir/graph.ts";
import { lazyConstant } from "../../ir/lazy-constant.ts";
import { float32ValuesOf } from "../../ir/values.ts";
import type { Ref } from "../../ops/raise/tensorflow-nodes.ts";
import { leastElements } from "../tfjs-weights/encode-weight.ts";
import { refTo, type TensorFlowGraph, type TensorFlowNode, type TensorFlowWeight } from "./tensorflow-graph.ts";

/** How many of the last axes of a node's weights tell its result's channels. */
const channelAxes: Readonly<Record<string, number>> = {
  _FusedConv2D: 1,
  Conv2D: 1,
  Conv3D: 1,
  _FusedMatMul: 1,
  MatMul: 1,
  FusedDepthwiseConv2dNative: 2,
  DepthwiseConv2dNative: 2,
};
const weightsOperand = 1;

/** Spread where rounding by one scale costs the average channel more than this times what its own scale would. */
const leastGain = 4;
/** One channel that is next to nothing must not decide alone. */
const mostGain = 1e4;

export function spreadChannels(graph: TensorFlowGraph): TensorFlowGraph {
  const uses = new Map<Ref, { readonly node: TensorFlowNode; readonly operand: number }[]>();
  for (const node of graph.nodes)
    for (const [operand, ref] of node.inputs.entries()) uses.set(ref, [...(uses.get(ref) ?? []), { node, operand }]);
  const weights: TensorFlowWeight[] = [];
  const products: TensorFlowNode[] = [];
  const replaced = new Map<Ref, Ref>();
  for (const weight of graph.weights) {
    const ref = refTo(weight.name);
    const spread = spreadOf(weight, uses.get(ref) ?? []);
    if (!spread || graph.outputs.some(({ tensor }) => tensor === ref)) {
      weights.push(weight);
      continue;
    }
    weights.push(spread.even, spread.sizes);
    const name = `${weight.name}/Mul`;
    products.push({ name, op: "Mul", inputs: [ref, refTo(spread.sizes.name)], attributes: {} });
    replaced.set(ref, refTo(name));
  }
  const nodes = graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map((ref) => replaced.get(ref) ?? ref) }));
  return { ...graph, nodes: [...products, ...nodes], weights };
}

function spreadOf(
  weight: TensorFlowWeight,
  uses: readonly { readonly node: TensorFlowNode; readonly operand: number }[],
): { readonly even: TensorFlowWeight; readonly sizes: TensorFlowWeight } | null {
  const [axes, ...others] = uses.map(({ node, operand }) => (operand === weightsOperand ? channelAxes[node.op] : 0));
  const { name, dtype, shape, constant } = weight;
  if (!axes || others.some((other) => other !== axes) || dtype !== "float32") return null;
  if (elementCount(shape) < leastElements) return null;
  const channels = shape.slice(-axes);
  const sizes = channelSizes(constant, channels);
  if (!(gainOf(sizes) > leastGain)) return null;
  const bytes = new Uint8Array(sizes.buffer);
  return {
    even: { ...weight, constant: divided(constant, sizes) },
    sizes: {
      name: `${name}/sizes`,
      dtype,
      shape: channels,
      constant: { byteLength: bytes.byteLength, bytes: () => bytes },
      exact: true,
    },
  };
}

/** The greatest magnitude of every channel; 1 for those that are all zeros. */
function channelSizes(constant: Constant, channels: Shape): Float32Array<ArrayBuffer> {
  const sizes = new Float32Array(elementCount(channels));
  const values = float32ValuesOf(constant.bytes());
  for (let i = 0; i < values.length; i++) {
    const at = i % sizes.length;
    sizes[at] = Math.max(sizes[at] ?? 0, Math.abs(values[i] ?? 0));
  }
  return sizes.map((size) => (size > 0 ? size : 1));
}

function gainOf(sizes: Float32Array): number {
  const greatest = sizes.reduce((a, b) => Math.max(a, b), 0);
  return sizes.reduce((sum, size) => sum + Math.min((greatest / size) ** 2, mostGain), 0) / sizes.length;
}

const divided = (constant: Constant, sizes: Float32Array): Constant =>
  lazyConstant(constant.byteLength, () => {
    const values = float32ValuesOf(constant.bytes());
    return new Uint8Array(Float32Array.from(values, (value, i) => value / (sizes[i % sizes.length] ?? 1)).buffer);
  });
