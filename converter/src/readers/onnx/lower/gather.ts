/**
 * Picking and placing elements by index, finding the largest, running sums. Indices below 0 count from the end: constants
 * are turned here, others by FLOOR_MOD during the run.
 */
import { elementCount, type Shape, type TensorId } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { argMax } from "../../../ops/arg-max.ts";
import { argMin } from "../../../ops/arg-min.ts";
import { concatenation } from "../../../ops/concatenation.ts";
import { cumsum } from "../../../ops/cumsum.ts";
import { floorMod } from "../../../ops/floor-mod.ts";
import { gather } from "../../../ops/gather.ts";
import { gatherNd } from "../../../ops/gather-nd.ts";
import { greater } from "../../../ops/greater.ts";
import { less } from "../../../ops/less.ts";
import { maximum } from "../../../ops/maximum.ts";
import { minimum } from "../../../ops/minimum.ts";
import { mul } from "../../../ops/mul.ts";
import { neg } from "../../../ops/neg.ts";
import { oneHot } from "../../../ops/one-hot.ts";
import { reverseSequence } from "../../../ops/reverse-sequence.ts";
import { reverseV2 } from "../../../ops/reverse-v2.ts";
import { scatterNd } from "../../../ops/scatter-nd.ts";
import { selectV2 } from "../../../ops/select-v2.ts";
import { sub } from "../../../ops/sub.ts";
import { topkV2 } from "../../../ops/topk-v2.ts";
import type { NodeBuilder } from "../node-builder.ts";
import { castTo, indices, reshaped, transposed } from "./compose.ts";
import type { Lowered, OnnxLowering } from "./lowering.ts";

/** Constants spelt out here stay below this. */
const maxElements = 2 ** 24;

/** Indices into an axis of `size`, none negative. */
function turned(node: NodeBuilder, id: TensorId, size: number): TensorId {
  const known = node.graph.valuesOf(id);
  if (!known)
    return node.emit(floorMod, "indices", [castTo(node, "int", id, "int32"), node.integers("size", [size], [])]);
  if (known.every((at) => at >= 0)) return id;
  return node.integers(
    "indices",
    known.map((at) => (at < 0 ? at + size : at)),
    node.shape(id),
  );
}

const gatherLowering: OnnxLowering = {
  operators: ["Gather"],
  lower: (node) => {
    const x = node.input(0);
    const axis = node.axis(node.int("axis", 0), node.rank(x));
    const picks = turned(node, node.input(1), node.shape(x)[axis] ?? 1);
    return node.emit(gather, "", [x, picks], { axis });
  },
};

const stridesOf = (shape: Shape): readonly number[] => shape.map((_, axis) => elementCount(shape.slice(axis + 1)));

/** Positions in the flattened `shape` of elements whose index along `axis` is given and whose others are their own. */
function flatPositions(node: NodeBuilder, shape: Shape, axis: number, given: TensorId): TensorId {
  const own = node.shape(given);
  const count = elementCount(own);
  if (count > maxElements) throw node.refusal(`it picks ${count} elements one by one`);
  const [strides, steps] = [stridesOf(shape), stridesOf(own)];
  const rest = indices(count).map((at) =>
    own.reduce(
      (sum, size, i) => (i === axis ? sum : sum + (Math.floor(at / (steps[i] ?? 1)) % size) * (strides[i] ?? 1)),
      0,
    ),
  );
  const picks = turned(node, given, shape[axis] ?? 1);
  const stride = strides[axis] ?? 1;
  const known = node.graph.valuesOf(picks);
  if (known)
    return node.integers(
      "positions",
      known.map((at, i) => at * stride + (rest[i] ?? 0)),
    );
  const flat = reshaped(node, "picks", picks, [count]);
  const scaled = node.emit(mul, "scaled", [flat, node.integers("stride", [stride], [])]);
  return node.emit(add, "positions", [scaled, node.integers("rest", rest)]);
}

const gatherElements: OnnxLowering = {
  operators: ["GatherElements"],
  lower: (node) => {
    const [x, picks] = [node.input(0), node.input(1)];
    const shape = node.shape(x);
    const axis = node.axis(node.int("axis", 0), shape.length);
    const flat = reshaped(node, "flat", x, [elementCount(shape)]);
    const found = node.emit(gather, "found", [flat, flatPositions(node, shape, axis, picks)], { axis: 0 });
    return reshaped(node, "", found, node.shape(picks));
  },
};

/** Indices of several axes at once, none negative. */
function turnedAll(node: NodeBuilder, id: TensorId, sizes: Shape): TensorId {
  const known = node.graph.valuesOf(id);
  if (!known) return node.emit(floorMod, "indices", [castTo(node, "int", id, "int32"), node.integers("sizes", sizes)]);
  if (known.every((at) => at >= 0)) return id;
  return node.integers(
    "indices",
    known.map((at, i) => (at < 0 ? at + (sizes[i % sizes.length] ?? 0) : at)),
    node.shape(id),
  );
}

