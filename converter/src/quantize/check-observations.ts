/**
 * Whether what calibration saw looks like what the model was trained on. No file says which range a model takes, so the
 * model's own behaviour is the evidence: pixels from 0 to 255 in a model of 0 to 1 drive its clamps to their ends, its
 * first layer far beyond its biases, and what goes into softmax to hundreds.
 * Pure: observations in, findings out. One sign is a warning and two are an error; the first layer alone is none, as nets
 * that were trained on raw pixels have biases of any size.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { type Graph, indexGraph, type Node, type TensorId, tensorOf } from "../ir/graph.ts";
import type { Observation } from "./observers.ts";
import { FloatConstants } from "./operands.ts";

export type Observations = ReadonlyMap<TensorId, Observation>;

/** Fewer samples than this say little about ranges. */
const fewSamples = 32;
/** Pixels of 8 bits reach beyond half their range in any set of images. */
const [leastBright, mostBright] = [128, 255.5];
/** Share of a clamp's values that lie at its ends where nothing but the ends is left: E[x²] / (6·E[x]). */
const clampedShare = 0.9;
/** A softmax or sigmoid is constant in float32 long before. */
const saturating = 300;
/** Spread of the first layer over the size of its biases. */
const beyondBiases = 100;

interface Evidence {
  readonly sign: "clamps" | "saturation" | "first-layer";
  readonly sentence: string;
}

/**
 * Warnings, as sentences; with `anyRange` also in the place of QUANT_CALIBRATION_RANGE.
 * @throws QUANT_CALIBRATION_DATA where no input ever changes
 * @throws QUANT_CALIBRATION_RANGE where pixels from 0 to 255 plainly went into a model of another range
 */
export function checkObservations(graph: Graph, observations: Observations, anyRange = false): string[] {
  const inputs = graph.inputs.flatMap((id) => {
    const seen = observations.get(id);
    return seen && seen.samples > 0 && !seen.nonFinite ? [{ id, seen, name: tensorOf(graph, id).name }] : [];
  });
  const constant = inputs.filter(({ seen }) => seen.min === seen.max);
  if (inputs.length > 0 && constant.length === graph.inputs.length) throw refuseConstant(constant);
  const samples = Math.max(0, ...inputs.map(({ seen }) => seen.samples));
  return [
    ...constant.map(({ name, seen }) => `Input "${name}" is ${seen.min} in every calibration sample.`),
    ...(inputs.length > 0 && samples < fewSamples
      ? [`Only ${samples} calibration samples: ranges are guesses below ${fewSamples}. Give 100 or more.`]
      : []),
    ...inputs.flatMap(({ id, seen, name }) => pixelFindings(graph, observations, id, seen, name, anyRange)),
  ];
}

function pixelFindings(
  graph: Graph,
  observations: Observations,
  id: TensorId,
  { min, max }: Observation,
  name: string,
  anyRange: boolean,
): string[] {
  if (tensorOf(graph, id).shape.length !== 4 || min < 0 || max < leastBright || max > mostBright) return [];
  const evidence = evidenceOf(graph, observations, id);
  if (evidence.every(({ sign }) => sign === "first-layer")) return [];
  const message =
    `The calibration data of "${name}" reaches from ${shown(min)} to ${shown(max)}, like pixels of 8 bits, and the model ` +
    `seems to take a smaller range: ${evidence.map(({ sentence }) => sentence).join("; ")}.`;
  if (evidence.length === 1 || anyRange) return [message];
  throw new FlotillaError(
    "QUANT_CALIBRATION_RANGE",
    `${message} Scale it as in training: --preprocess with a step such as {"kind": "scale", "by": ${1 / 255}, "offset": 0}; if the range is right, say --any-range.`,
    { details: { input: name, min, max, signs: evidence.map(({ sign }) => sign) } },
  );
}

function evidenceOf(graph: Graph, observations: Observations, input: TensorId): Evidence[] {
  return [clamps(graph, observations), saturation(graph, observations), firstLayer(graph, observations, input)].filter(
    (one) => one !== null,
  );
}

