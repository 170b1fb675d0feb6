/**
 * All operators, in one list: the only place that knows which there are. Everything else asks it by kind or by code.
 * An operator that is not here is refused by the reader, with all others of its kind.
 */
import { abs } from "./abs.ts";
import { add } from "./add.ts";
import { addN } from "./add-n.ts";
import { argMax } from "./arg-max.ts";
import { argMin } from "./arg-min.ts";
import { assignVariable } from "./assign-variable.ts";
import { atan2 } from "./atan2.ts";
import { averagePool2d } from "./average-pool-2d.ts";
import { batchMatmul } from "./batch-matmul.ts";
import { batchNorm } from "./batch-norm.ts";
import { batchToSpaceNd } from "./batch-to-space-nd.ts";
import { bidirectionalSequenceLstm } from "./bidirectional-sequence-lstm.ts";
import { bidirectionalSequenceRnn } from "./bidirectional-sequence-rnn.ts";
import { broadcastArgs } from "./broadcast-args.ts";
import { broadcastTo } from "./broadcast-to.ts";
import { callOnce } from "./call-once.ts";
import { cast } from "./cast.ts";
import { ceil } from "./ceil.ts";
import { complexAbs } from "./complex-abs.ts";
import { concatenation } from "./concatenation.ts";
import { conv2d } from "./conv-2d.ts";
import { conv3d } from "./conv-3d.ts";
import { conv3dTranspose } from "./conv-3d-transpose.ts";
import { cos } from "./cos.ts";
import { cumsum } from "./cumsum.ts";
import { custom } from "./custom.ts";
import type { Op } from "./define-op.ts";
import { densify } from "./densify.ts";
import { depthToSpace } from "./depth-to-space.ts";
import { depthwiseConv2d } from "./depthwise-conv-2d.ts";
import { dequantize } from "./dequantize.ts";
import { div } from "./div.ts";
import { dynamicUpdateSlice } from "./dynamic-update-slice.ts";
import { elu } from "./elu.ts";
import { embeddingLookup } from "./embedding-lookup.ts";
import { equal } from "./equal.ts";
import { erf } from "./erf.ts";
import { exp } from "./exp.ts";
import { expandDims } from "./expand-dims.ts";
import { fill } from "./fill.ts";
import { floor } from "./floor.ts";
import { floorDiv } from "./floor-div.ts";
import { floorMod } from "./floor-mod.ts";
import { fullyConnected } from "./fully-connected.ts";
import { gather } from "./gather.ts";
import { gatherNd } from "./gather-nd.ts";
import { gelu } from "./gelu.ts";
import { greater } from "./greater.ts";
import { greaterEqual } from "./greater-equal.ts";
import { hardSwish } from "./hard-swish.ts";
import { hashtable } from "./hashtable.ts";
import { hashtableFind } from "./hashtable-find.ts";
import { hashtableImport } from "./hashtable-import.ts";
import { hashtableSize } from "./hashtable-size.ts";
import { ifOp } from "./if.ts";
import { imag } from "./imag.ts";
import { l2Normalization } from "./l2-normalization.ts";
import { l2Pool2d } from "./l2-pool-2d.ts";
import { leakyRelu } from "./leaky-relu.ts";
import { less } from "./less.ts";
import { lessEqual } from "./less-equal.ts";
import { localResponseNormalization } from "./local-response-normalization.ts";
import { log } from "./log.ts";
import { logSoftmax } from "./log-softmax.ts";
import { logicalAnd } from "./logical-and.ts";
import { logicalNot } from "./logical-not.ts";
import { logicalOr } from "./logical-or.ts";
import { logistic } from "./logistic.ts";
import { lstm } from "./lstm.ts";
import { matrixDiag } from "./matrix-diag.ts";
import { matrixSetDiag } from "./matrix-set-diag.ts";
import { maxPool2d } from "./max-pool-2d.ts";
import { maximum } from "./maximum.ts";
import { mean } from "./mean.ts";
import { minimum } from "./minimum.ts";
import { mirrorPad } from "./mirror-pad.ts";
import { mul } from "./mul.ts";
import { neg } from "./neg.ts";
import { nonMaxSuppressionV4 } from "./non-max-suppression-v4.ts";
import { nonMaxSuppressionV5 } from "./non-max-suppression-v5.ts";
import { notEqual } from "./not-equal.ts";
import { oneHot } from "./one-hot.ts";
import { pack } from "./pack.ts";
import { pad } from "./pad.ts";
import { padv2 } from "./padv2.ts";
import { pow } from "./pow.ts";
import { prelu } from "./prelu.ts";
import { quantize } from "./quantize.ts";
import { range } from "./range.ts";
import { rank } from "./rank.ts";
import { readVariable } from "./read-variable.ts";
import { real } from "./real.ts";
import { reduceAll } from "./reduce-all.ts";
import { reduceAny } from "./reduce-any.ts";
import { reduceMax } from "./reduce-max.ts";
import { reduceMin } from "./reduce-min.ts";
import { reduceProd } from "./reduce-prod.ts";
import { relu } from "./relu.ts";
import { relu0To1 } from "./relu-0-to-1.ts";
import { reluN1To1 } from "./relu-n1-to-1.ts";
import { relu6 } from "./relu6.ts";
import { reshape } from "./reshape.ts";
import { resizeBilinear } from "./resize-bilinear.ts";
import { resizeNearestNeighbor } from "./resize-nearest-neighbor.ts";
import { reverseSequence } from "./reverse-sequence.ts";
import { reverseV2 } from "./reverse-v2.ts";
import { rfft2d } from "./rfft2d.ts";
import { rnn } from "./rnn.ts";
import { round } from "./round.ts";
import { rsqrt } from "./rsqrt.ts";
import { scatterNd } from "./scatter-nd.ts";
import { segmentSum } from "./segment-sum.ts";
import { select } from "./select.ts";
import { selectV2 } from "./select-v2.ts";
import { shape } from "./shape.ts";
import { sign } from "./sign.ts";
import { sin } from "./sin.ts";
import { slice } from "./slice.ts";
import { softmax } from "./softmax.ts";
import { spaceToBatchNd } from "./space-to-batch-nd.ts";
import { spaceToDepth } from "./space-to-depth.ts";
import { sparseToDense } from "./sparse-to-dense.ts";
import { split } from "./split.ts";
import { splitV } from "./split-v.ts";
import { sqrt } from "./sqrt.ts";
import { square } from "./square.ts";
import { squaredDifference } from "./squared-difference.ts";
import { squeeze } from "./squeeze.ts";
import { stridedSlice } from "./strided-slice.ts";
import { sub } from "./sub.ts";
import { sum } from "./sum.ts";
import { svdf } from "./svdf.ts";
import { tanh } from "./tanh.ts";
import { tile } from "./tile.ts";
import { topkV2 } from "./topk-v2.ts";
import { transpose } from "./transpose.ts";
import { transposeConv } from "./transpose-conv.ts";
import { unidirectionalSequenceLstm } from "./unidirectional-sequence-lstm.ts";
import { unidirectionalSequenceRnn } from "./unidirectional-sequence-rnn.ts";
import { unique } from "./unique.ts";
import { unpack } from "./unpack.ts";
import { unsortedSegmentMax } from "./unsorted-segment-max.ts";
import { unsortedSegmentMin } from "./unsorted-segment-min.ts";
import { unsortedSegmentProd } from "./unsorted-segment-prod.ts";
import { unsortedSegmentSum } from "./unsorted-segment-sum.ts";
import { varHandle } from "./var-handle.ts";
import { where } from "./where.ts";
import { whileOp } from "./while.ts";
import { zerosLike } from "./zeros-like.ts";

