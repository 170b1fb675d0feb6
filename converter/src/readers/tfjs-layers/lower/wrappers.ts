/** Layers around a layer: Bidirectional, TimeDistributed, SpectralNormalization. Rules: tfjs-layers `layers/wrappers.ts`; Keras. */
import type { TensorId } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { concatenation } from "../../../ops/concatenation.ts";
import { mul } from "../../../ops/mul.ts";
import type { JsonFields } from "../json-fields.ts";
import type { LayerBuilder } from "../layer-builder.ts";
import { decodeInner } from "../layer-spec.ts";
import { reshapeTo } from "./layout.ts";
import { type Dialect, type LayerLowering, LayerRefusal } from "./lowering.ts";
import { recur, recurrentClasses, refusesRecurrence } from "./recurrent.ts";

function mergeOf(layer: LayerBuilder, forward: TensorId, backward: TensorId): readonly TensorId[] {
  const mode = layer.config.get("merge_mode") === undefined ? null : layer.config.string("merge_mode");
  if (mode === null) return [forward, backward];
  if (mode === "concat")
    return [layer.emit(concatenation, "concat", [forward, backward], { axis: layer.shapeOf(forward).length - 1 })];
  if (mode === "mul") return [layer.emit(mul, "mul", [forward, backward])];
  const sum = layer.emit(add, "sum", [forward, backward]);
  if (mode === "sum") return [sum];
  if (mode === "ave") return [layer.emit(mul, "mean", [sum, layer.scalar(0.5)])];
  throw layer.fault(`its merge_mode "${mode}" is not known`);
}

/** The layer that goes one way; a backward one that is not written is the forward one the other way round. */
function directionOf(layer: LayerBuilder, way: "forward" | "backward") {
  const written = way === "backward" && layer.config.has("backward_layer");
  const fields = layer.config.object(written ? "backward_layer" : "layer");
  const inner = fields.object("config");
  const name = inner.string("name", "");
  // Keras 3 writes both layers under the names that their weights have.
  const own =
    layer.isKeras3 && layer.config.has("backward_layer") ? name : `${way}_${name.replace(/^(forward|backward)_/, "")}`;
  const turned = way === "backward" && !written;
  const config = inner.with({
    ...(turned ? { go_backwards: !inner.boolean("go_backwards", false) } : {}),
    // Keras does so to every layer that it wraps; tfjs does not.
    ...(layer.dialect === "keras" ? { zero_output_for_mask: inner.boolean("return_sequences", false) } : {}),
  });
  return layer.part(own, `${way}_layer`, { className: fields.string("class_name"), config });
}

function refusesDirection(config: JsonFields, dialect: Dialect): string | undefined {
  const className = config.string("class_name");
  return recurrentClasses.some((name) => name === className)
    ? refusesRecurrence(config.object("config"), dialect)
    : `the wrapped ${className} is not converted`;
}

export const bidirectionalLayer: LayerLowering = {
  classNames: ["Bidirectional"],
  arity: "any",
  masking: (config) => (config.object("layer").object("config").boolean("return_sequences", false) ? "keeps" : "drops"),
  refuses: (config, dialect) => refusesDirection(config.object("layer"), dialect),
  lower: (layer) => {
    const [x, ...states] = layer.inputs;
    if (x === undefined || states.length % 2 !== 0)
      throw layer.fault("its inputs are no sequence with states for both ways");
    const mask = layer.maskOf(0);
    const half = states.length / 2;
    const forwardLayer = directionOf(layer, "forward");
    const forward = recur({ layer: forwardLayer, x, states: states.slice(0, half), mask });
    const backward = recur({
      layer: directionOf(layer, "backward"),
      x,
      states: states.slice(half),
      mask,
      inOrder: true,
    });
    const merged = mergeOf(layer, forward.output, backward.output);
    return forwardLayer.config.boolean("return_state", false)
      ? [...merged, ...forward.states, ...backward.states]
      : merged;
  },
};

/** Layers that look at a mask, or make one. */
const masked =
  /^(Softmax|GlobalAverage(Pooling|Pool)1D|.*Attention|Embedding|Masking|Bidirectional|TimeDistributed|(Conv)?(Simple)?(RNN|LSTM|GRU)(1D|2D)?)$/;

/** [batch, steps, …] → [batch·steps, …] → the layer → [batch, steps, …] */
export const timeDistributedLayer: LayerLowering = {
  classNames: ["TimeDistributed"],
  arity: "one",
  masking: "keeps",
  lower: (layer) => {
    const spec = decodeInner(layer.config.object("layer"), layer.layer, "layer");
    if (layer.dialect === "keras" && (spec.kind !== "layer" || masked.test(spec.className))) layer.refuseMasks();
    const [batch = 1, steps = 1, ...sample] = layer.shapeOf(layer.input);
    if (sample.length === 0) throw layer.fault("its input has no time axis");
    const together = batch === -1 || steps === -1 ? -1 : batch * steps;
    const flat = reshapeTo(layer, "together", layer.input, [together, ...sample]);
    const [result = flat] = layer.lowerInner(spec, "layer", [flat]);
    return reshapeTo(layer, "apart", result, [batch, steps, ...layer.shapeOf(result).slice(1)]);
  },
};

/** At inference the layer itself, whose kernel was last normalised in training. */
export const spectralNormalizationLayer: LayerLowering = {
  classNames: ["SpectralNormalization"],
  arity: "one",
  lower: (layer) => {
    const spec = decodeInner(layer.config.object("layer"), layer.layer, "layer");
    // Archives keep the kernel a second time, as the wrapper's own.
    layer.dropWeights("vector_u", "u", "sn_u", "kernel");
    const [result] = layer.lowerInner(spec, "layer", [layer.input]);
    if (result === undefined) throw new LayerRefusal("the layer it wraps has no output");
    return result;
  },
};