/** Half of the clamps to [0, 6] or more give hardly anything but 0 and 6. */
function clamps(graph: Graph, observations: Observations): Evidence | null {
  const clamped = graph.nodes.filter(
    ({ kind, attributes }) => kind === "RELU6" || attributes.fusedActivationFunction === "RELU6",
  );
  const shares = clamped.flatMap(({ outputs: [id] }) => {
    const seen = id === undefined ? undefined : observations.get(id);
    const sum = seen?.channelSums.reduce((all, one) => all + one, 0) ?? 0;
    const squares = seen?.channelSquares.reduce((all, one) => all + one, 0) ?? 0;
    return sum > 0 ? [squares / (6 * sum)] : [];
  });
  const [first = 0] = shares;
  const full = shares.filter((share) => share >= clampedShare).length;
  if (first < clampedShare && 2 * full < Math.max(shares.length, 2)) return null;
  return { sign: "clamps", sentence: `${full} of ${shares.length} clamps to [0, 6] give little but 0 and 6` };
}

/** Masks add large negative numbers, so only the positive side speaks. */
function saturation(graph: Graph, observations: Observations): Evidence | null {
  for (const { kind, inputs } of graph.nodes) {
    const [id] = inputs;
    if ((kind !== "SOFTMAX" && kind !== "LOGISTIC") || typeof id !== "number") continue;
    const seen = observations.get(id);
    if (!seen || seen.nonFinite || seen.max < saturating) continue;
    return { sign: "saturation", sentence: `up to ${shown(seen.max)} goes into ${kind}, which saturates long before` };
  }
  return null;
}

/** The spread of the first convolution's or fully connected layer's results, against its biases. */
function firstLayer(graph: Graph, observations: Observations, input: TensorId): Evidence | null {
  const constants = new FloatConstants(graph, indexGraph(graph));
  const node = firstAffine(graph, input);
  const [, , biasId] = node?.inputs ?? [];
  const biases = typeof biasId === "number" ? constants.read(biasId) : null;
  const output = node?.outputs[0];
  const seen = output === undefined ? undefined : observations.get(output);
  if (!biases || !seen || seen.nonFinite || seen.valuesPerChannel === 0) return null;
  const size = Math.sqrt(biases.reduce((sum, bias) => sum + bias * bias, 0) / biases.length);
  const spreads = seen.channelSums.map((sum, at) => {
    const mean = sum / seen.valuesPerChannel;
    return Math.max(0, (seen.channelSquares[at] ?? 0) / seen.valuesPerChannel - mean * mean);
  });
  const spread = Math.sqrt(spreads.reduce((sum, one) => sum + one, 0) / spreads.length);
  // Biases that are (nearly) nothing are no measure.
  if (size < 1e-3 || spread < beyondBiases * size) return null;
  return {
    sign: "first-layer",
    sentence: `the first ${node?.kind} varies by ${shown(spread)}, its biases are of the size of ${shown(size)}`,
  };
}

const affine: ReadonlySet<string> = new Set(["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"]);

/** The first one in the order of the graph that the input reaches. */
function firstAffine(graph: Graph, input: TensorId): Node | undefined {
  const reached = new Set<TensorId>([input]);
  for (const node of graph.nodes) {
    if (!node.inputs.some((id) => typeof id === "number" && reached.has(id))) continue;
    if (affine.has(node.kind)) return node;
    for (const id of node.outputs) reached.add(id);
  }
  return undefined;
}

const shown = (value: number): string => String(Number(value.toPrecision(3)));

function refuseConstant(inputs: readonly { readonly name: string; readonly seen: Observation }[]): FlotillaError {
  const each = inputs.map(({ name, seen }) => `"${name}" is ${seen.min}`).join(", ");
  return new FlotillaError(
    "QUANT_CALIBRATION_DATA",
    `The calibration data is the same everywhere: ${each} in every element of every sample. Give what the model will see.`,
    { details: { inputs: inputs.map(({ name, seen }) => ({ name, value: seen.min })) } },
  );
}
