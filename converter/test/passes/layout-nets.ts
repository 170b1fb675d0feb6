/** Nets in NCHW for the layout assignment: what a reader gives, and how many transposes must be left. */
import type { TensorId } from "../../src/ir/graph.ts";
import { batchMatmul } from "../../src/ops/batch-matmul.ts";
import { stridedSlice } from "../../src/ops/strided-slice.ts";
import type { NchwSketch } from "./nchw-sketch.ts";

export interface LayoutNet {
  readonly draw: (g: NchwSketch) => TensorId | TensorId[];
  /** Transposes left where inputs and outputs keep their axes, and where they may be declared channels-last. */
  readonly kept: number;
  readonly free: number;
}

const squeezeExcite = (g: NchwSketch, x: TensorId, channels: number): TensorId => {
  const pooled = g.mean(x, [2, 3]);
  const gate = g.conv(g.relu(g.conv(pooled, channels, 2, { size: 1 })), 2, channels, { size: 1 });
  return g.mul(x, g.sigmoid(gate));
};

/** Squeeze and excite as other tools write it: pooled to [N, C], gated by two matrices, shaped back. */
const squeezeExciteByMatrices = (g: NchwSketch, x: TensorId, channels: number): TensorId => {
  const pooled = g.mean(x, [2, 3], false);
  const gate = g.sigmoid(g.dense(g.relu(g.dense(pooled, channels, 2)), 2, channels));
  return g.mul(x, g.reshape(gate, 1, channels, 1, 1));
};

const block = (g: NchwSketch, x: TensorId, from: number, to: number): TensorId =>
  g.relu(g.norm(g.conv(x, from, to), to));

