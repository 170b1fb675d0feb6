/** Reductions over known axes, places of extremes, running sums, the largest k. */
import type { TensorId } from "../../../ir/graph.ts";
import { argMax } from "../../../ops/arg-max.ts";
import { argMin } from "../../../ops/arg-min.ts";
import { cast } from "../../../ops/cast.ts";
import { cumsum } from "../../../ops/cumsum.ts";
import type { Op } from "../../../ops/define-op.ts";
import { mean } from "../../../ops/mean.ts";
import { notEqual } from "../../../ops/not-equal.ts";
import { reduceMax } from "../../../ops/reduce-max.ts";
import { reduceMin } from "../../../ops/reduce-min.ts";
import { reduceProd } from "../../../ops/reduce-prod.ts";
import { sqrt } from "../../../ops/sqrt.ts";
import { square } from "../../../ops/square.ts";
import { sum } from "../../../ops/sum.ts";
import { topkV2 } from "../../../ops/topk-v2.ts";
import type { NodeLowering } from "../node-lowering.ts";
import { NodeRefusal, type TfLowering } from "./tf-lowering.ts";

type Reduction = Op<(typeof mean)["attributes"]>;

function reduce(node: NodeLowering, op: Reduction, input: TensorId, role = ""): TensorId {
  const rank = node.rankOf(input);
  const axes = [...new Set(node.integers(1, "axes").map((axis) => node.axis(axis, rank)))].sort((a, b) => a - b);
  if (axes.length === 0) return input;
  return node.emit(op, [input, node.intsConstant("axes", axes)], { keepDims: node.boolAttr("keep_dims") }, role);
}

const plain = (ops: readonly string[], op: Reduction): TfLowering => ({
  ops,
  lower: (node) => reduce(node, op, node.input(0)),
});

/** True is 1: any is the largest, all the least. */
const ofBooleans = (ops: readonly string[], op: Reduction): TfLowering => ({
  ops,
  lower: (node) => {
    const numbers = node.emit(cast, [node.input(0)], { inDataType: "BOOL", outDataType: "FLOAT32" }, "numbers");
    const found = reduce(node, op, numbers, "reduced");
    return node.emit(notEqual, [found, node.floatsConstant("zero", [0], [])]);
  },
});

const place = (ops: readonly string[], op: typeof argMax): TfLowering => ({
  ops,
  lower: (node) => {
    const axis = node.axis(node.inputs.length > 1 ? node.integer(1, "axis") : 0, node.rankOf(node.input(0)));
    return node.emit(op, [node.input(0), node.intsConstant("axis", [axis], [])], { outputType: "INT32" });
  },
});

const runningSum: TfLowering = {
  ops: ["Cumsum"],
  lower: (node) => {
    const axis = node.axis(node.integer(1, "axis"), node.rankOf(node.input(0)));
    const attributes = { exclusive: node.boolAttr("exclusive"), reverse: node.boolAttr("reverse") };
    return node.emit(cumsum, [node.input(0), node.intsConstant("axis", [axis], [])], attributes);
  },
};

const largest: TfLowering = {
  ops: ["TopKV2", "TopK"],
  lower: (node) => {
    const k = node.op === "TopK" ? node.intAttr("k", 1) : node.integer(1, "number of elements");
    if (k < 1) throw new NodeRefusal(`the largest ${k} are none`);
    return node.emitAll(topkV2, [node.input(0), node.intsConstant("k", [k], [])]);
  },
};

const norm: TfLowering = {
  ops: ["EuclideanNorm"],
  lower: (node) => node.emit(sqrt, [reduce(node, sum, node.emit(square, [node.input(0)], {}, "squares"), "sum")]),
};

export const reductionLowerings: readonly TfLowering[] = [
  plain(["Mean"], mean),
  plain(["Sum"], sum),
  plain(["Max"], reduceMax),
  plain(["Min"], reduceMin),
  plain(["Prod"], reduceProd),
  ofBooleans(["Any"], reduceMax),
  ofBooleans(["All"], reduceMin),
  place(["ArgMax"], argMax),
  place(["ArgMin"], argMin),
  runningSum,
  largest,
  norm,
];
