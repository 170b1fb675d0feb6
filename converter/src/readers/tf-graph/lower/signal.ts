/**
 * Transforms of real signals. TFLite has one over two axes, whose lengths are powers of two: one axis is two of which the
 * first is 1. Complex values live between it and the operators that take their parts. Rules: `tflite/kernels/rfft2d.cc`.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { complexAbs } from "../../../ops/complex-abs.ts";
import type { Op } from "../../../ops/define-op.ts";
import { imag } from "../../../ops/imag.ts";
import { pad } from "../../../ops/pad.ts";
import { real } from "../../../ops/real.ts";
import { reshape } from "../../../ops/reshape.ts";
import { rfft2d } from "../../../ops/rfft2d.ts";
import { slice } from "../../../ops/slice.ts";
import type { NodeLowering } from "../node-lowering.ts";
import { NodeRefusal, type TfLowering } from "./tf-lowering.ts";

const maxLength = 2 ** 20;

/** The last axes cut or filled up with zeros to these lengths. */
function ofLength(node: NodeLowering, x: TensorId, lengths: readonly number[]): TensorId {
  const shape = node.shapeOf(x);
  const wanted = [...shape.slice(0, shape.length - lengths.length), ...lengths];
  const cut = wanted.map((size, axis) => Math.min(size, shape[axis] ?? 0));
  const begin = node.intsConstant("begin", shape.map(() => 0)); // biome-ignore format: one line
  const short =
    cut.join() === shape.join() ? x : node.emit(slice, [x, begin, node.intsConstant("size", cut)], {}, "cut");
  if (cut.join() === wanted.join()) return short;
  const edges = wanted.flatMap((size, axis) => [0, size - (cut[axis] ?? 0)]);
  return node.emit(pad, [short, node.intsConstant("edges", edges, [wanted.length, 2])], {}, "filled");
}

function lengthsOf(node: NodeLowering, count: number): readonly number[] {
  const lengths = node.integers(1, "length");
  if (lengths.length !== count) throw node.fault(`it has ${lengths.length} lengths`);
  for (const length of lengths) {
    if (length < 1 || length > maxLength || !Number.isInteger(Math.log2(length)))
      throw new NodeRefusal(`transforms of ${length} values are not converted, only those of powers of two`);
  }
  return lengths;
}

const one: TfLowering = {
  ops: ["RFFT"],
  lower: (node) => {
    const [length = 1] = lengthsOf(node, 1);
    const x = ofLength(node, node.input(0), [length]);
    const front = node.shapeOf(x).slice(0, -1);
    const flat = node.reshaped(x, [...front, 1, length], "rows");
    const transformed = node.emit(rfft2d, [flat, node.intsConstant("length", [1, length])], {}, "transformed");
    return node.reshaped(transformed, [...front, length / 2 + (length === 1 ? 0.5 : 1)]);
  },
};

const two: TfLowering = {
  ops: ["RFFT2D"],
  lower: (node) => {
    const lengths = lengthsOf(node, 2);
    const x = ofLength(node, node.input(0), lengths);
    return node.emit(rfft2d, [x, node.intsConstant("length", lengths)]);
  },
};

/** Taken before the reshape: complex values are not reshaped by every runtime. */
const partOf = (ops: readonly string[], op: Op): TfLowering => ({
  ops,
  lower: (node) => {
    const x = node.input(0);
    if (node.dtypeOf(x) !== "complex64") throw new NodeRefusal("it takes complex values only");
    const made = node.builder.producerOf(x);
    const [inner] = made && reshape.is(made) ? made.inputs : [];
    if (typeof inner !== "number") return node.emit(op, [x]);
    return node.reshaped(node.emit(op, [inner], {}, "part"), node.shapeOf(x));
  },
});

export const signalLowerings: readonly TfLowering[] = [
  one,
  two,
  partOf(["ComplexAbs"], complexAbs),
  partOf(["Real"], real),
  partOf(["Imag"], imag),
];
