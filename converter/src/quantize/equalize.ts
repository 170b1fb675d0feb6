/**
 * Cross-layer equalization: between two affine operators that follow each other, channel i of the value is divided by sᵢ
 * in the first one's weights and bias and multiplied back in the second one's weights. The model computes the same, and
 * no channel is small beside another, so that one scale for all of them loses less.
 *
 *     y = W₂·f(W₁x + b₁)   =   (W₂·S)·f(S⁻¹W₁x + S⁻¹b₁)         f: identity or ReLU
 *
 * Source: Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", section 4.1. They
 * turn every ReLU6 into a ReLU; here a ReLU6 stays, and calibration says how far its channels may be stretched: those that
 * reach 6 keep their scale. Large biases go on to the next operator (section 4.1.3, "absorbing high biases").
 */
import { editGraph, type Graph, type GraphDraft, indexGraph, type Node, type TensorId, tensorOf } from "../ir/graph.ts";
import { bytesOf } from "../ir/values.ts";
import type { Op } from "../ops/define-op.ts";
import { opOf } from "../ops/registry.ts";
import { inputChannelOf } from "./input-channels.ts";
import type { Observation } from "./observers.ts";
import { FloatConstants, operandNamed, rolesOf } from "./operands.ts";
import { type ChannelView, channelView, forEachElement } from "./weights.ts";

/** Weights in memory at once, at most: models beyond are left as they are. */
const heldBytes = 192 * 2 ** 20;
/** The paper's rule converges in a handful of rounds; chains (MobileNet blocks) take a few more. */
const rounds = 24;
const settled = 1e-3;
/** No channel is stretched or shrunk further: weights and biases stay within what float32 and int32 hold well. */
const furthest = 2 ** 12;

interface Affine {
  readonly node: Node;
  readonly input: TensorId;
  readonly output: TensorId;
  readonly weight: TensorId;
  readonly bias: TensorId | null;
  readonly view: ChannelView;
  readonly shape: readonly number[];
  readonly axis: number;
}

interface Pair {
  readonly first: Affine;
  readonly second: Affine;
  /** Input channel of the second one's weight elements. */
  readonly inputOf: (channel: number, index: number) => number;
  readonly channels: number;
  /** The least factor of each channel under the clamp between the two; 0 without one. */
  readonly least: Float64Array;
}

/**
 * The graph with its affine operators equalized in pairs. `observations`: of this graph's tensors, needed at clamps only.
 * Ranges of the values in between change: calibrate the result anew.
 */
export function equalize(graph: Graph, observations: ReadonlyMap<TensorId, Observation>): Graph {
  const pairs = pairsOf(graph, observations);
  if (pairs.length === 0) return graph;
  const constants = new FloatConstants(graph, indexGraph(graph));
  const ids = new Set(pairs.flatMap(({ first, second }) => [first.weight, second.weight]));
  const biases = new Set(pairs.flatMap(({ first }) => (first.bias === null ? [] : [first.bias])));
  const bytes = [...ids, ...biases].reduce((sum, id) => sum + 4 * elements(graph, id), 0);
  if (bytes > heldBytes) return graph;
  const values = new Map<TensorId, Float32Array>();
  for (const id of [...ids, ...biases]) {
    const read = constants.read(id);
    if (!read?.every(Number.isFinite)) return graph;
    values.set(id, read.slice());
  }
  const total = new Map(pairs.map((pair) => [pair, new Float64Array(pair.channels).fill(1)]));
  for (let round = 0; round < rounds; round++) {
    let furthestMove = 0;
    for (const pair of pairs) furthestMove = Math.max(furthestMove, balance(pair, values, total.get(pair)));
    if (furthestMove < settled) break;
  }
  return editGraph(graph, (draft) => {
    for (const [id, changed] of values) draftConstant(draft, id, changed);
  });
}

/** One step of one pair; returns how far the factors are from 1. */
function balance(pair: Pair, values: Map<TensorId, Float32Array>, total: Float64Array | undefined): number {
  const { first, second, channels, inputOf } = pair;
  const [weights, next] = [values.get(first.weight), values.get(second.weight)];
  if (!weights || !next || !total) return 0;
  const bounds = new Float64Array(channels);
  forEachElement(first.view, (channel, index) => raise(bounds, channel, weights[index] ?? 0));
  const nextBounds = new Float64Array(channels);
  forEachElement(second.view, (channel, index) => raise(nextBounds, inputOf(channel, index), next[index] ?? 0));
  let furthestMove = 0;
  const factors = bounds.map((bound, channel) => {
    const nextBound = nextBounds[channel] ?? 0;
    if (bound === 0 || nextBound === 0) return 1;
    const before = total[channel] ?? 1;
    const least = Math.max(pair.least[channel] ?? 0, 1 / furthest);
    const wanted = before * Math.sqrt(bound / nextBound);
    const factor = (least >= 1 ? 1 : Math.min(Math.max(wanted, least), furthest)) / before;
    total[channel] = before * factor;
    furthestMove = Math.max(furthestMove, Math.abs(factor - 1));
    return factor;
  });
  forEachElement(first.view, (channel, index) => {
    weights[index] = (weights[index] ?? 0) / (factors[channel] ?? 1);
  });
  const bias = first.bias === null ? undefined : values.get(first.bias);
  if (bias) for (const channel of bias.keys()) bias[channel] = (bias[channel] ?? 0) / (factors[channel] ?? 1);
  forEachElement(second.view, (channel, index) => {
    next[index] = (next[index] ?? 0) * (factors[inputOf(channel, index)] ?? 1);
  });
  return furthestMove;
}

/**
 * Takes out of each first operator's bias what every calibrated value of its ReLU exceeds, and adds what that comes to
 * to the second one's bias. Only where no padding puts zeros beside the values.
 */
