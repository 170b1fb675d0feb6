/**
 * All operators, in one list: the only place that knows which there are. Everything else asks it by kind or by code.
 * An operator that is not here is refused by the reader, with all others of its kind.
 */
import { abs } from "./abs.ts";
import { add } from "./add.ts";
import { averagePool2d } from "./average-pool-2d.ts";
import { batchNorm } from "./batch-norm.ts";
import { cast } from "./cast.ts";
import { concatenation } from "./concatenation.ts";
import { conv2d } from "./conv-2d.ts";
import { custom } from "./custom.ts";
import type { Op } from "./define-op.ts";
import { densify } from "./densify.ts";
import { depthwiseConv2d } from "./depthwise-conv-2d.ts";
import { dequantize } from "./dequantize.ts";
import { div } from "./div.ts";
import { elu } from "./elu.ts";
import { exp } from "./exp.ts";
import { expandDims } from "./expand-dims.ts";
import { fullyConnected } from "./fully-connected.ts";
import { gather } from "./gather.ts";
import { gelu } from "./gelu.ts";
import { hardSwish } from "./hard-swish.ts";
import { leakyRelu } from "./leaky-relu.ts";
import { log } from "./log.ts";
import { logSoftmax } from "./log-softmax.ts";
import { logistic } from "./logistic.ts";
import { maxPool2d } from "./max-pool-2d.ts";
import { maximum } from "./maximum.ts";
import { mean } from "./mean.ts";
import { minimum } from "./minimum.ts";
import { mul } from "./mul.ts";
import { neg } from "./neg.ts";
import { pack } from "./pack.ts";
import { pad } from "./pad.ts";
import { padv2 } from "./padv2.ts";
import { prelu } from "./prelu.ts";
import { quantize } from "./quantize.ts";
import { reduceMax } from "./reduce-max.ts";
import { reduceMin } from "./reduce-min.ts";
import { relu } from "./relu.ts";
import { reluN1To1 } from "./relu-n1-to-1.ts";
import { relu6 } from "./relu6.ts";
import { reshape } from "./reshape.ts";
import { resizeBilinear } from "./resize-bilinear.ts";
import { resizeNearestNeighbor } from "./resize-nearest-neighbor.ts";
import { rsqrt } from "./rsqrt.ts";
import { shape } from "./shape.ts";
import { slice } from "./slice.ts";
import { softmax } from "./softmax.ts";
import { split } from "./split.ts";
import { sqrt } from "./sqrt.ts";
import { square } from "./square.ts";
import { squeeze } from "./squeeze.ts";
import { stridedSlice } from "./strided-slice.ts";
import { sub } from "./sub.ts";
import { sum } from "./sum.ts";
import { tanh } from "./tanh.ts";
import { transpose } from "./transpose.ts";
import { transposeConv } from "./transpose-conv.ts";
import { unpack } from "./unpack.ts";

export const operators: readonly Op[] = [
  abs,
  add,
  averagePool2d,
  batchNorm,
  cast,
  concatenation,
  conv2d,
  custom,
  densify,
  depthwiseConv2d,
  dequantize,
  div,
  elu,
  exp,
  expandDims,
  fullyConnected,
  gather,
  gelu,
  hardSwish,
  leakyRelu,
  log,
  logSoftmax,
  logistic,
  maxPool2d,
  maximum,
  mean,
  minimum,
  mul,
  neg,
  pack,
  pad,
  padv2,
  prelu,
  quantize,
  reduceMax,
  reduceMin,
  reluN1To1,
  relu,
  relu6,
  reshape,
  resizeBilinear,
  resizeNearestNeighbor,
  rsqrt,
  shape,
  slice,
  softmax,
  split,
  sqrt,
  square,
  squeeze,
  stridedSlice,
  sub,
  sum,
  tanh,
  transposeConv,
  transpose,
  unpack,
];

const byKind = new Map(operators.map((op) => [op.kind, op]));
const byCode = new Map(operators.filter((op) => op.code >= 0).map((op) => [op.code, op]));

/** The operator of a node's kind; undefined when there is none. */
export const opOf = (kind: string): Op | undefined => byKind.get(kind);

/** The operator of a builtin operator code; undefined when there is none. */
export const opByCode = (code: number): Op | undefined => byCode.get(code);
