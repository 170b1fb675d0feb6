/**
 * Products of two tensors by an equation of labels ("abc,cd->abd"), and EinsumDense, which has one of weights.
 * Labels of both that stay are batches, those of both that go are summed over; a sum within one operand is refused.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { batchMatmul } from "../../../ops/batch-matmul.ts";
import { fullyConnected } from "../../../ops/fully-connected.ts";
import type { LayerBuilder } from "../layer-builder.ts";
import { applyActivation, refusesActivation } from "./activation-functions.ts";
import { permuted, reshapeTo } from "./layout.ts";
import { type LayerLowering, LayerRefusal } from "./lowering.ts";

interface Equation {
  readonly left: readonly string[];
  readonly right: readonly string[];
  readonly result: readonly string[];
  /** In both operands and in the result. */
  readonly batch: readonly string[];
  readonly leftFree: readonly string[];
  readonly rightFree: readonly string[];
  /** In both operands only. */
  readonly summed: readonly string[];
}

/** Splits an equation of two operands; an ellipsis stands for the axes of the left operand that have no label. */
export function parseEquation(text: string, leftRank: number): Equation {
  const plain = text.replaceAll(" ", "");
  const found = /^([a-zA-Z.]+),([a-zA-Z.]+)->([a-zA-Z.]+)$/.exec(plain);
  if (!found) throw new LayerRefusal(`the equation "${text}" is not one of two operands`);
  const [, a = "", b = "", c = ""] = found;
  const missing = leftRank - a.replaceAll(".", "").length;
  // Digits cannot be labels: they stand for the axes of the ellipsis.
  const hidden = Array.from({ length: Math.max(0, Math.min(missing, 8)) }, (_, index) => String(index)).join("");
  const [left, right, result] = [a, b, c].map((labels) => [...labels.replace("...", hidden)]);
  if (!left || !right || !result || left.length !== leftRank || [left, right, result].some(repeats)) {
    throw new LayerRefusal(`the equation "${text}" does not fit an operand of ${leftRank} axes, or repeats a label`);
  }
  const batch = result.filter((label) => left.includes(label) && right.includes(label));
  const summed = left.filter((label) => right.includes(label) && !result.includes(label));
  const free = (labels: readonly string[]): readonly string[] =>
    labels.filter((label) => !batch.includes(label) && !summed.includes(label));
  const equation = { left, right, result, batch, summed, leftFree: free(left), rightFree: free(right) };
  const all = new Set([...batch, ...equation.leftFree, ...equation.rightFree]);
  if (all.size !== result.length || result.some((label) => !all.has(label))) {
    throw new LayerRefusal(`the equation "${text}" sums within one operand`);
  }
  return equation;
}

const repeats = (labels: readonly string[]): boolean => new Set(labels).size !== labels.length;

const places = (labels: readonly string[], order: readonly string[]): readonly number[] =>
  order.map((label) => labels.indexOf(label));

/** The product of two values. */
export function einsum(layer: LayerBuilder, text: string, a: TensorId, b: TensorId): TensorId {
  const equation = parseEquation(text, layer.shapeOf(a).length);
  const { left, right, batch, leftFree, rightFree, summed } = equation;
  if (right.length !== layer.shapeOf(b).length)
    throw new LayerRefusal(`the equation "${text}" does not fit its operands`);
  const sizes = new Map<string, number>();
  left.forEach((label, axis) => void sizes.set(label, layer.shapeOf(a)[axis] ?? 1));
  right.forEach((label, axis) => void sizes.set(label, layer.shapeOf(b)[axis] ?? 1));
  const sizesOf = (labels: readonly string[]): readonly number[] => labels.map((label) => sizes.get(label) ?? 1);
  const flat = (labels: readonly string[]): number => {
    const list = sizesOf(labels);
    return list.includes(-1)
      ? list.length === 1
        ? -1
        : Number.NaN
      : list.reduce((product, size) => product * size, 1);
  };
  const dims = [flat(leftFree), flat(summed), flat(rightFree)] as const;
  if (dims.some(Number.isNaN)) throw new LayerRefusal(`the equation "${text}" joins axes of dynamic size`);
  const rows = reshapeTo(
    layer,
    "rows",
    permuted(layer, "rows_order", a, places(left, [...batch, ...leftFree, ...summed])),
    [...sizesOf(batch), dims[0], dims[1]],
  );
  const columns = reshapeTo(
    layer,
    "columns",
    permuted(layer, "columns_order", b, places(right, [...batch, ...rightFree, ...summed])),
    [...sizesOf(batch), dims[2], dims[1]],
  );
  const product = layer.emit(batchMatmul, "product", [rows, columns], { adjY: true });
  return ordered(layer, equation, product, sizes);
}

