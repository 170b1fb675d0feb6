/** Rarer operators that tfjs-converter 4.22 lacks or mistakes, spelt with tfjs-core: see `tfjs-operators.ts`. */
import type * as Core from "@tensorflow/tfjs-core";
import { type GraphNode, input, numberOf, numbersOf, type Operator, textOf } from "./tfjs-nodes.ts";

const numbersAt = (node: GraphNode, place: number): readonly number[] =>
  Array.from(input(node, place).dataSync(), Number);

const front = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

const roll: Operator = (core, node) => {
  const [shifts, axes] = [numbersAt(node, 1), numbersAt(node, 2)];
  return shifts.reduce(
    (value, shift, at) => {
      const axis = front(axes[at] ?? 0, value.rank);
      const length = value.shape[axis] ?? 1;
      const places = Array.from({ length }, (_, to) => (((to - shift) % length) + length) % length);
      return core.gather(value, core.tensor1d(places, "int32"), axis);
    },
    input(node, 0),
  );
};

const reverseSequence: Operator = (core, node) => {
  const [x, lengths] = [input(node, 0), numbersAt(node, 1)];
  const [along, batch] = [front(numberOf(node, "seq_dim", 0), x.rank), front(numberOf(node, "batch_dim", 0), x.rank)];
  const rows = core.unstack(x, batch).map((row, at) => {
    const axis = along > batch ? along - 1 : along;
    const length = lengths[at] ?? 0;
    const places = Array.from({ length: row.shape[axis] ?? 0 }, (_, to) => (to < length ? length - 1 - to : to));
    return core.gather(row, core.tensor1d(places, "int32"), axis);
  });
  return core.stack(rows, batch);
};

/** True on the main diagonal. */
const diagonalMask = (core: typeof Core, rows: number, columns: number): Core.Tensor =>
  core.equal(
    core.expandDims(core.range(0, rows, 1, "int32"), 1),
    core.expandDims(core.range(0, columns, 1, "int32"), 0),
  );

const choose = (core: typeof Core, mask: Core.Tensor, a: Core.Tensor, b: Core.Tensor): Core.Tensor => {
  const shape = core.broadcast_util.assertAndGetBroadcastShape(
    mask.shape,
    core.broadcast_util.assertAndGetBroadcastShape(a.shape, b.shape),
  );
  return core.where(core.broadcastTo(mask, shape), core.broadcastTo(a, shape), core.broadcastTo(b, shape));
};

const zero = (core: typeof Core, like: Core.Tensor): Core.Tensor => core.cast(core.scalar(0), like.dtype);

const matrixDiag: Operator = (core, node) => {
  const x = input(node, 0);
  const size = x.shape.at(-1) ?? 1;
  const padding = node.inputs[4] ?? zero(core, x);
  return choose(core, diagonalMask(core, size, size), core.expandDims(x, -1), padding);
};

const matrixDiagPart: Operator = (core, node) => {
  const x = input(node, 0);
  const [rows = 1, columns = 1] = x.shape.slice(-2);
  return core.sum(choose(core, diagonalMask(core, rows, columns), x, zero(core, x)), -1);
};

const matrixSetDiag: Operator = (core, node) => {
  const x = input(node, 0);
  const [rows = 1, columns = 1] = x.shape.slice(-2);
  return choose(core, diagonalMask(core, rows, columns), core.expandDims(input(node, 1), -1), x);
};

const bandPart: Operator = (core, node) => {
  const x = input(node, 0);
  const [rows = 1, columns = 1] = x.shape.slice(-2);
  const [lower = 0, upper = 0] = [...numbersAt(node, 1), ...numbersAt(node, 2)];
  const row = core.expandDims(core.range(0, rows, 1, "int32"), 1);
  const down = core.sub(row, core.expandDims(core.range(0, columns, 1, "int32"), 0));
  const least = core.scalar(upper < 0 ? -columns : -upper, "int32");
  const most = core.scalar(lower < 0 ? rows : lower, "int32");
  const inside = core.logicalAnd(core.greaterEqual(down, least), core.lessEqual(down, most));
  return choose(core, inside, x, zero(core, x));
};

/** Inputs: sizes, filter, value. */
const transposedConvolution3d: Operator = (core, node) => {
  const sizes = numbersAt(node, 0);
  const [, depth = 1, height = 1, width = 1] = numbersOf(node, "strides");
  const [batch = 1, d = 1, h = 1, w = 1, channels = 1] = sizes;
  const padding = textOf(node, "padding") === "same" ? "same" : "valid";
  const value = input(node, 2) as Core.Tensor5D;
  const filter = input(node, 1) as Core.Tensor5D;
  return core.conv3dTranspose(value, filter, [batch, d, h, w, channels], [depth, height, width], padding);
};

