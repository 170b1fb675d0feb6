/** Operators of two operands that broadcast: arithmetic, comparisons, logic, choice; and sums of many. */
import type { TensorId } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import type { Op } from "../../../ops/define-op.ts";
import { div } from "../../../ops/div.ts";
import { equal } from "../../../ops/equal.ts";
import { floorDiv } from "../../../ops/floor-div.ts";
import { floorMod } from "../../../ops/floor-mod.ts";
import { greater } from "../../../ops/greater.ts";
import { greaterEqual } from "../../../ops/greater-equal.ts";
import { less } from "../../../ops/less.ts";
import { lessEqual } from "../../../ops/less-equal.ts";
import { logicalAnd } from "../../../ops/logical-and.ts";
import { logicalOr } from "../../../ops/logical-or.ts";
import { maximum } from "../../../ops/maximum.ts";
import { minimum } from "../../../ops/minimum.ts";
import { mul } from "../../../ops/mul.ts";
import { notEqual } from "../../../ops/not-equal.ts";
import { pow } from "../../../ops/pow.ts";
import { selectV2 } from "../../../ops/select-v2.ts";
import { squaredDifference } from "../../../ops/squared-difference.ts";
import { sub } from "../../../ops/sub.ts";
import type { NodeLowering } from "../node-lowering.ts";
import { channelsFirst } from "./channels-first.ts";
import { NodeRefusal, type TfLowering } from "./tf-lowering.ts";

const plain = (ops: readonly string[], op: Op): TfLowering => ({
  ops,
  lower: (node) => node.emit(op, [node.input(0), node.input(1)]),
});

/** A bias along the channels; in NCHW it is given the axes that let it broadcast there. */
const biasAdd: TfLowering = {
  ops: ["BiasAdd", "BiasAddV1"],
  lower: (node) => {
    const [x, bias] = [node.input(0), node.input(1)];
    const [channels = 0] = node.shapeOfRank(bias, 1);
    if (!channelsFirst(node)) return node.emit(add, [x, bias]);
    const beside = node
      .shapeOf(x)
      .slice(2)
      .map(() => 1);
    return node.emit(add, [x, node.reshaped(bias, [channels, ...beside], "bias")]);
  },
};

/** x / y, and 0 wherever y is 0: so is x·y for MulNoNan. */
const noNan = (ops: readonly string[], op: Op): TfLowering => ({
  ops,
  lower: (node) => {
    const [x, y] = [node.input(0), node.input(1)];
    const zero = node.scalarLike(x, 0);
    const isZero = node.emit(equal, [y, zero], {}, "is_zero");
    return node.emit(selectV2, [isZero, zero, node.emit(op, [x, y], {}, "quotient")]);
  },
});

const addMany: TfLowering = {
  ops: ["AddN", "AccumulateNV2"],
  lower: (node) => {
    let sum = node.input(0);
    for (const [at, term] of node.inputs.slice(1).entries()) {
      sum = node.emit(add, [sum, term], {}, at === node.inputs.length - 2 ? "" : "sum");
    }
    return sum;
  },
};

/** The first kind of Select takes a condition per row of its first axis. */
const select: TfLowering = {
  ops: ["Select", "SelectV2"],
  lower: (node) => {
    const [condition, a, b] = [node.input(0), node.input(1), node.input(2)];
    return node.emit(selectV2, [rowsOf(node, condition, a), a, b]);
  },
};

function rowsOf(node: NodeLowering, condition: TensorId, like: TensorId): TensorId {
  const rank = node.rankOf(like);
  if (node.op !== "Select" || node.rankOf(condition) !== 1 || rank < 2) return condition;
  const rows = node.shapeOf(condition)[0] ?? 0;
  return node.reshaped(condition, [rows, ...new Array<number>(rank - 1).fill(1)], "rows");
}

const logic = (ops: readonly string[], op: Op): TfLowering => ({
  ops,
  lower: (node) => {
    if (node.inputs.some((input) => node.dtypeOf(input) !== "bool")) throw new NodeRefusal("it takes booleans only");
    return node.emit(op, [node.input(0), node.input(1)]);
  },
});

export const arithmeticLowerings: readonly TfLowering[] = [
  plain(["Add", "AddV2"], add),
  plain(["Sub"], sub),
  plain(["Mul"], mul),
  plain(["RealDiv", "Div", "TruncateDiv"], div),
  plain(["Maximum"], maximum),
  plain(["Minimum"], minimum),
  plain(["Pow"], pow),
  plain(["SquaredDifference"], squaredDifference),
  plain(["FloorDiv"], floorDiv),
  plain(["FloorMod"], floorMod),
  plain(["Equal"], equal),
  plain(["NotEqual"], notEqual),
  plain(["Greater"], greater),
  plain(["GreaterEqual"], greaterEqual),
  plain(["Less"], less),
  plain(["LessEqual"], lessEqual),
  logic(["LogicalAnd"], logicalAnd),
  logic(["LogicalOr"], logicalOr),
  noNan(["DivNoNan"], div),
  noNan(["MulNoNan"], mul),
  biasAdd,
  addMany,
  select,
];
