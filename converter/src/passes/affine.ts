/**
 * Affine operators seen through their facets: one weight operand with a channel axis and one bias operand over the same
 * channels, which are the last axis of the result. Scaling and shifting the result then folds into weights and bias.
 * Arithmetic is in double precision and rounded to float32 once; weights are computed when they are asked for.
 */
import { elementCount, type Node, type TensorId } from "../ir/graph.ts";
import { lazyConstant } from "../ir/lazy-constant.ts";
import { float32ValuesOf } from "../ir/values.ts";
import { opOf } from "../ops/registry.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";

export interface Affine {
  readonly node: Node;
  readonly weight: number;
  readonly weightTensor: TensorId;
  /** The axis of the weights that is the result's channels. */
  readonly channelAxis: number;
  readonly channels: number;
  /** Position of the bias operand, which may be absent from the node. */
  readonly bias: number;
}

/** The node as an affine operator with constant float32 weights and bias; undefined when it is none. */
export function affineOf(graph: GraphRewrite, node: Node | undefined): Affine | undefined {
  const op = node && opOf(node.kind);
  if (!node || !op) return undefined;
  const weight = op.operands.findIndex((operand) => operand.role === "weight");
  const bias = op.operands.findIndex((operand) => operand.role === "bias");
  const role = op.operands[weight];
  if (role?.role !== "weight" || role.channelAxis === null || bias < 0) return undefined;
  const weightTensor = node.inputs[weight];
  const biasTensor = node.inputs[bias] ?? null;
  if (weightTensor === null || weightTensor === undefined || !floatsOf(graph, weightTensor)) return undefined;
  if (biasTensor !== null && !floatsOf(graph, biasTensor)) return undefined;
  const channels = graph.shapeOf(weightTensor)[role.channelAxis] ?? 0;
  if (node.outputs.length !== 1 || graph.shapeOf(node.outputs[0]!).at(-1) !== channels) return undefined;
  return { node, weight, weightTensor, channelAxis: role.channelAxis, channels, bias };
}

/** Nothing is done to the result between the sum and its use. */
export const isLinear = (node: Node): boolean => (node.attributes.fusedActivationFunction ?? "NONE") === "NONE";

/** The values of a float32 constant; undefined for anything else. */
export function floatsOf(graph: GraphRewrite, id: TensorId | null | undefined): (() => Float32Array) | undefined {
  if (id === null || id === undefined) return undefined;
  const { dtype, constant } = graph.tensor(id);
  return constant && dtype === "float32" ? () => float32ValuesOf(constant.bytes()) : undefined;
}

/**
 * The values of a float32 constant that is one number, or one per channel of the last axis, when it is broadcast
 * against a value of `channels` channels; as one per channel.
 */
export function perChannel(
  graph: GraphRewrite,
  id: TensorId | null | undefined,
  channels: number,
): Float64Array | undefined {
  const values = floatsOf(graph, id);
  if (!values || id === null || id === undefined) return undefined;
  const count = elementCount(graph.shapeOf(id));
  if (count !== 1 && (count !== channels || graph.shapeOf(id).at(-1) !== channels)) return undefined;
  const read = values();
  return Float64Array.from({ length: channels }, (_, channel) => read[count === 1 ? 0 : channel]!);
}

/** The bias as it is, zeros where there is none. */
export function biasOf(graph: GraphRewrite, affine: Affine): Float64Array {
  const values = floatsOf(graph, affine.node.inputs[affine.bias]);
  return values ? Float64Array.from(values()) : new Float64Array(affine.channels);
}

/** The weights with each output channel multiplied by its factor. */
export function scaledWeights(graph: GraphRewrite, affine: Affine, factors: Float64Array): TensorId {
  const { name, shape, constant } = graph.tensor(affine.weightTensor);
  const run = elementCount(shape.slice(affine.channelAxis + 1));
  const { channels } = affine;
  const scaled = (): Uint8Array => {
    const values = float32ValuesOf(constant!.bytes()); // affineOf saw that it is constant
    const result = new Float32Array(values.length);
    for (let i = 0, channel = 0; i < values.length; channel = (channel + 1) % channels) {
      const factor = factors[channel]!;
      for (const end = i + run; i < end; i++) result[i] = values[i]! * factor;
    }
    return new Uint8Array(result.buffer);
  };
  return graph.addConstant(name, "float32", shape, lazyConstant(elementCount(shape) * 4, scaled));
}

/** The affine node with other weights or another bias, making `outputs`. */
export function withOperands(
  graph: GraphRewrite,
  affine: Affine,
  change: { weights?: TensorId; bias?: Float64Array; biasName: string; outputs: readonly TensorId[] },
): Node {
  const inputs = [...affine.node.inputs];
  while (inputs.length <= affine.bias) inputs.push(null);
  if (change.weights !== undefined) inputs[affine.weight] = change.weights;
  if (change.bias) inputs[affine.bias] = graph.addValues(change.biasName, "float32", [affine.channels], change.bias);
  return { ...affine.node, inputs, outputs: change.outputs };
}