const gatherNdLowering: OnnxLowering = {
  operators: ["GatherND"],
  lower: (node) => {
    const [x, given] = [node.input(0), node.input(1)];
    const shape = node.shape(x);
    const own = node.shape(given);
    const batch = node.int("batch_dims", 0);
    const depth = own.at(-1) ?? 0;
    const picks = turnedAll(node, given, shape.slice(batch, batch + depth));
    if (batch === 0) return node.emit(gatherNd, "", [x, picks]);
    // The places in the batch become indices of their own in front.
    const rows = elementCount(own.slice(0, -1));
    const inside = elementCount(own.slice(batch, -1));
    const places = stridesOf(own.slice(0, batch));
    const fronts = indices(rows).flatMap((row) =>
      places.map((step, axis) => Math.floor(Math.floor(row / inside) / step) % (own[axis] ?? 1)),
    );
    const front = node.integers("batch", fronts, [...own.slice(0, -1), batch]);
    return node.emit(gatherNd, "", [x, node.emit(concatenation, "places", [front, picks], { axis: own.length - 1 })]);
  },
};

/** Repetitions of one place that are applied one after the other. */
const maxRounds = 32;

/** Which rows of places are applied together: no place stands in one round twice. Undefined: places the run computes. */
function roundsOf(node: NodeBuilder, places: TensorId, depth: number, reduction: string): number[][] | undefined {
  const known = node.graph.valuesOf(places);
  if (!known) return undefined;
  const rounds: number[][] = [];
  if (reduction === "none") {
    const last = new Map<string, number>();
    for (let row = 0; row * depth < known.length; row++)
      last.set(known.slice(row * depth, (row + 1) * depth).join(), row);
    return [[...last.values()].sort((a, b) => a - b)];
  }
  const met = new Map<string, number>();
  for (let row = 0; row * depth < known.length; row++) {
    const place = known.slice(row * depth, (row + 1) * depth).join();
    const round = met.get(place) ?? 0;
    met.set(place, round + 1);
    rounds[round] = [...(rounds[round] ?? []), row];
    if (round >= maxRounds) throw node.refusal(`it changes one place more than ${maxRounds} times`);
  }
  return rounds;
}

/** `x` changed at `places` [n, depth] by `updates` [n, …]. Of repeated places the last one counts where nothing reduces. */
function scattered(node: NodeBuilder, x: TensorId, places: TensorId, updates: TensorId, reduction: string): TensorId {
  const shape = node.integers("shape", node.shape(x));
  if (reduction === "add") return node.emit(add, "", [x, node.emit(scatterNd, "added", [places, updates, shape])]);
  const [count = 0, depth = 0] = node.shape(places);
  const rounds = roundsOf(node, places, depth, reduction);
  if (reduction !== "none" && !rounds) throw node.refusal(`its reduction is "${reduction}", at computed places`);
  const all = rounds ?? [indices(count)];
  return all.reduce((whole, rows, round) => {
    const role = (name: string) => (all.length === 1 ? name : `${name}/${round}`);
    const picked = (name: string, from: TensorId): TensorId =>
      rows.length === count
        ? from
        : node.emit(gather, role(name), [from, node.integers(role(`${name}/rows`), rows)], { axis: 0 });
    const [at, change] = [picked("places", places), picked("changes", updates)];
    const placed = node.emit(scatterNd, role("placed"), [at, change, shape]);
    const sizes = node.shape(change);
    const ones = node.floats32(role("ones"), new Float32Array(elementCount(sizes)).fill(1), sizes);
    const marked = node.emit(scatterNd, role("marked"), [at, ones, shape]);
    const taken = node.emit(greater, role("taken"), [marked, node.scalar(role("zero"), 0)]);
    return node.emit(selectV2, role("changed"), [
      taken,
      reduced(node, role("reduced"), whole, placed, reduction),
      whole,
    ]);
  }, x);
}

function reduced(node: NodeBuilder, role: string, x: TensorId, placed: TensorId, reduction: string): TensorId {
  switch (reduction) {
    case "none":
      return placed;
    case "mul":
      return node.emit(mul, role, [x, placed]);
    case "max":
      return node.emit(maximum, role, [x, placed]);
    case "min":
      return node.emit(minimum, role, [x, placed]);
    default:
      throw node.refusal(`its reduction is "${reduction}"`);
  }
}

const scatterNdLowering: OnnxLowering = {
  operators: ["ScatterND"],
  lower: (node) => {
    const [x, given, updates] = [node.input(0), node.input(1), node.input(2)];
    const shape = node.shape(given);
    const depth = shape.at(-1) ?? 0;
    const rows = elementCount(shape.slice(0, -1));
    const places = reshaped(node, "places/rows", turnedAll(node, given, node.shape(x).slice(0, depth)), [rows, depth]);
    const changes = reshaped(node, "updates", updates, [rows, ...node.shape(x).slice(depth)]);
    return scattered(node, x, places, changes, node.string("reduction", "none"));
  },
};