/** From batch, free of the left, free of the right to the order that the equation asks for. */
function ordered(
  layer: LayerBuilder,
  equation: Equation,
  product: TensorId,
  sizes: ReadonlyMap<string, number>,
): TensorId {
  const made = [...equation.batch, ...equation.leftFree, ...equation.rightFree];
  const apart = reshapeTo(
    layer,
    "axes",
    product,
    made.map((label) => sizes.get(label) ?? 1),
  );
  return permuted(layer, "result_order", apart, places(made, equation.result));
}

export interface WeightsProduct {
  readonly equation: string;
  readonly weight: string;
  /** The sizes of the weight's axes whose labels the left operand does not have, by the order of the weight's labels. */
  readonly freeSizes: readonly number[];
}

/** The product of a value and a stored weight, as one FULLY_CONNECTED. */
export function einsumWithWeights(layer: LayerBuilder, x: TensorId, facts: WeightsProduct): TensorId {
  const equation = parseEquation(facts.equation, layer.shapeOf(x).length);
  const { left, right, batch, leftFree, rightFree, summed } = equation;
  if (batch.length > 0)
    throw new LayerRefusal(`the equation "${facts.equation}" has weights of their own for each place`);
  const sizes = new Map(left.map((label, axis) => [label, layer.shapeOf(x)[axis] ?? 1]));
  rightFree.forEach((label, index) => void sizes.set(label, facts.freeSizes[index] ?? 1));
  const count = (labels: readonly string[]): number =>
    labels.reduce((product, label) => product * (sizes.get(label) ?? 1), 1);
  for (const label of summed) layer.sizeOf(x, left.indexOf(label));
  const stored = right.map((label) => sizes.get(label) ?? 1);
  const matrix = layer.weight(facts.weight, stored, {
    key: facts.equation,
    shape: [count(rightFree), count(summed)],
    permutation: places(right, [...rightFree, ...summed]),
  });
  const last = permuted(layer, "order", x, places(left, [...leftFree, ...summed]));
  const kept = leftFree.map((label) => sizes.get(label) ?? 1);
  const rows = summed.length === 1 ? last : reshapeTo(layer, "rows", last, [...kept, count(summed)]);
  const keepNumDims = kept.length !== 1;
  const product = layer.emit(fullyConnected, "product", [rows, matrix, null], { keepNumDims });
  return rightFree.length === 1 && leftFree.concat(rightFree).join() === equation.result.join()
    ? product
    : ordered(layer, equation, product, sizes);
}

export const einsumDenseLayer: LayerLowering = {
  classNames: ["EinsumDense"],
  arity: "one",
  refuses: (config, dialect) =>
    config.integer("lora_rank", 0) > 0 ? "a layer with LoRA weights" : refusesActivation(config, dialect),
  lower: (layer) => {
    const { config, input } = layer;
    const text = config.string("equation");
    const { right, rightFree, result } = parseEquation(text, layer.shapeOf(input).length);
    const sizes = resultSizes(layer, result, input);
    const product = einsumWithWeights(layer, input, {
      equation: text,
      weight: "kernel",
      freeSizes: right.filter((label) => rightFree.includes(label)).map((label) => sizes.get(label) ?? 1),
    });
    if (!config.has("bias_axes")) return applyActivation(layer, product);
    const labels = [...config.string("bias_axes")];
    const order = result.filter((label) => labels.includes(label));
    const shape = order.map((label) => sizes.get(label) ?? layer.shapeOf(product)[result.indexOf(label)] ?? 1);
    const first = Math.min(...order.map((label) => result.indexOf(label)));
    // Axes between and behind those of the bias have size 1 there.
    const spread = result.slice(first).map((label) => (order.includes(label) ? (shape[order.indexOf(label)] ?? 1) : 1));
    const bias = layer.weight("bias", shape, { key: "spread", shape: spread });
    return applyActivation(layer, layer.emit(add, "bias", [product, bias]));
  },
};

/** What `output_shape` says of the result's labels: it has all axes but the batch, null where the input tells. */
function resultSizes(layer: LayerBuilder, result: readonly string[], input: TensorId): ReadonlyMap<string, number> {
  const value = layer.config.get("output_shape");
  const asked = [value].flat();
  const sizes = new Map<string, number>();
  result.slice(-asked.length).forEach((label, index) => {
    const size = asked[index];
    if (typeof size === "number" && Number.isSafeInteger(size) && size > 0) sizes.set(label, size);
  });
  if (sizes.size === 0 && layer.shapeOf(input).length === 0) throw layer.fault("its output_shape says nothing");
  return sizes;
}