export const operators: readonly Op[] = [
  abs,
  add,
  addN,
  argMax,
  argMin,
  assignVariable,
  atan2,
  averagePool2d,
  batchMatmul,
  batchNorm,
  batchToSpaceNd,
  bidirectionalSequenceLstm,
  bidirectionalSequenceRnn,
  broadcastArgs,
  broadcastTo,
  callOnce,
  cast,
  ceil,
  complexAbs,
  concatenation,
  conv2d,
  conv3d,
  conv3dTranspose,
  cos,
  cumsum,
  custom,
  densify,
  depthToSpace,
  depthwiseConv2d,
  dequantize,
  div,
  dynamicUpdateSlice,
  elu,
  embeddingLookup,
  equal,
  erf,
  exp,
  expandDims,
  fill,
  floor,
  floorDiv,
  floorMod,
  fullyConnected,
  gather,
  gatherNd,
  gelu,
  greater,
  greaterEqual,
  hardSwish,
  hashtable,
  hashtableFind,
  hashtableImport,
  hashtableSize,
  ifOp,
  imag,
  l2Normalization,
  l2Pool2d,
  leakyRelu,
  less,
  lessEqual,
  localResponseNormalization,
  log,
  logSoftmax,
  logicalAnd,
  logicalNot,
  logicalOr,
  logistic,
  lstm,
  matrixDiag,
  matrixSetDiag,
  maxPool2d,
  maximum,
  mean,
  minimum,
  mirrorPad,
  mul,
  neg,
  nonMaxSuppressionV4,
  nonMaxSuppressionV5,
  notEqual,
  oneHot,
  pack,
  pad,
  padv2,
  pow,
  prelu,
  quantize,
  range,
  rank,
  readVariable,
  real,
  reduceAll,
  reduceAny,
  reduceMax,
  reduceMin,
  reduceProd,
  relu,
  relu0To1,
  reluN1To1,
  relu6,
  reshape,
  resizeBilinear,
  resizeNearestNeighbor,
  reverseSequence,
  reverseV2,
  rfft2d,
  rnn,
  round,
  rsqrt,
  scatterNd,
  segmentSum,
  select,
  selectV2,
  shape,
  sign,
  sin,
  slice,
  softmax,
  spaceToBatchNd,
  spaceToDepth,
  sparseToDense,
  split,
  splitV,
  sqrt,
  square,
  squaredDifference,
  squeeze,
  stridedSlice,
  sub,
  sum,
  svdf,
  tanh,
  tile,
  topkV2,
  transpose,
  transposeConv,
  unidirectionalSequenceLstm,
  unidirectionalSequenceRnn,
  unique,
  unpack,
  unsortedSegmentMax,
  unsortedSegmentMin,
  unsortedSegmentProd,
  unsortedSegmentSum,
  varHandle,
  where,
  whileOp,
  zerosLike,
];

const byKind = new Map(operators.map((op) => [op.kind, op]));
const byCode = new Map(operators.filter((op) => op.code >= 0).map((op) => [op.code, op]));

/** The operator of a node's kind; undefined when there is none. */
export const opOf = (kind: string): Op | undefined => byKind.get(kind);

/** The operator of a builtin operator code; undefined when there is none. */
export const opByCode = (code: number): Op | undefined => byCode.get(code);