export const layoutNets: Readonly<Record<string, LayoutNet>> = {
  "classifier with flatten": {
    kept: 1,
    free: 0,
    draw: (g) => {
      const x = block(g, g.input(1, 3, 8, 8), 3, 4);
      const y = g.add(g.maxPool(x), g.conv(g.averagePool(x), 4, 4, { size: 1 }));
      const z = g.concat(1, y, g.upsample(g.maxPool(y), 4, 4));
      return g.softmax(g.dense(g.reshape(z, 1, 128), 128, 5), 2, 1);
    },
  },
  "global pooling and flatten": {
    kept: 1,
    free: 0,
    draw: (g) => {
      const x = block(g, g.input(1, 3, 8, 8), 3, 6);
      return g.dense(g.reshape(g.mean(g.depthwise(x, 6), [2, 3]), 1, 6), 6, 4);
    },
  },
  "U-Net": {
    kept: 2,
    free: 0,
    draw: (g) => {
      const a = block(g, g.input(1, 3, 8, 8), 3, 4);
      const b = block(g, g.maxPool(a), 4, 6);
      const c = block(g, g.maxPool(b), 6, 8);
      const d = block(g, g.concat(1, g.upConv(c, 8, 6, [2, 2]), b), 12, 6);
      const e = block(g, g.concat(1, g.upsample(d, 8, 8), a), 10, 4);
      return g.sigmoid(g.conv(e, 4, 2, { size: 1 }));
    },
  },
  "squeeze and excite": {
    kept: 2,
    free: 0,
    draw: (g) => squeezeExcite(g, block(g, g.input(1, 3, 8, 8), 3, 4), 4),
  },
  "squeeze and excite by matrices": {
    kept: 2,
    free: 0,
    draw: (g) => g.relu(squeezeExciteByMatrices(g, block(g, g.input(1, 3, 8, 8), 3, 4), 4)),
  },
  "constants in NCHW": {
    kept: 2,
    free: 0,
    draw: (g) => {
      const x = g.mul(g.conv(g.input(1, 3, 8, 8), 3, 4), g.weights([4, 1, 1]));
      return g.conv(g.relu(g.add(g.add(x, g.weights([8])), g.weights([1, 4, 8, 8]))), 4, 4);
    },
  },
  "instance norm spelt out": {
    kept: 2,
    free: 0,
    draw: (g) => {
      const x = g.conv(g.input(1, 3, 8, 8), 3, 4);
      const centred = g.add(x, g.mul(g.mean(x, [2, 3]), g.floats([], [-1])));
      const spread = g.mean(g.mul(centred, centred), [2, 3]);
      return g.conv(g.mul(centred, g.sigmoid(spread)), 4, 4);
    },
  },
  "a head of anchors": {
    // The order of the answer is anchors by rows by columns, so elements move: when the scales are joined.
    kept: 1,
    free: 0,
    draw: (g) => {
      const x = block(g, g.input(1, 3, 8, 8), 3, 4);
      const heads = [x, block(g, g.maxPool(x), 4, 4)].map((scale, at) => {
        const size = 8 >> at;
        const boxes = g.reshape(g.conv(scale, 4, 15, { size: 1 }), 1, 3, 5, size, size);
        return g.reshape(g.sigmoid(g.transpose(boxes, 0, 1, 3, 4, 2)), 1, 3 * size * size, 5);
      });
      return g.concat(1, ...heads);
    },
  },
  "a head over flattened scales": {
    kept: 2,
    free: 0,
    draw: (g) => {
      const x = block(g, g.input(1, 3, 8, 8), 3, 4);
      const scales = [x, block(g, g.maxPool(x), 4, 4)].map((scale, at) =>
        g.reshape(g.conv(scale, 4, 18, { size: 1 }), 1, 18, (8 >> at) ** 2),
      );
      const all = g.concat(2, ...scales);
      const cut = (from: number, to: number) =>
        g.emit(stridedSlice, [
          all,
          g.integers([3], [0, from, 0]),
          g.integers([3], [1, to, 80]),
          g.integers([3], [1, 1, 1]),
        ]);
      const spread = g.softmax(g.reshape(cut(0, 16), 1, 4, 4, 80), 4, 2);
      const box = g.reshape(g.conv(g.transpose(spread, 0, 2, 1, 3), 4, 1, { size: 1 }), 1, 4, 80);
      return g.concat(1, box, g.sigmoid(cut(16, 18)));
    },
  },
  "patches of a transformer": {
    kept: 1,
    free: 0,
    draw: (g) => {
      const patches = g.conv(g.input(1, 3, 8, 8), 3, 6, { size: 1, stride: 2 });
      const tokens = g.transpose(g.reshape(patches, 1, 6, 16), 0, 2, 1);
      const x = g.add(g.concat(1, g.weights([1, 1, 6]), tokens), g.weights([1, 17, 6]));
      return g.add(x, g.mean(x, [2]));
    },
  },
  "attention over places": {
    kept: 2,
    free: 0,
    draw: (g) => {
      const x = block(g, g.input(1, 3, 4, 4), 3, 4);
      const [query, key, value] = [0, 1, 2].map(() => g.reshape(g.conv(x, 4, 4, { size: 1 }), 1, 4, 16));
      const product = (a: TensorId, b: TensorId) => g.emit(batchMatmul, [a, b]);
      const weights = g.softmax(product(g.transpose(query!, 0, 2, 1), key!), 3, 2);
      const mixed = product(value!, g.transpose(weights, 0, 2, 1));
      return g.add(x, g.conv(g.reshape(mixed, 1, 4, 4, 4), 4, 4, { size: 1 }));
    },
  },
  "a decoder of rows": {
    kept: 1,
    free: 0,
    draw: (g) => {
      const image = g.relu(g.norm(g.reshape(g.dense(g.input(1, 5), 5, 64), 1, 4, 4, 4), 4));
      return g.sigmoid(g.conv(g.add(g.upConv(image, 4, 3, [4, 4]), g.upsample(g.conv(image, 4, 3), 8, 8)), 3, 2));
    },
  },
  "one dimension": {
    kept: 2,
    free: 0,
    draw: (g) => {
      const conv = (x: TensorId, length: number, from: number, to: number) => {
        const nwc = g.reshape(g.transpose(x, 0, 2, 1), 1, 1, length, from);
        return g.transpose(g.reshape(g.emitConv(nwc, from, to), 1, length, to), 0, 2, 1);
      };
      return g.sigmoid(conv(g.relu(conv(g.input(1, 3, 16), 16, 3, 4)), 16, 4, 5));
    },
  },
};
