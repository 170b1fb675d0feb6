/**
 * Einsum of one or two operands: letters that both have and the result keeps are batch, letters that both have and the
 * result drops are summed over, so it is one matrix product between transpositions. `...` stands for leading axes.
 * Rules: tensorflow `core/util/einsum_op_util.cc`.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { batchMatmul } from "../../../ops/batch-matmul.ts";
import { fullyConnected } from "../../../ops/fully-connected.ts";
import { sum } from "../../../ops/sum.ts";
import type { NodeLowering } from "../node-lowering.ts";
import { NodeRefusal, type TfLowering } from "./tf-lowering.ts";

interface Labelled {
  readonly id: TensorId;
  readonly labels: readonly string[];
}

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);

export const einsumLowering: TfLowering = {
  ops: ["Einsum"],
  lower: (node) => {
    const equation = node.stringAttr("equation", "").replaceAll(" ", "");
    const [left = "", right, ...rest] = equation.split("->");
    const terms = left.split(",");
    if (right === undefined || rest.length > 0 || terms.length !== node.inputs.length || terms.length > 2) {
      throw new NodeRefusal(`the equation "${equation.slice(0, 100)}" is not converted`);
    }
    const operands = terms.map((term, at): Labelled => {
      const id = node.input(at);
      return { id, labels: lettersOf(node, term, node.rankOf(id)) };
    });
    const most = Math.max(...operands.map(({ labels }) => labels.filter((label) => label.startsWith(".")).length));
    const result = lettersOf(node, right, right.replace("...", "").length + (right.includes("...") ? most : 0));
    const kept = operands.map((operand, at) => {
      const others = operands.flatMap(({ labels }, other) => (other === at ? [] : labels));
      return summed(node, operand, (label) => result.includes(label) || others.includes(label));
    });
    const [a, b] = kept;
    if (!a) throw node.fault("it has no operand");
    return b ? multiplied(node, a, b, result) : ordered(node, a, result, "");
  },
};

/** Axes under `...` are called ".0", ".1" … from the last one, so that those of several operands match. */
function lettersOf(node: NodeLowering, term: string, rank: number): readonly string[] {
  const [front = "", back, ...more] = term.split("...");
  const count = back === undefined ? 0 : rank - front.length - back.length;
  const open = Array.from({ length: Math.max(count, 0) }, (_, at) => `.${count - 1 - at}`);
  const labels = [...front, ...open, ...(back ?? "")];
  if (more.length > 0 || labels.length !== rank || !/^[A-Za-z]*$/.test(front + (back ?? ""))) {
    throw node.fault(`"${term.slice(0, 40)}" does not name ${rank} axes`);
  }
  if (new Set(labels).size !== labels.length)
    throw new NodeRefusal("an axis named twice in one operand is not converted");
  return labels;
}

/** Axes that nobody else needs are summed over at once. */
function summed(node: NodeLowering, { id, labels }: Labelled, keeps: (label: string) => boolean): Labelled {
  const axes = labels.flatMap((label, axis) => (keeps(label) ? [] : [axis]));
  if (axes.length === 0) return { id, labels };
  return {
    id: node.emit(sum, [id, node.intsConstant("axes", axes)], { keepDims: false }, "summed"),
    labels: labels.filter(keeps),
  };
}

function ordered(node: NodeLowering, { id, labels }: Labelled, order: readonly string[], role: string): TensorId {
  const axes = order.map((label) => labels.indexOf(label));
  if (axes.includes(-1)) throw node.fault("its result names an axis that no operand has");
  return axes.length < 2 ? id : node.permuted(id, axes, role);
}

function multiplied(node: NodeLowering, a: Labelled, b: Labelled, result: readonly string[]): TensorId {
  const sizes = sizesOf(node, [a, b]);
  const both = a.labels.filter((label) => b.labels.includes(label));
  const batch = both.filter((label) => result.includes(label));
  const contracted = both.filter((label) => !result.includes(label));
  const onlyA = a.labels.filter((label) => !both.includes(label));
  const onlyB = b.labels.filter((label) => !both.includes(label));
  const count = (labels: readonly string[]): number => product(labels.map((label) => sizes.get(label) ?? 1));
  const [rows, depth, columns] = [count(onlyA), count(contracted), count(onlyB)];
  const left = ordered(node, a, [...batch, ...onlyA, ...contracted], "a");
  const labels = [...batch, ...onlyA, ...onlyB];
  const shape = labels.map((label) => sizes.get(label) ?? 1);
  let flat: TensorId;
  if (batch.length === 0 && node.builder.isConstant(b.id)) {
    const weights = node.reshaped(ordered(node, b, [...onlyB, ...contracted], "b"), [columns, depth], "weights");
    flat = node.emit(fullyConnected, [node.reshaped(left, [rows, depth], "rows"), weights, null], {}, "product");
  } else {
    const many = batch.length > 0 ? [count(batch)] : [];
    const right = ordered(node, b, [...batch, ...contracted, ...onlyB], "b");
    const operands = [
      node.reshaped(left, [...many, rows, depth], "a_matrix"),
      node.reshaped(right, [...many, depth, columns], "b_matrix"),
    ];
    flat = node.emit(batchMatmul, operands, {}, "product");
  }
  return ordered(node, { id: node.reshaped(flat, shape, "axes"), labels }, result, "");
}

function sizesOf(node: NodeLowering, operands: readonly Labelled[]): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  for (const { id, labels } of operands) {
    for (const [axis, label] of labels.entries()) {
      const size = node.shapeOf(id)[axis] ?? 1;
      const known = sizes.get(label) ?? size;
      if (known !== size) throw new NodeRefusal(`axes of ${known} and ${size} under one letter are not converted`);
      sizes.set(label, size);
    }
  }
  return sizes;
}
