/**
 * The number of a layer's variable in a `.keras` archive, where variables have no names: trainable ones first, then the
 * others, each in the order in which the layer's `build` makes them (keras `src/layers/**`).
 */
import { byName } from "../by-name.ts";
import type { JsonFields } from "../tfjs-layers/json-fields.ts";

const first = () => 0;
const second = () => 1;
/** What batch renormalization keeps behind the moving statistics, for training. */
const renormalizing = (config: JsonFields): number => (config.boolean("renorm", false) ? 3 : 0);

/** By the weight's name. `count`: how many variables the layer has; the last is the bias wherever there is one. */
const indices: ReadonlyMap<string, (config: JsonFields, count: number) => number> = byName({
  kernel: first,
  depthwise_kernel: first,
  embeddings: first,
  alpha: first,
  scale: first,
  mean: first,
  variance: second,
  recurrent_kernel: second,
  pointwise_kernel: second,
  bias: (_, count) => count - 1,
  gamma: first,
  beta: (config) => (config.boolean("scale", true) ? 1 : 0),
  moving_mean: (config, count) => count - 2 - renormalizing(config),
  moving_variance: (config, count) => count - 1 - renormalizing(config),
  moving_stddev: (_, count) => count - 3,
  renorm_mean: (_, count) => count - 2,
  renorm_stddev: (_, count) => count - 1,
  vector_u: (_, count) => count - 1,
  concat_score_weight: (config) => (config.boolean("use_scale", false) ? 1 : 0),
});

/** -1 for a weight that no layer has. */
export const variableIndex = (name: string, config: JsonFields, count: number): number =>
  indices.get(name)?.(config, count) ?? -1;