/** x·y, and 0 wherever y is 0. */
const mulNoNan: Operator = (core, node) => {
  const [x, y] = [input(node, 0), input(node, 1)];
  return choose(core, core.equal(y, zero(core, y)), zero(core, x), core.mul(x, y));
};

const guarded =
  (work: (core: typeof Core, x: Core.Tensor, y: Core.Tensor) => Core.Tensor): Operator =>
  (core, node) => {
    const [x, y] = [input(node, 0), input(node, 1)];
    return choose(core, core.equal(x, zero(core, x)), zero(core, x), work(core, x, y));
  };

const scatterInto =
  (join: (core: typeof Core, x: Core.Tensor, updates: Core.Tensor) => Core.Tensor): Operator =>
  (core, node) => {
    const [x, places, updates] = [input(node, 0), core.cast(input(node, 1), "int32"), input(node, 2)];
    return join(core, x, core.scatterND(places, updates, x.shape));
  };

const scatterUpdate: Operator = (core, node) => {
  const [x, places, updates] = [input(node, 0), core.cast(input(node, 1), "int32"), input(node, 2)];
  const hits = core.scatterND(places, core.ones(updates.shape, "float32"), x.shape);
  return choose(core, core.greater(hits, core.scalar(0)), core.scatterND(places, updates, x.shape), x);
};

/** Masks as TensorFlow's guide has them; every axis is taken by its places, one after the other. */
const stridedSlice: Operator = (core, node) => {
  const [begin, end, strides] = [1, 2, 3].map((place) => numbersAt(node, place));
  const has = (name: string, at: number): boolean => ((numberOf(node, name, 0) >> at) & 1) === 1;
  const specs = (begin ?? []).map((_, at) => at);
  const named = specs.filter((at) => !has("ellipsis_mask", at) && !has("new_axis_mask", at)).length;
  let value = input(node, 0);
  const hidden = value.rank - named;
  const shape: number[] = [];
  let axis = 0;
  const keep = (): void => {
    shape.push(value.shape[axis++] ?? 1);
  };
  for (const at of specs) {
    if (has("ellipsis_mask", at)) for (let count = 0; count < hidden; count++) keep();
    else if (has("new_axis_mask", at)) shape.push(1);
    else {
      const size = value.shape[axis] ?? 1;
      const step = strides?.[at] ?? 1;
      const bounded = (place: number): number =>
        Math.min(Math.max(place < 0 ? place + size : place, step > 0 ? 0 : -1), step > 0 ? size : size - 1);
      const shrinks = has("shrink_axis_mask", at);
      const from = has("begin_mask", at) && !shrinks ? (step > 0 ? 0 : size - 1) : bounded(begin?.[at] ?? 0);
      const to = shrinks ? from + 1 : has("end_mask", at) ? (step > 0 ? size : -1) : bounded(end?.[at] ?? size);
      const by = shrinks ? 1 : step;
      const places = Array.from({ length: Math.max(0, Math.ceil((to - from) / by)) }, (_, index) => from + index * by);
      const whole = places.length === size && by === 1;
      if (!whole) value = core.gather(value, core.tensor1d(places, "int32"), axis);
      axis++;
      if (!shrinks) shape.push(places.length);
    }
  }
  while (axis < value.rank) keep();
  return core.reshape(value, shape);
};

export const rareOperators: readonly (readonly [string, Operator])[] = [
  ["Conv3DBackpropInputV2", transposedConvolution3d],
  ["Erfc", (core, node) => core.sub(core.scalar(1), core.erf(input(node, 0)))],
  ["MatrixBandPart", bandPart],
  ["MatrixDiag", matrixDiag],
  ["MatrixDiagV3", matrixDiag],
  ["MatrixDiagPart", matrixDiagPart],
  ["MatrixDiagPartV3", matrixDiagPart],
  ["MatrixSetDiag", matrixSetDiag],
  ["MatrixSetDiagV3", matrixSetDiag],
  ["MulNoNan", mulNoNan],
  ["ReverseSequence", reverseSequence],
  ["Roll", roll],
  ["StridedSlice", stridedSlice],
  ["TensorScatterAdd", scatterInto((core, x, updates) => core.add(x, updates))],
  ["TensorScatterSub", scatterInto((core, x, updates) => core.sub(x, updates))],
  ["TensorScatterUpdate", scatterUpdate],
  ["Xdivy", guarded((core, x, y) => core.div(x, y))],
  ["Xlogy", guarded((core, x, y) => core.mul(x, core.log(y)))],
];
