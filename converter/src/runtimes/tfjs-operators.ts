/**
 * TensorFlow operators that tfjs-converter 4.22 lacks or computes otherwise than TensorFlow, spelt with tfjs-core, so that
 * sources with them can be proven. They are registered under names of their own, and only graphs that are truths use them.
 * Rules: TensorFlow's API documentation of each operator. Knows nothing of this project's own lowering.
 */
import type * as Converter from "@tensorflow/tfjs-converter";
import type * as Core from "@tensorflow/tfjs-core";
import { listOperators } from "./tfjs-lists.ts";
import { flagOf, type GraphNode, input, numberOf, numbersOf, type Operator, textOf } from "./tfjs-nodes.ts";
import { rareOperators } from "./tfjs-rare-operators.ts";

const prefix = "Exact/";

/** The name under which the operator is registered; undefined where tfjs itself is right. */
export const exactOperator = (op: string): string | undefined => (operators.has(op) ? prefix + op : undefined);

let registered = false;

/** Makes them known to tfjs-converter, once. */
export function registerExactOperators(core: typeof Core, converter: typeof Converter): void {
  if (registered) return;
  registered = true;
  for (const [op, run] of operators) converter.registerOp(prefix + op, (node) => run(core, node));
}

const isChannelsFirst = (node: GraphNode): boolean => textOf(node, "data_format") === "nchw";

const toChannelsLast = (core: typeof Core, x: Core.Tensor): Core.Tensor => core.transpose(x, [0, 2, 3, 1]);
const toChannelsFirst = (core: typeof Core, x: Core.Tensor): Core.Tensor => core.transpose(x, [0, 3, 1, 2]);

/** Sizes or steps of height and width. */
const spatial = (node: GraphNode, name: string): [number, number] => {
  const four = numbersOf(node, name);
  const at = isChannelsFirst(node) ? 2 : 1;
  return [four[at] ?? 1, four[at + 1] ?? 1];
};

/** Groups: the filter takes a part of the channels only, and each part has as many filters. */
const conv2d: Operator = (core, node) => {
  const first = isChannelsFirst(node);
  const given = first ? toChannelsLast(core, input(node, 0)) : input(node, 0);
  const explicit = textOf(node, "padding") === "explicit";
  const pads = numbersOf(node, "explicit_paddings");
  const at = first ? 4 : 2;
  const [top = 0, bottom = 0, left = 0, right = 0] = pads.slice(at, at + 4);
  const edges: [number, number][] = [[0, 0], [top, bottom], [left, right], [0, 0]]; // biome-ignore format: a table
  const x = (explicit ? core.pad(given, edges) : given) as Core.Tensor4D;
  const filter = input(node, 1) as Core.Tensor4D;
  const padding = textOf(node, "padding") === "same" ? "same" : "valid";
  const [strides, dilations] = [spatial(node, "strides"), spatial(node, "dilations")];
  const groups = (x.shape[3] ?? 1) / (filter.shape[2] ?? 1);
  const run = (part: Core.Tensor4D, weights: Core.Tensor4D) =>
    core.conv2d(part, weights, strides, padding, "NHWC", dilations);
  const parts = groups > 1 ? core.split<Core.Tensor4D>(x, groups, 3) : [x];
  const filters = groups > 1 ? core.split<Core.Tensor4D>(filter, groups, 3) : [filter];
  const results = parts.map((part, index) => run(part, filters[index] ?? filter));
  const [only] = results;
  const result = only && results.length === 1 ? only : core.concat(results, 3);
  return first ? toChannelsFirst(core, result) : result;
};

/** The first result alone; tfjs knows no channels first. */
const batchNorm: Operator = (core, node) => {
  const first = isChannelsFirst(node);
  const x = first ? toChannelsLast(core, input(node, 0)) : input(node, 0);
  const [scale, offset, ...given] = [1, 2, 3, 4].map((place) => input(node, place) as Core.Tensor1D);
  const training = node.attrs.is_training === undefined ? given[0]?.size === 0 : flagOf(node, "is_training");
  const batch = training ? core.moments(x, [0, 1, 2]) : undefined;
  const [mean, variance] = batch ? [batch.mean as Core.Tensor1D, batch.variance as Core.Tensor1D] : given;
  if (!scale || !offset || !mean || !variance) throw new TypeError("a batch norm needs five inputs");
  const y = core.batchNorm(x, mean, variance, offset, scale, numberOf(node, "epsilon", 1e-4));
  const result = first ? toChannelsFirst(core, y) : y;
  const count = x.size / mean.size;
  const kept = training ? core.mul(variance, core.scalar(count / Math.max(count - 1, 1))) : variance;
  return [result, mean, kept, mean, variance];
};