const scatterElements: OnnxLowering = {
  operators: ["ScatterElements", "Scatter"],
  lower: (node) => {
    const [x, given, updates] = [node.input(0), node.input(1), node.input(2)];
    const shape = node.shape(x);
    const axis = node.axis(node.int("axis", 0), shape.length);
    const count = elementCount(node.shape(given));
    const places = reshaped(node, "places", flatPositions(node, shape, axis, given), [count, 1]);
    const flat = reshaped(node, "flat", x, [elementCount(shape)]);
    const changes = reshaped(node, "updates", updates, [count]);
    return reshaped(node, "whole", scattered(node, flat, places, changes, node.string("reduction", "none")), shape);
  },
};

const topK: OnnxLowering = {
  operators: ["TopK"],
  lower: (node): Lowered => {
    const x = node.input(0);
    const rank = node.rank(x);
    const [k = 1] = node.has("k") ? [node.int("k", 1)] : node.numbers(node.input(1), "count");
    const axis = node.axis(node.int("axis", -1), rank);
    const smallest = !node.flag("largest", true);
    const axes = [...indices(rank).filter((at) => at !== axis), axis];
    const back = indices(rank).map((at) => axes.indexOf(at));
    const last = transposed(node, "last", x, axes);
    const sorted = smallest ? node.emit(neg, "turned", [last]) : last;
    const [values, places] = node.emitAll(topkV2, "top", [sorted, node.integers("k", [k], [])]);
    if (values === undefined || places === undefined) throw node.refusal("it has no results");
    const found = smallest ? node.emit(neg, "values", [values]) : values;
    return [transposed(node, "values/back", found, back), transposed(node, "places/back", places, back)];
  },
};

const extreme = (operator: string, op: typeof argMax | typeof argMin): OnnxLowering => ({
  operators: [operator],
  lower: (node) => {
    const x = node.input(0);
    const shape = node.shape(x);
    const axis = node.axis(node.int("axis", 0), shape.length);
    const last = node.flag("select_last_index", false);
    const from = last ? node.emit(reverseV2, "reversed", [x, node.integers("reversed/axes", [axis])]) : x;
    const operands = [from, node.integers("axis", [axis], [])];
    const found =
      op === argMax
        ? node.emit(argMax, "place", operands, { outputType: "INT32" })
        : node.emit(argMin, "place", operands, { outputType: "INT32" });
    const end = node.integers("end", [(shape[axis] ?? 1) - 1], []);
    const place = last ? node.emit(sub, "counted", [end, found]) : found;
    return node.flag("keepdims", true) ? reshaped(node, "kept", place, shape.with(axis, 1)) : place;
  },
});

/** Indices outside of −depth…depth−1 set nothing. */
const oneHotLowering: OnnxLowering = {
  operators: ["OneHot"],
  lower: (node) => {
    const [depth = 1] = node.numbers(node.input(1), "depth");
    const given = castTo(node, "int", node.input(0), "int32");
    const below = node.emit(less, "below", [given, node.integers("zero", [0], [])]);
    const moved = node.emit(add, "moved", [given, node.integers("size", [depth], [])]);
    const places = node.emit(selectV2, "places", [below, moved, given]);
    const rank = node.rank(given) + 1;
    const axis = node.axis(node.int("axis", -1), rank);
    const values = node.input(2);
    const value = (role: string, at: number) =>
      reshaped(node, role, node.emit(gather, `${role}/value`, [values, node.integers("at", [at])], { axis: 0 }), []);
    const operands = [places, node.integers("depth", [depth], []), value("on", 1), value("off", 0)];
    return node.emit(oneHot, "", operands, { axis: axis === rank - 1 ? -1 : axis });
  },
};

const runningSum: OnnxLowering = {
  operators: ["CumSum"],
  lower: (node) => {
    const [axis = 0] = node.numbers(node.input(1), "axis");
    const attributes = { exclusive: node.flag("exclusive", false), reverse: node.flag("reverse", false) };
    return node.emit(cumsum, "", [node.input(0), node.integers("axis", [axis], [])], attributes);
  },
};

const reverse: OnnxLowering = {
  operators: ["ReverseSequence"],
  lower: (node) => {
    const attributes = { seqDim: node.int("time_axis", 0), batchDim: node.int("batch_axis", 1) };
    return node.emit(reverseSequence, "", [node.input(0), node.input(1)], attributes);
  },
};

export const picks: readonly OnnxLowering[] = [
  gatherLowering,
  gatherElements,
  gatherNdLowering,
  scatterNdLowering,
  scatterElements,
  topK,
  extreme("ArgMax", argMax),
  extreme("ArgMin", argMin),
  oneHotLowering,
  runningSum,
  reverse,
];
