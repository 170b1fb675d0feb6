/**
 * Attention: dot-product, additive, multi-head and grouped-query.
 * Rules: Keras `layers/attention/*.py`. A causal mask is a constant that is added; masks that are values are refused.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { batchMatmul } from "../../../ops/batch-matmul.ts";
import { expandDims } from "../../../ops/expand-dims.ts";
import { mul } from "../../../ops/mul.ts";
import { softmax } from "../../../ops/softmax.ts";
import { sum } from "../../../ops/sum.ts";
import { tanh } from "../../../ops/tanh.ts";
import type { LayerBuilder } from "../layer-builder.ts";
import { einsumWithWeights } from "./einsum.ts";
import { permuted, reshapeTo } from "./layout.ts";
import { type LayerLowering, LayerRefusal } from "./lowering.ts";

/** Added to scores that do not count: e to that power is 0 in float32. */
const excluded = -1e9;

interface Sources {
  readonly query: TensorId;
  readonly value: TensorId;
  readonly key: TensorId;
}

/** Arguments that are values and change what is attended to. */
function refuseValueMasks(layer: LayerBuilder): void {
  layer.refuseMasks();
  for (const name of ["mask", "attention_mask", "query_mask", "value_mask", "key_mask"]) {
    const found = layer.argument(name);
    if (found && found.kind !== "json") throw new LayerRefusal(`the argument ${name} is not converted`);
  }
}

const isCausal = (layer: LayerBuilder): boolean =>
  layer.argumentFields.boolean("use_causal_mask", false) || layer.config.boolean("causal", false);

const wantsScores = (layer: LayerBuilder): boolean => layer.argumentFields.boolean("return_attention_scores", false);

/** scores [b, …, repeats·t, s] → weights; what lies ahead of a step does not count for it where causal. */
function attentionWeights(layer: LayerBuilder, scores: TensorId, repeats = 1): TensorId {
  if (!isCausal(layer)) return layer.emit(softmax, "weights", [scores], { beta: 1 });
  const [rows, columns] = [layer.sizeOf(scores, -2), layer.sizeOf(scores, -1)];
  const steps = rows / repeats;
  const bias = Array.from({ length: rows * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns) % steps, at % columns];
    return column > row ? excluded : 0;
  });
  const masked = layer.emit(add, "causal", [scores, layer.floats("causal_bias", [rows, columns], bias)]);
  return layer.emit(softmax, "weights", [masked], { beta: 1 });
}

/** query, value and key (the value, where none is given) of one list. */
function listed(layer: LayerBuilder): Sources {
  const [query, value, key = value] = layer.inputs;
  if (query === undefined || value === undefined || key === undefined || layer.inputs.length > 3) {
    throw new LayerRefusal("its inputs are not query, value and key");
  }
  return { query, value, key };
}

function attended(layer: LayerBuilder, scores: TensorId, value: TensorId): readonly TensorId[] {
  const weights = attentionWeights(layer, scores);
  const output = layer.emit(batchMatmul, "attended", [weights, value]);
  return wantsScores(layer) ? [output, weights] : [output];
}

/** Σ over features of f(q[:, :, none] + k[:, none]). */
function pairSums(layer: LayerBuilder, { query, key }: Sources): TensorId {
  const rows = layer.emit(expandDims, "query_rows", [query, layer.integers("axis", [1], [2])]);
  const columns = layer.emit(expandDims, "key_columns", [key, layer.integers("axis", [1], [1])]);
  return layer.emit(add, "pairs", [rows, columns]);
}

const overFeatures = (layer: LayerBuilder, x: TensorId): TensorId =>
  layer.emit(sum, "scores", [x, layer.integers("last_axis", [1], [3])]);

export const attentionLayer: LayerLowering = {
  classNames: ["Attention"],
  arity: "any",
  lower: (layer) => {
    refuseValueMasks(layer);
    const sources = listed(layer);
    const scale = layer.config.boolean("use_scale", false) ? layer.weight("scale", []) : null;
    const scaled = (x: TensorId): TensorId => (scale === null ? x : layer.emit(mul, "scaled", [x, scale]));
    if (layer.config.string("score_mode", "dot") === "dot") {
      const scores = layer.emit(batchMatmul, "scores", [sources.query, sources.key], { adjY: true });
      return attended(layer, scaled(scores), sources.value);
    }
    const bent = layer.emit(tanh, "bent", [scaled(pairSums(layer, sources))]);
    const weight = layer.weight("concat_score_weight", []);
    return attended(layer, layer.emit(mul, "weighted", [overFeatures(layer, bent), weight]), sources.value);
  },
};

export const additiveAttentionLayer: LayerLowering = {
  classNames: ["AdditiveAttention"],
  arity: "any",
  lower: (layer) => {
    refuseValueMasks(layer);
    const sources = listed(layer);
    const bent = layer.emit(tanh, "bent", [pairSums(layer, sources)]);
    const scaled = layer.config.boolean("use_scale", true)
      ? layer.emit(mul, "scaled", [bent, layer.weight("scale", [layer.sizeOf(sources.query, -1)])])
      : bent;
    return attended(layer, overFeatures(layer, scaled), sources.value);
  },
};

/** query, value and key by name or place. Keras 2 writes the value among the named ones. */
function named(layer: LayerBuilder): Sources {
  const query = layer.tensorArgument("query", 0);
  const value = layer.tensorArgument("value", 1);
  if (query === undefined || value === undefined) throw new LayerRefusal("it is called without query and value");
  return { query, value, key: layer.tensorArgument("key", 2) ?? value };
}