export function absorbBiases(graph: Graph, observations: ReadonlyMap<TensorId, Observation>): Graph {
  const constants = new FloatConstants(graph, indexGraph(graph));
  return editGraph(graph, (draft) => {
    for (const { first, second, channels, inputOf } of pairsOf(graph, observations)) {
      const seen = observations.get(first.output);
      if (!seen || seen.nonFinite || first.bias === null || second.bias === null || pads(second)) continue;
      if (first.node.attributes.fusedActivationFunction !== "RELU") continue;
      const excess = Float64Array.from({ length: channels }, (_, at) => Math.max(seen.channelMins[at] ?? 0, 0));
      if (!excess.some((value) => value > 0 && Number.isFinite(value))) continue;
      const weights = constants.read(second.weight);
      const [bias, next] = [first.bias, second.bias].map((id) => floatsOf(draft, id));
      if (!weights || !bias || !next) continue;
      for (const [at, value] of excess.entries()) bias[at] = (bias[at] ?? 0) - value;
      forEachElement(second.view, (channel, index) => {
        next[channel] = (next[channel] ?? 0) + (weights[index] ?? 0) * (excess[inputOf(channel, index)] ?? 0);
      });
      draftConstant(draft, first.bias, bias);
      draftConstant(draft, second.bias, next);
    }
  });
}

function pairsOf(graph: Graph, observations: ReadonlyMap<TensorId, Observation>): Pair[] {
  const index = indexGraph(graph);
  const constants = new FloatConstants(graph, index);
  const ownConstant = (id: TensorId) => tensorOf(graph, id).constant !== undefined && index.consumers(id).length === 1;
  const affines = graph.nodes.flatMap((node) => {
    const definition = opOf(node.kind);
    const affine = definition && affineOf(graph, node, definition, constants);
    return affine && ownConstant(affine.weight) && (affine.bias === null || ownConstant(affine.bias)) ? [affine] : [];
  });
  const byInput = new Map(affines.map((affine) => [affine.input, affine]));
  return affines.flatMap((first): Pair[] => {
    const second = byInput.get(first.output);
    if (!second || index.consumers(first.output).length !== 1 || graph.outputs.includes(first.output)) return [];
    const channels = first.view.channels;
    if (tensorOf(graph, first.output).shape.at(-1) !== channels) return [];
    const inputOf = inputChannelOf(second.shape, second.axis, second.view, channels);
    const least = leastFactors(first, observations.get(first.output), channels);
    return inputOf && least ? [{ first, second, inputOf, channels, least }] : [];
  });
}

/** 0 where scaling commutes with the activation; under a clamp what keeps the largest value seen below it; else null. */
function leastFactors(first: Affine, seen: Observation | undefined, channels: number): Float64Array | null {
  switch (first.node.attributes.fusedActivationFunction ?? "NONE") {
    case "NONE":
    case "RELU":
      return new Float64Array(channels);
    case "RELU6":
      if (!seen || seen.nonFinite || seen.samples === 0 || seen.channelMaxes.length !== channels) return null;
      return Float64Array.from(seen.channelMaxes, (largest) => (largest * headroom) / 6);
    default:
      return null;
  }
}

/** Values yet unseen may be so much larger than those of calibration before a clamp that moved cuts them. */
const headroom = 1.25;

function affineOf(graph: Graph, node: Node, definition: Op, constants: FloatConstants): Affine | null {
  const roles = rolesOf(definition, node);
  const weightAt = roles.findIndex((role) => role?.role === "weight");
  const role = roles[weightAt];
  const [weight, output] = [node.inputs[weightAt], node.outputs[0]];
  const declared = definition.operands.find((operand) => operand.role === "bias");
  if (role?.role !== "weight" || role.channelAxis === null || declared?.role !== "bias") return null;
  if (typeof weight !== "number" || output === undefined || node.outputs.length !== 1 || !constants.has(weight))
    return null;
  const input = node.inputs[operandNamed(definition, node, declared.of[0])];
  const bias = node.inputs[operandNamed(definition, node, declared.name)] ?? null;
  if (typeof input !== "number" || tensorOf(graph, weight).dtype !== "float32") return null;
  if (bias !== null && tensorOf(graph, bias).dtype !== "float32") return null;
  if (roles.filter((one) => one?.role === "weight").length !== 1) return null;
  const { shape } = tensorOf(graph, weight);
  return {
    node,
    input,
    output,
    weight,
    bias,
    view: channelView(shape, role.channelAxis),
    shape,
    axis: role.channelAxis,
  };
}

/** May the operator read zeros that are not in its input? */
function pads({ node, shape, axis }: Affine): boolean {
  if (node.attributes.padding === "VALID" || node.attributes.padding === undefined) return false;
  return shape.some((size, at) => size !== 1 && at !== axis && at !== shape.length - 1);
}

const raise = (bounds: Float64Array, at: number, value: number): void => {
  const magnitude = Math.abs(value);
  if (magnitude > (bounds[at] ?? 0)) bounds[at] = magnitude;
};

const elements = (graph: Graph, id: TensorId): number => tensorOf(graph, id).shape.reduce((a, b) => a * b, 1);

function floatsOf(draft: GraphDraft, id: TensorId): Float32Array | null {
  const { constant } = draft.tensor(id);
  const bytes = constant?.bytes();
  return bytes ? new Float32Array(bytes.slice().buffer) : null;
}

function draftConstant(draft: GraphDraft, id: TensorId, values: Float32Array): void {
  const bytes = bytesOf("float32", values);
  draft.setTensor(id, { constant: { byteLength: bytes.byteLength, bytes: () => bytes } });
}
