/** Elements moved or added at places that are given: rolling, reversed sequences, scattered updates, segments. */
import type { TensorId } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { concatenation } from "../../../ops/concatenation.ts";
import type { Op } from "../../../ops/define-op.ts";
import { greater } from "../../../ops/greater.ts";
import { reverseSequence } from "../../../ops/reverse-sequence.ts";
import { scatterNd } from "../../../ops/scatter-nd.ts";
import { segmentSum } from "../../../ops/segment-sum.ts";
import { selectV2 } from "../../../ops/select-v2.ts";
import { slice } from "../../../ops/slice.ts";
import { sub } from "../../../ops/sub.ts";
import { unsortedSegmentMax } from "../../../ops/unsorted-segment-max.ts";
import { unsortedSegmentMin } from "../../../ops/unsorted-segment-min.ts";
import { unsortedSegmentProd } from "../../../ops/unsorted-segment-prod.ts";
import { unsortedSegmentSum } from "../../../ops/unsorted-segment-sum.ts";
import type { NodeLowering } from "../node-lowering.ts";
import type { TfLowering } from "./tf-lowering.ts";

/** What goes out at the end of an axis comes in at its beginning. */
const roll: TfLowering = {
  ops: ["Roll"],
  lower: (node) => {
    const rank = node.rankOf(node.input(0));
    const axes = node.integers(2, "axes").map((axis) => node.axis(axis, rank));
    return node
      .integers(1, "shift")
      .reduce<TensorId>((value, shift, at) => rolled(node, value, shift, axes[at] ?? 0), node.input(0));
  },
};

function rolled(node: NodeLowering, value: TensorId, shift: number, axis: number): TensorId {
  const shape = node.shapeOf(value);
  const length = shape[axis] ?? 1;
  const head = length - (((shift % length) + length) % length);
  if (head === length || length === 0) return value;
  const part = (from: number, count: number, role: string): TensorId => {
    const begin = node.intsConstant("begin", shape.map((_, at) => (at === axis ? from : 0))); // biome-ignore format: one line
    const size = node.intsConstant("size", shape.map((whole, at) => (at === axis ? count : whole))); // biome-ignore format: one line
    return node.emit(slice, [value, begin, size], {}, role);
  };
  return node.emit(concatenation, [part(head, length - head, "tail"), part(0, head, "head")], { axis });
}

const reversed: TfLowering = {
  ops: ["ReverseSequence"],
  lower: (node) => {
    const rank = node.rankOf(node.input(0));
    const [seqDim, batchDim] = [node.intAttr("seq_dim", 0), node.intAttr("batch_dim", 0)].map((axis) =>
      node.axis(axis, rank),
    );
    return node.emit(reverseSequence, [node.input(0), node.input(1)], { seqDim: seqDim ?? 0, batchDim: batchDim ?? 0 });
  },
};

const scattered = (node: NodeLowering, updates: TensorId, role: string): TensorId => {
  const shape = node.intsConstant("shape", node.shapeOf(node.input(0)));
  return node.emit(scatterNd, [node.input(1), updates, shape], {}, role);
};

/** Where places repeat, TensorFlow leaves open which update stays. */
const update: TfLowering = {
  ops: ["TensorScatterUpdate"],
  lower: (node) => {
    const [x, updates] = [node.input(0), node.input(2)];
    const shape = node.shapeOf(updates);
    const count = shape.reduce((product, size) => product * size, 1);
    const ones = node.intsConstant("ones", new Array<number>(count).fill(1), shape);
    const hit = node.emit(greater, [scattered(node, ones, "hits"), node.intsConstant("none", [0], [])], {}, "hit");
    return node.emit(selectV2, [hit, scattered(node, updates, "updates"), x]);
  },
};

const scatterInto = (op: string, join: Op): TfLowering => ({
  ops: [op],
  lower: (node) => node.emit(join, [node.input(0), scattered(node, node.input(2), "updates")]),
});

const unsorted = (op: string, to: Op): TfLowering => ({
  ops: [op],
  lower: (node) => {
    const count = node.intsConstant("count", [node.integer(2, "number of segments")], []);
    return node.emit(to, [node.input(0), node.input(1), count]);
  },
});

export const rearrangementLowerings: readonly TfLowering[] = [
  roll,
  reversed,
  update,
  scatterInto("TensorScatterAdd", add),
  scatterInto("TensorScatterSub", sub),
  unsorted("UnsortedSegmentSum", unsortedSegmentSum),
  unsorted("UnsortedSegmentMax", unsortedSegmentMax),
  unsorted("UnsortedSegmentMin", unsortedSegmentMin),
  unsorted("UnsortedSegmentProd", unsortedSegmentProd),
  { ops: ["SegmentSum"], lower: (node) => node.emit(segmentSum, [node.input(0), node.input(1)]) },
];