interface Heads {
  readonly queryHeads: number;
  /** Each serves as many heads of the query as there are more of those. */
  readonly keyHeads: number;
  readonly keySize: number;
  readonly valueSize: number;
}

/** One kernel [features, heads, size] and its bias, applied: [b, t, heads, size]. */
function projected(layer: LayerBuilder, name: string, x: TensorId, heads: number, size: number): TensorId {
  const part = layer.part(name, `${name}_dense`);
  const product = einsumWithWeights(part, x, { equation: "abc,cde->abde", weight: "kernel", freeSizes: [heads, size] });
  if (!layer.config.boolean("use_bias", true)) return product;
  return part.emit(add, "bias", [product, part.weight("bias", [heads, size])]);
}

function multiHead(layer: LayerBuilder, { queryHeads, keyHeads, keySize, valueSize }: Heads): readonly TensorId[] {
  refuseValueMasks(layer);
  const { query, value, key } = named(layer);
  const ranks = [query, value, key].map((source) => layer.shapeOf(source).length);
  if (ranks.some((rank) => rank !== 3)) throw new LayerRefusal("attention over several axes is not converted");
  const features = layer.sizeOf(query, -1);
  const [batch = 1, steps = 1] = layer.shapeOf(query);
  const repeats = queryHeads / keyHeads;
  // In the order in which Keras makes the weights.
  const q = projected(layer, "query", query, queryHeads, keySize);
  const k = projected(layer, "key", key, keyHeads, keySize);
  const v = projected(layer, "value", value, keyHeads, valueSize);
  const scaled = layer.emit(mul, "query_scaled", [q, layer.scalar(1 / Math.sqrt(keySize))]);
  // [b, t, g, r, h] → [b, g, r·t, h]: the heads that share a key lie under each other.
  const rows =
    repeats === 1
      ? permuted(layer, "query_heads", scaled, [0, 2, 1, 3])
      : reshapeTo(
          layer,
          "query_groups",
          permuted(
            layer,
            "query_heads",
            reshapeTo(layer, "query_apart", scaled, [batch, steps, keyHeads, repeats, keySize]),
            [0, 2, 3, 1, 4],
          ),
          [batch, keyHeads, repeats * layer.sizeOf(query, 1), keySize],
        );
  const columns = permuted(layer, "key_heads", k, [0, 2, 1, 3]);
  const weights = attentionWeights(layer, layer.emit(batchMatmul, "scores", [rows, columns], { adjY: true }), repeats);
  const mixed = layer.emit(batchMatmul, "attended", [weights, permuted(layer, "value_heads", v, [0, 2, 1, 3])]);
  const apart =
    repeats === 1
      ? permuted(layer, "heads_last", mixed, [0, 2, 1, 3])
      : permuted(
          layer,
          "heads_last",
          reshapeTo(layer, "heads_apart", mixed, [batch, keyHeads, repeats, steps, valueSize]),
          [0, 3, 1, 2, 4],
        );
  const heads = reshapeTo(layer, "heads", apart, [batch, steps, queryHeads, valueSize]);
  const asked = layer.config.get("output_shape");
  const [units = features, ...more] = asked === undefined ? [features] : [asked].flat();
  if (typeof units !== "number" || more.length > 0) throw new LayerRefusal("an output of several axes");
  const part = layer.part("attention_output", "output_dense");
  const output = einsumWithWeights(part, heads, { equation: "abcd,cde->abe", weight: "kernel", freeSizes: [units] });
  const biased = layer.config.boolean("use_bias", true)
    ? part.emit(add, "bias", [output, part.weight("bias", [units])])
    : output;
  if (!wantsScores(layer)) return [biased];
  const [, , , sources = 1] = layer.shapeOf(weights);
  return [
    biased,
    repeats === 1 ? weights : reshapeTo(layer, "all_scores", weights, [batch, queryHeads, steps, sources]),
  ];
}

export const multiHeadAttentionLayer: LayerLowering = {
  classNames: ["MultiHeadAttention"],
  arity: "any",
  refuses: (config) =>
    config.boolean("use_gate", false) || config.has("sliding_window")
      ? "use_gate and sliding_window are not converted"
      : undefined,
  lower: (layer) => {
    const { config } = layer;
    const [queryHeads, keySize] = [config.count("num_heads"), config.count("key_dim")];
    return multiHead(layer, {
      queryHeads,
      keyHeads: queryHeads,
      keySize,
      valueSize: config.count("value_dim", keySize),
    });
  },
};

export const groupedQueryAttentionLayer: LayerLowering = {
  classNames: ["GroupedQueryAttention", "GroupQueryAttention"],
  arity: "any",
  refuses: (config) =>
    config.boolean("use_gate", false) || config.has("sliding_window")
      ? "use_gate and sliding_window are not converted"
      : undefined,
  lower: (layer) => {
    const { config } = layer;
    const [queryHeads, keyHeads] = [config.count("num_query_heads"), config.count("num_key_value_heads")];
    if (queryHeads % keyHeads !== 0) throw layer.fault(`${queryHeads} heads cannot share ${keyHeads} keys`);
    const size = config.count("head_dim");
    return multiHead(layer, { queryHeads, keyHeads, keySize: size, valueSize: size });
  },
};