/** tfjs broadcasts the front axes wrongly where both sides have some of their own. */
const batchMatMul: Operator = (core, node) => {
  const [a, b] = [input(node, 0), input(node, 1)];
  const [adjX, adjY] = [flagOf(node, "adj_x"), flagOf(node, "adj_y")];
  const [frontA, frontB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  if (frontA.join() === frontB.join()) return core.matMul(a, b, adjX, adjY);
  const front = core.broadcast_util.assertAndGetBroadcastShape(frontA, frontB);
  const widened = (x: Core.Tensor): Core.Tensor => {
    const sizes = x.shape.slice(-2);
    const ones = new Array<number>(front.length + 2 - x.shape.length).fill(1);
    return core.broadcastTo(core.reshape(x, [...ones, ...x.shape]), [...front, ...sizes]);
  };
  return core.matMul(widened(a), widened(b), adjX, adjY);
};

/** Indices per batch: the WASM kernel of tfjs takes rows of other batches. */
const gather: Operator = (core, node) => {
  const [x, indices] = [input(node, 0), core.cast(input(node, 1), "int32")];
  const axis = node.inputs[2] ? Number(input(node, 2).dataSync()[0] ?? 0) : 0;
  const batches = numberOf(node, "batch_dims", 0);
  const take = (from: Core.Tensor, at: Core.Tensor, along: number, left: number): Core.Tensor => {
    if (left === 0) return core.gather(from, at, along);
    const each = core.unstack(at);
    return core.stack(core.unstack(from).map((one, index) => take(one, each[index] ?? at, along - 1, left - 1)));
  };
  const along = axis < 0 ? axis + x.rank : axis;
  return take(x, indices, along, batches < 0 ? batches + indices.rank : batches);
};

/** tfjs puts the depth last always; its WASM kernel writes integers into a float tensor. */
const oneHot: Operator = (core, node) => {
  const indices = core.cast(input(node, 0), "int32");
  const depth = Number(input(node, 1).dataSync()[0] ?? 0);
  const [on, off] = [input(node, 2), input(node, 3)];
  const last = core.equal(core.expandDims(indices, -1), core.range(0, depth, 1, "int32"));
  const values = core.where(last, core.broadcastTo(on, last.shape), core.broadcastTo(off, last.shape));
  const axis = numberOf(node, "axis", -1);
  if (axis < 0 || axis === indices.rank) return values;
  const order = Array.from({ length: indices.rank }, (_, at) => at);
  order.splice(axis, 0, indices.rank);
  return core.transpose(values, order);
};

/** The mean of integers is an integer, rounded towards zero. */
const mean: Operator = (core, node) => {
  const x = input(node, 0);
  const axes = Array.from(input(node, 1).dataSync(), Number);
  const result = core.mean(x, axes, flagOf(node, "keep_dims"));
  return x.dtype === "int32" ? core.cast(result, "int32") : result;
};

/** A condition of one axis chooses whole rows. */
const select: Operator = (core, node) => {
  const [condition, a, b] = [input(node, 0), input(node, 1), input(node, 2)];
  if (condition.rank !== 1 || a.rank <= 1) return core.where(core.cast(condition, "bool"), a, b);
  const ones = new Array<number>(a.rank - 1).fill(1);
  return core.where(core.reshape(core.cast(condition, "bool"), [condition.size, ...ones]), a, b);
};

/** An ellipsis stands for the axes that are not named. */
const einsum: Operator = (core, node) => {
  const [left = "", right = ""] = textOf(node, "equation").replaceAll(/\s/g, "").split("->");
  const free = [..."abcdefghijklmnopqrstuvwxyz"].filter((letter) => !left.includes(letter));
  const terms = left.split(",");
  const hidden = terms.map((term, at) =>
    term.includes("...") ? (node.inputs[at]?.rank ?? 0) - term.replace("...", "").length : 0,
  );
  const most = Math.max(...hidden);
  const letters = (count: number): string => free.slice(most - count, most).join("");
  const named = terms.map((term, at) => term.replace("...", letters(hidden[at] ?? 0)));
  const equation = `${named.join()}->${right.replace("...", letters(most))}`;
  return core.einsum(equation, ...node.inputs);
};

const softsign: Operator = (core, node) => {
  const x = input(node, 0);
  return core.div(x, core.add(core.abs(x), core.scalar(1)));
};

const spaceToDepth: Operator = (core, node) => {
  const x = input(node, 0);
  const size = numberOf(node, "block_size", 1);
  const [batch = 1, height = 1, width = 1, depth = 1] = x.shape;
  const blocks = core.reshape(x, [batch, height / size, size, width / size, size, depth]);
  const ordered = core.transpose(blocks, [0, 1, 3, 2, 4, 5]);
  return core.reshape(ordered, [batch, height / size, width / size, depth * size * size]);
};

/** The WASM backend of tfjs compares the bits of a float with an integer. */
const cast: Operator = (core, node) => {
  const x = input(node, 0);
  const target = node.attrs.DstT;
  if (target === "bool") return core.notEqual(x, core.scalar(0, x.dtype === "float32" ? "float32" : "int32"));
  return core.cast(x, target === "int32" ? "int32" : "float32");
};

/** Not TensorFlow's: integers of fewer bits, kept in 32, come in again at the other end of their range. */
const narrowInteger: Operator = (core, node) => {
  const x = input(node, 0);
  const half = flagOf(node, "signed") ? 2 ** (numberOf(node, "bits", 8) - 1) : 0;
  const span = core.scalar(2 ** numberOf(node, "bits", 8), "int32");
  const middle = core.scalar(half, "int32");
  return core.sub(core.mod(core.add(x, middle), span), middle);
};

const operators: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ["BatchMatMul", batchMatMul],
  ["BatchMatMulV2", batchMatMul],
  ["Cast", cast],
  ["Conv2D", conv2d],
  ["Einsum", einsum],
  ["FusedBatchNorm", batchNorm],
  ["FusedBatchNormV2", batchNorm],
  ["FusedBatchNormV3", batchNorm],
  ["GatherV2", gather],
  ["Mean", mean],
  ["NarrowInteger", narrowInteger],
  ["OneHot", oneHot],
  ["Select", select],
  ["Softsign", softsign],
  ["SpaceToDepth", spaceToDepth],
  ...listOperators,
  ...rareOperators,
]);
