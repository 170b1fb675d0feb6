/**
 * Rounding that looks at the data: weights are rounded one after the other, and what each rounding does to the operator's
 * result is made good, in the least-squares sense over calibration rows, by the weights of its row that are still free.
 * Source: Frantar et al. 2022, "GPTQ", equations 2 to 4 with the Cholesky form; scales stay as planned.
 * A function from (graph, moments, plan) to a better plan.
 */
import { type Graph, indexGraph, type TensorId } from "../ir/graph.ts";
import { type InputPatches, inputPatches } from "./input-patches.ts";
import { FloatConstants } from "./operands.ts";
import type { NodePlan, QuantizationPlan, WeightPlan } from "./plan.ts";
import { clamp, roundHalfAwayFromZero } from "./rounding.ts";
import type { SecondMoments } from "./second-moments.ts";

/** Share of the mean diagonal that is added to it, as in the paper: columns that were always zero stay solvable. */
const damping = 0.01;

/** `moments`: by position of the node in the graph. Nodes without any keep nearest rounding. */
export function chooseRounding(
  graph: Graph,
  moments: ReadonlyMap<number, SecondMoments>,
  plan: QuantizationPlan,
): QuantizationPlan {
  const constants = new FloatConstants(graph, indexGraph(graph));
  const nodes = plan.nodes.map((nodePlan, at): NodePlan => {
    const node = graph.nodes[at];
    const seen = moments.get(at);
    const patches = node && seen && inputPatches(graph, node);
    if (!patches || nodePlan.mode === "untouched") return nodePlan;
    const values = constants.read(node.inputs[patches.weightAt] ?? (-1 as TensorId));
    const { operands } = nodePlan;
    const operand = operands?.[patches.weightAt];
    const weightPlan = operand?.use === "dequantized" ? operand.stored : operand;
    if (!values || !operands || typeof weightPlan !== "object" || weightPlan.use !== "weight") return nodePlan;
    const chosen = roundRows(values, patches, weightPlan, seen);
    const better: WeightPlan = { ...weightPlan, values: () => chosen };
    const changed = operands.with(
      patches.weightAt,
      operand?.use === "dequantized" ? { ...operand, stored: better } : better,
    );
    return { ...nodePlan, operands: changed };
  });
  return { ...plan, nodes };
}

function roundRows(
  values: Float32Array,
  { depth, view, ...patches }: InputPatches,
  { scales, blockSize, dtype }: WeightPlan,
  { sums }: SecondMoments,
): Int8Array {
  const factors = sums.map((one) => inverseFactor(one, depth));
  const limit = dtype === "int4" ? 7 : 127;
  const scaleOf = (channel: number, place: number): number => {
    if (blockSize !== undefined) return scales[Math.floor((channel * depth + place) / blockSize)] ?? 1;
    return scales[scales.length === 1 ? 0 : channel] ?? 1;
  };
  const chosen = new Int8Array(values.length);
  const row = new Float64Array(depth);
  for (let channel = 0; channel < view.channels; channel++) {
    for (let place = 0; place < depth; place++) row[place] = values[patches.indexOf(channel, place)] ?? 0;
    const factor = factors[patches.groupOf(channel)];
    for (let place = 0; place < depth; place++) {
      const wanted = row[place] ?? 0;
      const scale = scaleOf(channel, place);
      const rounded = clamp(roundHalfAwayFromZero(Math.fround(wanted / scale)), -limit, limit);
      chosen[patches.indexOf(channel, place)] = rounded;
      if (!factor) continue;
      const start = place * depth;
      const error = (wanted - rounded * scale) / (factor[start + place] ?? 1);
      for (let later = place + 1; later < depth; later++) {
        row[later] = (row[later] ?? 0) - error * (factor[start + later] ?? 0);
      }
    }
  }
  return chosen;
}

/** Upper triangular U with H⁻¹ = Uᵀ·U, row-major; null where H, damped, is not positive definite. */
function inverseFactor(lower: Float64Array, depth: number): Float64Array | null {
  let trace = 0;
  for (let at = 0; at < depth; at++) trace += lower[at * depth + at] ?? 0;
  if (!(trace > 0)) return null;
  const damped = lower.slice();
  for (let at = 0; at < depth; at++)
    damped[at * depth + at] = (damped[at * depth + at] ?? 0) + (damping * trace) / depth;
  const inverse = invert(damped, depth);
  return inverse && transposed(cholesky(inverse, depth), depth);
}

/** L with A = L·Lᵀ, in place of A's lower triangle; null where A is not positive definite. */
function cholesky(a: Float64Array, depth: number): Float64Array | null {
  for (let i = 0; i < depth; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * depth + j] ?? 0;
      for (let k = 0; k < j; k++) sum -= (a[i * depth + k] ?? 0) * (a[j * depth + k] ?? 0);
      if (i === j) {
        if (!(sum > 0)) return null;
        a[i * depth + i] = Math.sqrt(sum);
      } else a[i * depth + j] = sum / (a[j * depth + j] ?? 1);
    }
  }
  return a;
}

/** Lower triangle of A⁻¹ by A = L·Lᵀ and A⁻¹ = L⁻ᵀ·L⁻¹. */
function invert(a: Float64Array, depth: number): Float64Array | null {
  const l = cholesky(a, depth);
  if (!l) return null;
  const transposedInverse = new Float64Array(depth * depth); // row j holds column j of L⁻¹
  for (let j = 0; j < depth; j++) {
    const start = j * depth;
    transposedInverse[start + j] = 1 / (l[start + j] ?? 1);
    for (let i = j + 1; i < depth; i++) {
      let sum = 0;
      for (let k = j; k < i; k++) sum -= (l[i * depth + k] ?? 0) * (transposedInverse[start + k] ?? 0);
      transposedInverse[start + i] = sum / (l[i * depth + i] ?? 1);
    }
  }
  const inverse = new Float64Array(depth * depth);
  for (let i = 0; i < depth; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = i; k < depth; k++)
        sum += (transposedInverse[i * depth + k] ?? 0) * (transposedInverse[j * depth + k] ?? 0);
      inverse[i * depth + j] = sum;
    }
  }
  return inverse;
}

function transposed(lower: Float64Array | null, depth: number): Float64Array | null {
  if (!lower) return null;
  const upper = new Float64Array(depth * depth);
  for (let i = 0; i < depth; i++) {
    for (let j = 0; j <= i; j++) upper[j * depth + i] = lower[i * depth + j] ?? 0;
  }
  return upper;
}
