/**
 * Einsum, two operands at a time: letters that only one operand has and the result has not are summed, letters of both and
 * of the result are the batch, letters of both alone are what BATCH_MATMUL multiplies over.
 */
import { elementCount, type TensorId } from "../../../ir/graph.ts";
import { batchMatmul } from "../../../ops/batch-matmul.ts";
import { selectV2 } from "../../../ops/select-v2.ts";
import { sum } from "../../../ops/sum.ts";
import type { NodeBuilder } from "../node-builder.ts";
import { reshaped, transposed } from "./compose.ts";
import { constantOfBooleans } from "./constants.ts";
import type { OnnxLowering } from "./lowering.ts";
import { reduceBy } from "./reduce.ts";

/** A value and the letters of its axes. */
interface Term {
  readonly id: TensorId;
  readonly letters: readonly string[];
}

const einsum: OnnxLowering = {
  operators: ["Einsum"],
  lower: (node) => {
    const { terms, result } = parsed(node);
    const [first, ...others] = terms.map((term, at) => diagonal(node, `${at}/diagonal`, term));
    if (!first) throw node.refusal("it has no operands");
    const merged = others.reduce((a, b, at) => {
      const later = others.slice(at + 1).flatMap(({ letters }) => letters);
      return multiplied(node, `${at}`, a, b, [...result, ...later]);
    }, first);
    return ordered(node, "result", summed(node, "rest", merged, result), result);
  },
};

/** Letters for the axes behind an ellipsis, from the back; capital Greek ones, which no equation may hold. */
const ellipsisLetters = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => String.fromCharCode(0x391 + count - at));

function parsed(node: NodeBuilder): { readonly terms: readonly Term[]; readonly result: readonly string[] } {
  const equation = node.string("equation", "").replaceAll(/\s/g, "");
  const [left = "", right] = equation.split("->");
  const parts = left.split(",");
  if (parts.length !== node.inputs.length) throw node.refusal(`"${equation}" does not name its operands`);
  const terms = parts.map((part, at): Term => {
    const id = node.input(at);
    const rank = node.rank(id);
    const named = part.replace("...", "").length;
    const letters = part.includes("...")
      ? part.split("...").flatMap((piece, i) => [...(i > 0 ? ellipsisLetters(rank - named) : []), ...piece])
      : [...part];
    if (letters.length !== rank) throw node.refusal(`"${part}" names ${letters.length} axes of ${rank}`);
    return { id, letters };
  });
  const all = terms.flatMap(({ letters }) => letters);
  const hidden = [...new Set(all.filter((letter) => letter >= "\u0391"))].sort().reverse();
  if (right !== undefined) {
    return { terms, result: right.split("...").flatMap((piece, i) => [...(i > 0 ? hidden : []), ...piece]) };
  }
  const once = [...new Set(all)].filter((one) => one < "\u0391" && all.filter((other) => other === one).length === 1);
  return { terms, result: [...hidden, ...once.sort()] };
}

/** A letter that stands twice means the diagonal: what is off it becomes zero, and one of the axes is summed away. */
function diagonal(node: NodeBuilder, role: string, term: Term): Term {
  const again = term.letters.findIndex((letter, at) => term.letters.indexOf(letter) < at);
  if (again < 0) return term;
  const first = term.letters.indexOf(term.letters[again] ?? "");
  const shape = node.shape(term.id);
  const size = shape[again] ?? 1;
  if (shape[first] !== size) throw node.refusal("it takes the diagonal of what is not square");
  const between = elementCount(shape.slice(first + 1, again));
  const mask = constantOfBooleans(
    node,
    `${role}/mask`,
    shape.map((one, at) => (at >= first && at <= again ? one : 1)),
    (at) => Math.floor(at / (between * size)) === at % size,
  );
  const kept = node.emit(selectV2, `${role}/kept`, [mask, term.id, node.scalar(`${role}/zero`, 0)]);
  const id = reduceBy(node, `${role}/sum`, sum, kept, { axes: [again], keepDims: false });
  return diagonal(node, `${role}/next`, { id, letters: term.letters.toSpliced(again, 1) });
}

/** Without the letters that nothing needs. */
function summed(node: NodeBuilder, role: string, { id, letters }: Term, needed: readonly string[]): Term {
  const axes = letters.flatMap((letter, at) => (needed.includes(letter) ? [] : [at]));
  const kept = letters.filter((letter) => needed.includes(letter));
  return { id: reduceBy(node, `${role}/sum`, sum, id, { axes, keepDims: false }), letters: kept };
}

const ordered = (node: NodeBuilder, role: string, { id, letters }: Term, order: readonly string[]): TensorId =>
  transposed(
    node,
    role,
    id,
    order.map((letter) => letters.indexOf(letter)),
  );

function multiplied(node: NodeBuilder, role: string, a: Term, b: Term, needed: readonly string[]): Term {
  const left = summed(node, `${role}/a`, a, [...b.letters, ...needed]);
  const right = summed(node, `${role}/b`, b, [...a.letters, ...needed]);
  const both = left.letters.filter((letter) => right.letters.includes(letter));
  const batch = both.filter((letter) => needed.includes(letter));
  const inner = both.filter((letter) => !needed.includes(letter));
  const rows = left.letters.filter((letter) => !both.includes(letter));
  const columns = right.letters.filter((letter) => !both.includes(letter));
  const sizeOf = (letter: string): number => {
    const [l, r] = [left, right].map(({ id, letters }) => node.shape(id)[letters.indexOf(letter)]);
    if (l !== undefined && r !== undefined && l !== r)
      throw node.refusal(`"${letter}" is ${l} in one operand and ${r} in another`);
    return l ?? r ?? 1;
  };
  const count = (letters: readonly string[]): number => elementCount(letters.map(sizeOf));
  const x = reshaped(node, `${role}/x`, ordered(node, `${role}/a/order`, left, [...batch, ...rows, ...inner]), [
    count(batch),
    count(rows),
    count(inner),
  ]);
  const y = reshaped(node, `${role}/y`, ordered(node, `${role}/b/order`, right, [...batch, ...inner, ...columns]), [
    count(batch),
    count(inner),
    count(columns),
  ]);
  const product = node.emit(batchMatmul, `${role}/product`, [x, y]);
  const letters = [...batch, ...rows, ...columns];
  return { id: reshaped(node, `${role}/axes`, product, letters.map(sizeOf)), letters };
}

export const einsums: readonly OnnxLowering[] = [einsum];
