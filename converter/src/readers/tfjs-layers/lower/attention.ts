/**
 * Attention: dot-product, additive, multi-head and grouped-query.
 * Rules: Keras `layers/attention/*.py`. What is masked out is for `attention-masks.ts`.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { batchMatmul } from "../../../ops/batch-matmul.ts";
import { expandDims } from "../../../ops/expand-dims.ts";
import { mul } from "../../../ops/mul.ts";
import { sum } from "../../../ops/sum.ts";
import { tanh } from "../../../ops/tanh.ts";
import { indicesOf, type LayerBuilder } from "../layer-builder.ts";
import {
  allOf,
  causalFactors,
  type Excluding,
  factorsOf,
  softmaxWhere,
  spreadFactors,
  underScores,
} from "./attention-masks.ts";
import { einsumWithWeights } from "./einsum.ts";
import { permuted, reshapeTo } from "./layout.ts";
import { type LayerLowering, LayerRefusal } from "./lowering.ts";

interface Sources {
  readonly query: TensorId;
  readonly value: TensorId;
  readonly key: TensorId;
}

const isCausal = (layer: LayerBuilder): boolean =>
  layer.argumentFields.boolean("use_causal_mask", false) || layer.config.boolean("causal", false);

const wantsScores = (layer: LayerBuilder): boolean => layer.argumentFields.boolean("return_attention_scores", false);

/** query, value and key (the value, where none is given) of one list. */
function listed(layer: LayerBuilder): Sources {
  const [query, value, key = value] = layer.inputs;
  if (query === undefined || value === undefined || key === undefined || layer.inputs.length > 3) {
    throw new LayerRefusal("its inputs are not query, value and key");
  }
  return { query, value, key };
}

/** A value's mask takes its steps out of the scores; a query's makes its results zeros. */
function attended(layer: LayerBuilder, scores: TensorId, value: TensorId): readonly TensorId[] {
  const [queryMask, valueMask] = [layer.maskOf(0), layer.maskOf(1)];
  const factors = allOf(layer, [
    valueMask === undefined ? undefined : spreadFactors(layer, "value_counts", valueMask, 1),
    isCausal(layer) ? causalFactors(layer, scores) : undefined,
  ]);
  const weights = softmaxWhere(layer, scores, factors, "lowered");
  const mixed = layer.emit(batchMatmul, "attended", [weights, value]);
  const output =
    queryMask === undefined
      ? mixed
      : layer.emit(mul, "attended_that_counts", [mixed, spreadFactors(layer, "query_counts", queryMask, 2)]);
  return wantsScores(layer) ? [output, weights] : [output];
}

/** The mask of the query stands behind the layer too. */
const queryMask: NonNullable<LayerLowering["mergeMasks"]> = (layer) => layer.maskOf(0);

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
  mergeMasks: queryMask,
  lower: (layer) => {
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
  mergeMasks: queryMask,
  lower: (layer) => {
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

/**
 * scores [b, g, r·t, s] → weights; `apart` is their shape [b, g, r, t, s]. Keras 3 takes its fused attention, which has
 * no zeroes where nothing counts for a query, unless it has to give the scores or to drop some in training.
 */
function multiHeadWeights(layer: LayerBuilder, scores: TensorId, apart: readonly number[]): TensorId {
  const fused = layer.config.number("dropout", 0) === 0 && !wantsScores(layer);
  const excluding: Excluding = layer.isKeras3 ? (fused ? "replaced" : "zeroed") : "lowered";
  // Keras 3.15 reads the query's mask off the query, whatever mask it is given for it.
  const maskOf = (name: string, position: number): TensorId | undefined =>
    (name === "query" && layer.className === "MultiHeadAttention" && layer.isKeras3
      ? undefined
      : layer.tensorArgument(`${name}_mask`)) ?? layer.maskOfArgument(name, position);
  const given = layer.tensorArgument("attention_mask");
  const [query, value, key] = [maskOf("query", 0), maskOf("value", 1), maskOf("key", 2)];
  const factors = allOf(layer, [
    given === undefined ? undefined : factorsOf(layer, "given_counts", given),
    query === undefined ? undefined : spreadFactors(layer, "query_counts", query, 2),
    value === undefined ? undefined : spreadFactors(layer, "value_counts", value, 1),
    key === undefined ? undefined : spreadFactors(layer, "key_counts", key, 1),
  ]);
  const [, , repeats = 1] = apart;
  if (repeats === 1) {
    const under = factors === undefined ? undefined : underScores(layer, factors, 4);
    const causal = isCausal(layer) ? causalFactors(layer, scores) : undefined;
    return softmaxWhere(layer, scores, allOf(layer.scoped("all"), [under, causal]), excluding);
  }
  if (factors === undefined && !isCausal(layer)) return softmaxWhere(layer, scores, undefined, excluding);
  if (factors !== undefined && layer.shapeOf(factors).length > 3)
    throw new LayerRefusal("a mask of its own for each head");
  const spread = reshapeTo(layer, "scores_apart", scores, apart);
  const under = factors === undefined ? undefined : underScores(layer, factors, 5);
  const causal = isCausal(layer) ? causalFactors(layer, spread) : undefined;
  const weights = softmaxWhere(layer, spread, allOf(layer.scoped("all"), [under, causal]), excluding);
  return reshapeTo(layer, "weights_together", weights, layer.shapeOf(scores));
}

function multiHead(layer: LayerBuilder, { queryHeads, keyHeads, keySize, valueSize }: Heads): readonly TensorId[] {
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
  const scores = layer.emit(batchMatmul, "scores", [rows, columns], { adjY: true });
  const weights = multiHeadWeights(layer, scores, [batch, keyHeads, repeats, steps, layer.shapeOf(scores).at(-1) ?? 1]);
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
  mergeMasks: (layer) => layer.maskOfArgument("query", 0),
  takesMasksOf: (layer) =>
    layer.isKeras3
      ? [layer.argument("query", 0), layer.argument("value", 1), layer.argument("key", 2)].flatMap(indicesOf)
      : [],
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
  mergeMasks: (layer) => layer.maskOfArgument("query", 0),
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
