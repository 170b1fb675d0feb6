/** Puts together what is known of every layer: errors, ranges, weights, bytes, causes; and which are worst. */
import { indexGraph, type Model, type Tensor, type TensorId, tensorOf } from "../ir/graph.ts";
import { opOf } from "../ops/registry.ts";
import type { QuantizationPlan } from "../quantize/plan.ts";
import { type Range, widthOf } from "../quantize/scales.ts";
import { diagnose } from "./diagnose.ts";
import { type LayerErrors, representableOf } from "./layer-errors.ts";
import { layerNodes, macsOf, weightsOf } from "./layer-nodes.ts";
import type { Pairs } from "./pairs.ts";
import type { LayerReport } from "./report.ts";

export interface LayersRequest {
  readonly float: Model;
  readonly quantized: Model;
  readonly pairs: Pairs;
  /** Of the float model's main graph; null where only the file is there. */
  readonly plan: QuantizationPlan | null;
  /** null where nothing was measured. */
  readonly errors: readonly LayerErrors[] | null;
  readonly fileBytes: number;
}

/** Inherited error counts as such from here on: the graph's SQNR is that much below the layer's own. */
const inheritedDb = 3;

/** In the order of the float graph, inputs first. */
export function describeLayers(request: LayersRequest): LayerReport[] {
  const { float, quantized, pairs, plan, errors, fileBytes } = request;
  const [before] = float.graphs;
  const [after] = quantized.graphs;
  if (!before || !after) return [];
  const index = indexGraph(before);
  const owned = layerNodes(after, pairs);
  const measured = new Map(errors?.map((one) => [one.tensor, one]));
  const ranges = new Map(plan?.tensors.map(({ tensor, dtype, range }) => [`${tensor}:${dtype}`, range]));
  const fits = plan !== null && plan.nodes.length === before.nodes.length;
  const precisions = new Map(before.nodes.map((node, at) => [node, fits ? plan.nodes[at] : undefined]));
  const places = new Map([...pairs.keys()].map((id, at) => [id, at]));
  const layers = [...pairs].map(([id, twin]): LayerReport => {
    const node = index.producer(id);
    const tensor = tensorOf(after, twin);
    const found = measured.get(id);
    const nodes = owned.nodes.get(id) ?? [];
    const weights = weightsOf(after, nodes, node ? { graph: before, node } : null);
    const representable = representableOf(tensor);
    const calibrated = ranges.get(`${id}:${tensor.dtype}`) ?? null;
    const planned = node && precisions.get(node);
    const constantBytes = owned.bytes.get(id) ?? 0;
    const scale = representable ? (tensor.quantization?.scales[0] ?? null) : null;
    const fixed = node !== undefined && opOf(node.kind)?.results[0]?.rule === "fixed";
    return {
      node: node?.name ?? tensorOf(before, id).name,
      operator: node?.kind ?? null,
      precision:
        planned && planned.mode !== "untouched"
          ? planned.precision
          : precisionOf(
              tensor,
              weights.map((one) => one.dtype),
            ),
      inputs: node ? readBy(node.inputs, index, places) : [],
      tensor: tensor.name,
      shape: tensor.shape,
      dtype: tensor.dtype,
      scale,
      zeroPoint: scale === null ? null : (tensor.quantization?.zeroPoints[0] ?? 0),
      calibrated,
      representable,
      coverage: representable && found?.spread.seen ? coverageOf(found.spread.seen, representable) : null,
      levelsUsed: found?.levelsUsed ?? null,
      spread: found?.spread ?? null,
      error: found ? { sqnrDb: found.sqnrDb, own: found.own, inherited: found.inherited } : null,
      causes: found
        ? diagnose({
            errors: found,
            spread: found.spread,
            scale,
            calibrated,
            representable,
            levelsUsed: found.levelsUsed,
            fixed,
            weights,
          })
        : [],
      origin: null,
      macs: macsOf(after, nodes),
      constantBytes,
      share: fileBytes > 0 ? constantBytes / fileBytes : 0,
      weights,
    };
  });
  return layers.map((layer, at) => ({ ...layer, origin: originOf(layers, at) }));
}

/** Places by own error, the largest first; layers without any are left out. */
export const worstLayers = (layers: readonly LayerReport[]): number[] =>
  layers
    .map((layer, place) => ({ place, db: layer.error?.own?.sqnrDb ?? null }))
    .filter((one): one is { place: number; db: number } => one.db !== null)
    .sort((a, b) => a.db - b.db || a.place - b.place)
    .map(({ place }) => place);

/** What a node reads, through values that the quantized graph does not have. */
function readBy(
  inputs: readonly (TensorId | null)[],
  index: ReturnType<typeof indexGraph>,
  places: ReadonlyMap<TensorId, number>,
): number[] {
  const found = new Set<number>();
  const seen = new Set<TensorId>();
  const waiting = [...inputs];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (id === null || seen.has(id)) continue;
    seen.add(id);
    const place = places.get(id);
    if (place !== undefined) found.add(place);
    else waiting.push(...(index.producer(id)?.inputs ?? []));
  }
  return [...found].sort((a, b) => a - b);
}

function precisionOf({ dtype }: Tensor, weights: readonly string[]): string {
  if (dtype === "int16") return "int16x8";
  if (dtype === "int8" || dtype === "uint8") return dtype;
  const narrow = weights.find((one) => one !== "float32");
  return narrow === undefined ? dtype : `${dtype}, weights ${narrow}`;
}

function coverageOf(seen: Range, representable: Range): number {
  const low = Math.max(seen.min, representable.min);
  const high = Math.min(seen.max, representable.max);
  return Math.min(1, Math.max(0, high - low) / Math.max(widthOf(representable), Number.MIN_VALUE));
}

/** Upstream along the noisiest inputs to a layer whose error is its own. */
function originOf(layers: readonly LayerReport[], start: number): number | null {
  const isInherited = ({ error }: LayerReport): boolean => {
    const total = error?.sqnrDb ?? null;
    const own = error?.own?.sqnrDb ?? null;
    return total !== null && error?.own !== null && (own === null || own > total + inheritedDb);
  };
  let at = start;
  for (let step = 0; step < layers.length; step++) {
    const layer = layers[at];
    if (!layer || !isInherited(layer)) break;
    const noisiest = layer.inputs
      .filter((place) => layers[place]?.error && layers[place].error.sqnrDb !== null)
      .sort((a, b) => (layers[a]?.error?.sqnrDb ?? 0) - (layers[b]?.error?.sqnrDb ?? 0))[0];
    if (noisiest === undefined || noisiest === at) break;
    at = noisiest;
  }
  return at === start ? null : at;
}
