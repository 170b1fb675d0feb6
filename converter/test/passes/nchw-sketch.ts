/** Graphs as the reader of an NCHW format gives them: every layout-bound operator wrapped in transposes. */
import type { TensorId } from "../../src/ir/graph.ts";
import { add } from "../../src/ops/add.ts";
import { averagePool2d } from "../../src/ops/average-pool-2d.ts";
import { batchNorm } from "../../src/ops/batch-norm.ts";
import { concatenation } from "../../src/ops/concatenation.ts";
import { conv2d } from "../../src/ops/conv-2d.ts";
import { depthwiseConv2d } from "../../src/ops/depthwise-conv-2d.ts";
import { fullyConnected } from "../../src/ops/fully-connected.ts";
import { logistic } from "../../src/ops/logistic.ts";
import { maxPool2d } from "../../src/ops/max-pool-2d.ts";
import { mean } from "../../src/ops/mean.ts";
import { mul } from "../../src/ops/mul.ts";
import { pad } from "../../src/ops/pad.ts";
import { relu } from "../../src/ops/relu.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { resizeNearestNeighbor } from "../../src/ops/resize-nearest-neighbor.ts";
import { softmax } from "../../src/ops/softmax.ts";
import { transpose } from "../../src/ops/transpose.ts";
import { transposeConv } from "../../src/ops/transpose-conv.ts";
import { GraphSketch } from "./graph-sketch.ts";

export class NchwSketch extends GraphSketch {
  transpose(x: TensorId, ...order: number[]): TensorId {
    return this.emit(transpose, [x, this.integers([order.length], order)]);
  }

  reshape(x: TensorId, ...newShape: number[]): TensorId {
    return this.emit(reshape, [x, this.integers([newShape.length], newShape)], { newShape });
  }

  /** What is made of x in NHWC, given back in NCHW. */
  nhwc(x: TensorId, make: (x: TensorId) => TensorId): TensorId {
    return this.transpose(make(this.transpose(x, 0, 2, 3, 1)), 0, 3, 1, 2);
  }

  /** OIHW weights, transposed at run time as a naive reader would have it. */
  conv(x: TensorId, from: number, to: number, { size = 3, stride = 1, groups = 1 } = {}): TensorId {
    const filter = this.transpose(this.weights([to, from / groups, size, size]), 0, 2, 3, 1);
    const bias = this.weights([to]);
    const around = (size - 1) / 2;
    const paddings = [0, 0, 0, 0, around, around, around, around];
    const padded = around > 0 ? this.emit(pad, [x, this.integers([4, 2], paddings)]) : x;
    const attributes = { padding: "VALID", strideH: stride, strideW: stride } as const;
    return this.nhwc(padded, (nhwc) => this.emit(conv2d, [nhwc, filter, bias], attributes));
  }

  /** On a value that is NHWC already. */
  emitConv(nhwc: TensorId, from: number, to: number): TensorId {
    return this.emit(conv2d, [nhwc, this.weights([to, 1, 3, from]), this.weights([to])], { padding: "SAME" });
  }

  depthwise(x: TensorId, channels: number): TensorId {
    const filter = this.transpose(this.weights([channels, 1, 3, 3]), 1, 2, 3, 0);
    const bias = this.weights([channels]);
    return this.nhwc(x, (nhwc) =>
      this.emit(depthwiseConv2d, [nhwc, filter, bias], { padding: "SAME", depthMultiplier: 1 }),
    );
  }

  upConv(x: TensorId, from: number, to: number, [h, w]: readonly [number, number]): TensorId {
    const shape = this.integers([4], [1, h * 2, w * 2, to]);
    const filter = this.weights([to, 2, 2, from]);
    return this.nhwc(x, (nhwc) =>
      this.emit(transposeConv, [shape, filter, nhwc], { padding: "VALID", strideH: 2, strideW: 2 }),
    );
  }

  norm(x: TensorId, channels: number): TensorId {
    const some = () => this.weights([channels], { by: 0.4, offset: 0.6 });
    return this.nhwc(x, (nhwc) => this.emit(batchNorm, [nhwc, some(), some(), some(), some()]));
  }

  relu(x: TensorId): TensorId {
    return this.emit(relu, [x]);
  }

  maxPool(x: TensorId): TensorId {
    const window = { filterHeight: 2, filterWidth: 2, strideH: 2, strideW: 2, padding: "VALID" } as const;
    return this.nhwc(x, (nhwc) => this.emit(maxPool2d, [nhwc], window));
  }

  averagePool(x: TensorId): TensorId {
    const window = { filterHeight: 2, filterWidth: 2, strideH: 2, strideW: 2, padding: "VALID" } as const;
    return this.nhwc(x, (nhwc) => this.emit(averagePool2d, [nhwc], window));
  }

  upsample(x: TensorId, h: number, w: number): TensorId {
    return this.nhwc(x, (nhwc) => this.emit(resizeNearestNeighbor, [nhwc, this.integers([2], [h, w])]));
  }

  concat(axis: number, ...inputs: TensorId[]): TensorId {
    return this.emit(concatenation, inputs, { axis });
  }

  add(a: TensorId, b: TensorId): TensorId {
    return this.emit(add, [a, b]);
  }

  mul(a: TensorId, b: TensorId): TensorId {
    return this.emit(mul, [a, b]);
  }

  sigmoid(x: TensorId): TensorId {
    return this.emit(logistic, [x]);
  }

  mean(x: TensorId, axes: readonly number[], keepDims = true): TensorId {
    return this.emit(mean, [x, this.integers([axes.length], axes)], { keepDims });
  }

  dense(x: TensorId, from: number, to: number): TensorId {
    return this.emit(fullyConnected, [x, this.weights([to, from]), this.weights([to])]);
  }

  /** Over any axis: the kernel knows the last one only. */
  softmax(x: TensorId, rank: number, axis: number): TensorId {
    const order = Array.from({ length: rank }, (_, at) => at);
    [order[axis], order[rank - 1]] = [rank - 1, axis];
    return this.transpose(this.emit(softmax, [this.transpose(x, ...order)]), ...order);
  }
}
