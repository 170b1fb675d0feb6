/** TFJS variants: their files, what they say of themselves, and how they are run to be proven. */
import { createSha256, sha256Hex } from "@flotilla/protocol/digest";
import { FlotillaError } from "@flotilla/protocol/errors";
import { isJsonObject, type JsonValue } from "@flotilla/protocol/json-value";
import type { EndFacts, TfjsFacts } from "./convert-result.ts";
import { type Graph, type Model, type TensorId, tensorOf } from "./ir/graph.ts";
import { useOf } from "./ops/graph-facts.ts";
import { opOf } from "./ops/registry.ts";
import { hasAnyBatch } from "./runtimes/any-batch.ts";
import { endAxesOf } from "./runtimes/file-axes.ts";
import { tfjsGraphOpener, tfjsLayersOpener, type VariantEnds } from "./runtimes/tfjs-variant.ts";
import type { VariantOpener } from "./runtimes/variant-runner.ts";
import type { TensorFlowEnd, TensorFlowGraph } from "./writers/tfjs-graph/tensorflow-graph.ts";
import { raiseModel, writeTfjsGraph } from "./writers/tfjs-graph/write-tfjs-graph.ts";
import { type LayersModelParts, writeTfjsLayers } from "./writers/tfjs-layers/write-tfjs-layers.ts";
import type { TfjsRecipe } from "./writers/tfjs-weights/tfjs-recipe.ts";

export interface TfjsVariantDraft {
  /** Below the variant's own folder: `model.json` and weight files. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly facts: TfjsFacts;
  readonly opener: VariantOpener;
}

/**
 * A GraphModel from the float graph, whatever format that came from.
 * @throws UNSUPPORTED_OPERATOR with the list of all operators that tfjs cannot execute, UNSUPPORTED_FORMAT
 */
export function tfjsGraphVariant(model: Model, recipe: TfjsRecipe): TfjsVariantDraft {
  const graph = mainGraph(model);
  const raised = raiseModel(model, recipe);
  const files = writeTfjsGraph(raised, recipe);
  const axes = endAxesOf(graph);
  const inputs = inOrder(graph.inputs, raised.inputs);
  const outputs = inOrder(graph.outputs, raised.outputs);
  const facts = {
    operators: countedBy(raised.nodes.map(({ op }) => op)),
    transposes: raised.nodes.filter(({ op }) => op === "Transpose").length,
    macs: macsOf(model),
    inputs: inputs.map((end, at) => endFacts(end, axes.inputs[at] ?? null)),
    outputs: outputs.map((end, at) => endFacts(end, axes.outputs[at] ?? null)),
  };
  const keysOf = (ends: readonly TensorFlowEnd[]): string[] => ends.map(({ key }) => key);
  const ends = { inputs: keysOf(inputs), outputs: keysOf(outputs), anyBatch: hasAnyBatch(model) };
  return { files, facts, opener: tfjsGraphOpener(files, ends) };
}

/** A LayersModel of the same topology. `model`: its graph, as read. */
export function tfjsLayersVariant(layers: LayersModelParts, model: Model, recipe: TfjsRecipe): TfjsVariantDraft {
  const graph = mainGraph(model);
  const [signature] = model.signatures;
  const nameOf = (ends: readonly { name: string; tensor: TensorId }[] | undefined, id: TensorId): string =>
    ends?.find(({ tensor }) => tensor === id)?.name ?? tensorOf(graph, id).name;
  const ends: VariantEnds = {
    inputs: graph.inputs.map((id) => nameOf(signature?.inputs, id)),
    outputs: graph.outputs.map((id) => nameOf(signature?.outputs, id)),
  };
  const files = writeTfjsLayers(layers, recipe);
  const described = (ids: readonly TensorId[], names: readonly string[]): EndFacts[] =>
    ids.map((id, at) => endFacts({ ...tensorOf(graph, id), key: names[at] ?? "" }, null));
  const facts = {
    operators: countedBy(layerClasses(layers.modelTopology)),
    transposes: 0,
    macs: macsOf(model),
    inputs: described(graph.inputs, ends.inputs),
    outputs: described(graph.outputs, ends.outputs),
  };
  return { files, facts, opener: tfjsLayersOpener(files, ends) };
}

/** Of a list of names and digests. */
export function digestOfFiles(files: ReadonlyMap<string, Uint8Array>): string {
  const whole = createSha256();
  for (const line of [...files].map(([name, bytes]) => `${name}\0${sha256Hex(bytes)}\n`).sort())
    whole.update(new TextEncoder().encode(line));
  return whole.digestHex();
}

function mainGraph({ graphs }: Model): Graph {
  const [graph] = graphs;
  if (!graph) throw new FlotillaError("GRAPH_INVALID", "The model has no graph.");
  return graph;
}

const inOrder = (ids: readonly TensorId[], ends: TensorFlowGraph["inputs"]): TensorFlowEnd[] =>
  ids.flatMap((id) => ends.find((end) => end.id === id) ?? []);

const endFacts = (
  { key, dtype, shape }: { readonly key: string; readonly dtype: string; readonly shape: readonly number[] },
  sourceAxes: EndFacts["sourceAxes"],
): EndFacts => ({ name: key, dtype, shape, sourceAxes, scale: null, zeroPoint: null });

function countedBy(names: readonly string[]): TfjsFacts["operators"] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, count]) => [name, { count }]));
}

const macsOf = (model: Model): number =>
  model.graphs.reduce(
    (sum, graph) => graph.nodes.reduce((all, node) => all + (opOf(node.kind)?.macs(useOf(graph, node)) ?? 0), sum),
    0,
  );

/** Of all layers, nested models' too; a Sequential's configuration may be the list of its layers. */
function layerClasses(value: JsonValue | undefined): string[] {
  if (!isJsonObject(value)) return [];
  const { config, model_config: whole } = value;
  const list = Array.isArray(config)
    ? config
    : isJsonObject(config) && Array.isArray(config.layers)
      ? config.layers
      : [];
  const own = list.filter(isJsonObject).flatMap((layer) => {
    const { class_name: name } = layer;
    return typeof name === "string" ? [name, ...layerClasses(layer)] : layerClasses(layer);
  });
  return [...own, ...layerClasses(whole)];
}
