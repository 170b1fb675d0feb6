/**
 * The int8 form of a model of one operator, by its quantization roles and result rules alone, and the float model that
 * computes with exactly the values the int8 one holds: what differs between the two is the operator's own rounding.
 */
import {
  constantOf,
  GraphDraft,
  type Model,
  type Quantization,
  type Tensor,
  type TensorId,
  tensorOf,
} from "../../src/ir/graph.ts";
import { bytesOf, valuesOf } from "../../src/ir/values.ts";
import type { Op, OperandRole } from "../../src/ops/define-op.ts";

export interface QuantizedPair {
  readonly float: Model;
  readonly int8: Model;
  /** Quantization of each graph input, null where it is not quantized. */
  readonly inputs: readonly (Quantization | null)[];
  readonly outputs: readonly (Quantization | null)[];
}

const symmetric = (largest: number): Quantization => ({
  scales: [Math.fround((largest || 1) / 127)],
  zeroPoints: [0],
  axis: 0,
});
const clampToInt8 = (value: number): number => Math.max(-128, Math.min(127, Math.round(value)));

/** Largest magnitude in a constant; graph inputs are taken to lie within ±`inputRange`. */
const largestOf = ({ constant, dtype }: Tensor, inputRange: number): number =>
  constant ? Array.from(valuesOf(dtype, constant.bytes())).reduce((a, b) => Math.max(a, Math.abs(b)), 0) : inputRange;

/** `resultRanges`: the least and the greatest value of each result of the float model. */
export function quantizedPair(
  op: Op,
  model: Model,
  inputRange: number,
  resultRanges: readonly (readonly [number, number])[],
): QuantizedPair {
  const [graph] = model.graphs;
  const [node] = graph?.nodes ?? [];
  if (!graph || !node) throw new TypeError("a model of one operator");
  const float = new GraphDraft(graph);
  const int8 = new GraphDraft(graph);
  const last = op.operands.at(-1);
  const roleOf = (position: number): OperandRole | undefined => op.operands[position] ?? last;
  const activations = node.inputs.flatMap((id, i) =>
    id !== null && /^activation/.test(roleOf(i)?.role ?? "") ? [id] : [],
  );
  const shared = op.results.some((rule) => rule.rule === "same-as" && rule.operand === "activations");
  const largest = Math.max(...activations.map((id) => largestOf(tensorOf(graph, id), inputRange)));
  const scaleOf = new Map<TensorId, Quantization>();

  const store = (id: TensorId, quantization: Quantization): void => {
    scaleOf.set(id, quantization);
    const { constant, dtype, shape } = tensorOf(graph, id);
    if (!constant) {
      int8.setTensor(id, { dtype: "int8", quantization });
      return;
    }
    const values = Array.from(valuesOf(dtype, constant.bytes()));
    const run = shape.slice(quantization.axis + 1).reduce((a, b) => a * b, 1);
    const scaleAt = (i: number): number => quantization.scales[Math.floor(i / run) % quantization.scales.length] ?? 1;
    const stored = values.map((value, i) => clampToInt8(value / scaleAt(i)));
    int8.setTensor(id, { dtype: "int8", quantization, constant: constantOf(bytesOf("int8", stored)) });
    float.setTensor(id, {
      constant: constantOf(
        bytesOf(
          "float32",
          stored.map((q, i) => q * scaleAt(i)),
        ),
      ),
    });
  };
  for (const id of activations)
    if (tensorOf(graph, id).dtype === "float32")
      store(id, symmetric(shared ? largest : largestOf(tensorOf(graph, id), inputRange)));
  for (const [i, id] of node.inputs.entries()) {
    const role = roleOf(i);
    if (id === null || role?.role !== "weight") continue;
    const { shape, constant } = tensorOf(graph, id);
    const axis = role.channelAxis ?? 0;
    const values = Array.from(valuesOf("float32", constant?.bytes() ?? new Uint8Array(0)));
    const run = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
    const peaks = new Array<number>(shape[axis] ?? 1).fill(1e-6);
    for (const [k, value] of values.entries()) {
      const channel = Math.floor(k / run) % peaks.length;
      peaks[channel] = Math.max(peaks[channel] ?? 0, Math.abs(value));
    }
    store(id, { scales: peaks.map((peak) => Math.fround(peak / 127)), zeroPoints: peaks.map(() => 0), axis });
  }
  for (const [i, id] of node.inputs.entries()) {
    const role = roleOf(i);
    if (id === null || role?.role !== "bias") continue;
    const [input, weight] = role.of.map((name) => {
      const operand = node.inputs[op.operands.findIndex((candidate) => candidate.name === name)];
      return operand === null || operand === undefined ? undefined : scaleOf.get(operand);
    });
    const scales = (weight?.scales ?? [1]).map((scale) => Math.fround(scale * (input?.scales[0] ?? 1)));
    const values = Array.from(valuesOf("float32", tensorOf(graph, id).constant?.bytes() ?? new Uint8Array(0)));
    const stored = values.map((value, k) => Math.round(value / (scales[k % scales.length] ?? 1)));
    const quantization = { scales, zeroPoints: scales.map(() => 0), axis: 0 };
    int8.setTensor(id, { dtype: "int32", quantization, constant: constantOf(bytesOf("int32", stored)) });
    const exact = stored.map((q, k) => q * (scales[k % scales.length] ?? 1));
    float.setTensor(id, { constant: constantOf(bytesOf("float32", exact)) });
  }
  for (const [i, id] of node.outputs.entries()) {
    const rule = op.results[op.manyResults ? 0 : i];
    if (!rule || rule.rule === "none" || tensorOf(graph, id).dtype !== "float32") continue;
    const same = rule.rule === "same-as" ? scaleOf.get(activations[0] as TensorId) : undefined;
    const own = asymmetric(resultRanges[i] ?? [0, 1]);
    const quantization =
      rule.rule === "fixed" ? { scales: [rule.int8[0]], zeroPoints: [rule.int8[1]], axis: 0 } : (same ?? own);
    scaleOf.set(id, quantization);
    int8.setTensor(id, { dtype: "int8", quantization });
  }
  const of = (id: TensorId): Quantization | null => scaleOf.get(id) ?? null;
  return {
    float: { ...model, graphs: [float.freeze()] },
    int8: { ...model, graphs: [int8.freeze()] },
    inputs: graph.inputs.map(of),
    outputs: graph.outputs.map(of),
  };
}

function asymmetric([least, greatest]: readonly [number, number]): Quantization {
  const [low, high] = [Math.min(least, 0), Math.max(greatest, 0)];
  const scale = Math.fround((high - low || 1) / 255);
  return { scales: [scale], zeroPoints: [clampToInt8(-128 - low / scale)], axis: 0 };
}
