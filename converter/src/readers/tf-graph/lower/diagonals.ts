/**
 * Diagonals and bands of matrices by a choice with a constant mask. Only the main diagonal; bands of known widths.
 * Rules: tensorflow `core/ops/array_ops.cc`.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { constantOf } from "../../../ir/graph.ts";
import { logicalAnd } from "../../../ops/logical-and.ts";
import { selectV2 } from "../../../ops/select-v2.ts";
import { sum } from "../../../ops/sum.ts";
import type { NodeLowering } from "../node-lowering.ts";
import { NodeRefusal, type TfLowering } from "./tf-lowering.ts";

/** No sane mask is larger. */
const maxMaskElements = 2 ** 24;

/** A constant of rows × columns that is true where `inside` says. */
function mask(
  node: NodeLowering,
  rows: number,
  columns: number,
  inside: (row: number, column: number) => boolean,
): TensorId {
  if (rows * columns > maxMaskElements) throw new NodeRefusal(`matrices of ${rows} × ${columns} are not converted`);
  const bytes = new Uint8Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) bytes[row * columns + column] = inside(row, column) ? 1 : 0;
  }
  return node.builder.constant(`${node.name}/mask`, "bool", [rows, columns], constantOf(bytes));
}

const diagonalMask = (node: NodeLowering, rows: number, columns: number): TensorId =>
  mask(node, rows, columns, (row, column) => row === column);

function mainDiagonalOnly(node: NodeLowering, place: number): void {
  if (node.inputs.length > place && node.integers(place, "diagonal").some((k) => k !== 0))
    throw new NodeRefusal("only the main diagonal is converted");
}

/** A vector as a diagonal among zeros. */
const diagonal: TfLowering = {
  ops: ["MatrixDiag", "MatrixDiagV2", "MatrixDiagV3"],
  lower: (node) => {
    mainDiagonalOnly(node, 1);
    const shape = node.shapeOf(node.input(0));
    const size = shape.at(-1) ?? 1;
    for (const place of [2, 3]) {
      const asked = node.inputs.length > place ? node.integer(place, "size") : -1;
      if (asked !== -1 && asked !== size) throw new NodeRefusal("only square matrices are made of diagonals");
    }
    const wide = node.reshaped(node.input(0), [...shape, 1], "wide");
    const padding = node.inputs.length > 4 ? node.input(4) : node.scalarLike(wide, 0);
    const columns = node.reshaped(wide, [...shape.slice(0, -1), 1, size], "columns");
    return node.emit(selectV2, [diagonalMask(node, size, size), columns, padding]);
  },
};

const part: TfLowering = {
  ops: ["MatrixDiagPart", "MatrixDiagPartV2", "MatrixDiagPartV3"],
  lower: (node) => {
    mainDiagonalOnly(node, 1);
    const x = node.input(0);
    const shape = node.shapeOf(x);
    const [rows = 1, columns = 1] = shape.slice(-2);
    const only = node.emit(selectV2, [diagonalMask(node, rows, columns), x, node.scalarLike(x, 0)], {}, "only");
    // Along the longer side each sum has one element, or none beyond the shorter one.
    if (rows !== columns) throw new NodeRefusal("diagonals are taken of square matrices only");
    return node.emit(sum, [only, node.intsConstant("axis", [shape.length - 1])], { keepDims: false });
  },
};

const set: TfLowering = {
  ops: ["MatrixSetDiag", "MatrixSetDiagV2", "MatrixSetDiagV3"],
  lower: (node) => {
    mainDiagonalOnly(node, 2);
    const [x, given] = [node.input(0), node.input(1)];
    const [rows = 1, columns = 1] = node.shapeOf(x).slice(-2);
    if (rows > columns) throw new NodeRefusal("diagonals are set in matrices no higher than wide");
    const wide = node.reshaped(given, [...node.shapeOf(given), 1], "wide");
    return node.emit(selectV2, [diagonalMask(node, rows, columns), wide, x]);
  },
};

/** -1 keeps the whole triangle. */
const band: TfLowering = {
  ops: ["MatrixBandPart"],
  lower: (node) => {
    const x = node.input(0);
    const [rows = 1, columns = 1] = node.shapeOf(x).slice(-2);
    const [lower, upper] = [node.integer(1, "lower width"), node.integer(2, "upper width")];
    const inside = mask(
      node,
      rows,
      columns,
      (row, column) => (lower < 0 || row - column <= lower) && (upper < 0 || column - row <= upper),
    );
    if (node.dtypeOf(x) === "bool") return node.emit(logicalAnd, [x, inside]);
    return node.emit(selectV2, [inside, x, node.scalarLike(x, 0)]);
  },
};

export const diagonalLowerings: readonly TfLowering[] = [diagonal, part, set, band];
