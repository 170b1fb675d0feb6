/**
 * A model that tells a layer's own error from what it inherits. Beside the whole float graph it holds, for every layer of
 * the quantized graph, that layer fed with float values put into the integers in which they travel between layers, and the
 * float layer fed with those same integers made floats again:
 *
 *     x(f32) ── F ── y                                    truth
 *     x(f32) ── QUANTIZE(as x travels) ─┬─ Q ── y'         what the quantized layer makes of flawless inputs
 *                                       └─ DEQUANTIZE ── F ── y″   what the float layer makes of the same
 *
 * y' - y″ is the layer's own: its weights, its arithmetic, the range and the steps of its result. How its inputs were
 * rounded or clipped is in both, and so is not blamed on it. One run gives all layers, in the real runtime's kernels.
 */
import {
  type Graph,
  GraphDraft,
  type Model,
  type Node,
  type Quantization,
  type TensorId,
  tensorOf,
} from "../ir/graph.ts";
import { dequantize } from "../ops/dequantize.ts";
import { quantize } from "../ops/quantize.ts";
import { opOf } from "../ops/registry.ts";
import type { Pairs } from "./pairs.ts";

/** Nodes that may stand between a layer's inputs and its result, in either graph; more is no layer. */
const largestSegment = 64;

export interface ProbedLayer {
  /** Of the float graph, and of the probe. */
  readonly truth: TensorId;
  /** y' and y″; null where the layer cannot be taken out of its graph (control flow, state, nothing to pair it by). */
  readonly own: {
    readonly made: TensorId;
    readonly reference: TensorId;
    /** Other results of the nodes that make these: to be tapped with them, as no kernel may make what nobody reads. */
    readonly siblings: readonly TensorId[];
  } | null;
}

export interface ProbeModel {
  readonly model: Model;
  /** Float values that both graphs have, inputs first, in the order of the float graph. */
  readonly layers: readonly ProbedLayer[];
}

/** How a paired value reaches the layers that read it: the same floats, or by way of integers. */
interface Fed {
  readonly quantized: TensorId;
  readonly float: TensorId;
  readonly rounded: boolean;
}

interface Producer {
  readonly node: Node;
  readonly place: number;
}

export function probeModel(float: Model, quantized: Model, pairs: Pairs): ProbeModel {
  const [before] = float.graphs;
  const [after] = quantized.graphs;
  if (!before || !after) return { model: float, layers: [] };
  const probe = new Probe(before, after, pairs);
  const layers = [...pairs].flatMap(([id, twin]): ProbedLayer[] =>
    tensorOf(before, id).dtype === "float32" ? [{ truth: id, own: probe.layer(id, twin) }] : [],
  );
  return { model: { ...float, graphs: [probe.draft.freeze(), ...float.graphs.slice(1)], signatures: [] }, layers };
}

class Probe {
  readonly draft: GraphDraft;
  readonly #before: Graph;
  readonly #after: Graph;
  readonly #pairs: Pairs;
  readonly #floatProducers: ReadonlyMap<TensorId, Producer>;
  readonly #quantizedProducers: ReadonlyMap<TensorId, Producer>;
  /** Tensor of the quantized graph → the float one that it stands for. */
  readonly #sources: ReadonlyMap<TensorId, TensorId>;
  readonly #fed = new Map<TensorId, Fed | null>();
  readonly #carried = new Map<TensorId, TensorId>();

  constructor(before: Graph, after: Graph, pairs: Pairs) {
    this.draft = new GraphDraft(before);
    this.#before = before;
    this.#after = after;
    this.#pairs = pairs;
    this.#floatProducers = producersOf(before);
    this.#quantizedProducers = producersOf(after);
    this.#sources = new Map([...pairs].map(([source, twin]) => [twin, source]));
  }

  layer(id: TensorId, twin: TensorId): ProbedLayer["own"] {
    if (!this.#floatProducers.has(id)) {
      const fed = this.#feed(id);
      return fed?.rounded ? { made: fed.quantized, reference: id, siblings: [] } : null;
    }
    const nodes = this.draft.nodes.length;
    const stops = new Map<TensorId, Fed>();
    const made = this.#quantizedSide(twin, stops);
    const rounded = [...stops.values()].some((fed) => fed.rounded);
    const reference = made === null ? null : rounded ? this.#floatSide(id, stops) : id;
    // What was begun and led nowhere stays in the draft: nothing taps it, so it is never run.
    const siblings = this.draft.nodes.slice(nodes).flatMap(({ outputs }) => (outputs.length > 1 ? outputs : []));
    return made === null || reference === null ? null : { made, reference, siblings };
  }

  /** The quantized layer once more, back to values that the float graph has, which are noted in `stops`. */
  #quantizedSide(twin: TensorId, stops: Map<TensorId, Fed>): TensorId | null {
    const copied = new Map<Node, readonly TensorId[]>();
    const value = (id: TensorId): TensorId | null => {
      const source = this.#sources.get(id);
      if (source === undefined) return make(id);
      const fed = this.#feed(source);
      if (!fed) return null;
      stops.set(source, fed);
      return fed.quantized;
    };
    const make = (id: TensorId): TensorId | null => {
      const constant = this.#constant(this.#after, id);
      if (constant !== null) return constant;
      const producer = this.#quantizedProducers.get(id);
      return producer ? this.#copy(producer, copied, this.#after, value) : null;
    };
    return make(twin);
  }

  /** The float layer once more, on what the quantized one was fed with. */
  #floatSide(id: TensorId, stops: ReadonlyMap<TensorId, Fed>): TensorId | null {
    const copied = new Map<Node, readonly TensorId[]>();
    const value = (input: TensorId): TensorId | null => {
      const fed = stops.get(input);
      if (fed) return fed.float;
      const { constant, variable } = tensorOf(this.#before, input);
      if (constant) return input;
      if (variable) return this.draft.addTensor({ ...tensorOf(this.#before, input) });
      const producer = this.#floatProducers.get(input);
      return producer ? this.#copy(producer, copied, this.#before, value) : null;
    };
    const producer = this.#floatProducers.get(id);
    return producer ? this.#copy(producer, copied, this.#before, value) : null;
  }

  #copy(
    { node, place }: Producer,
    copied: Map<Node, readonly TensorId[]>,
    graph: Graph,
    value: (id: TensorId) => TensorId | null,
  ): TensorId | null {
    const done = copied.get(node);
    if (done) return done[place] ?? null;
    if (copied.size >= largestSegment || !standsAlone(node)) return null;
    copied.set(node, []);
    const inputs: (TensorId | null)[] = [];
    for (const input of node.inputs) {
      const found = input === null ? null : value(input);
      if (found === null && input !== null) return null;
      inputs.push(found);
    }
    const outputs = node.outputs.map((id) => this.#carry(graph, id));
    const intermediates = node.intermediates?.map((id) => this.#carry(graph, id));
    this.draft.addNode({ ...node, inputs, outputs, ...(intermediates ? { intermediates } : {}) });
    copied.set(node, outputs);
    return outputs[place] ?? null;
  }

  /** A tensor of its own like one of `graph`, without its value. */
  #carry(graph: Graph, id: TensorId): TensorId {
    const { constant: _, quantization, ...facts } = tensorOf(graph, id);
    const own = this.#quantization(quantization);
    return this.draft.addTensor(own ? { ...facts, quantization: own } : facts);
  }

  /** Constants of the quantized graph are carried over once; state starts anew for every layer. */
  #constant(graph: Graph, id: TensorId): TensorId | null {
    const tensor = tensorOf(graph, id);
    if (tensor.variable) return this.#carry(graph, id);
    if (!tensor.constant) return null;
    const known = this.#carried.get(id);
    if (known !== undefined) return known;
    const quantization = this.#quantization(tensor.quantization);
    const carried = this.draft.addTensor(quantization ? { ...tensor, quantization } : tensor);
    this.#carried.set(id, carried);
    return carried;
  }

  #quantization(quantization: Quantization | undefined): Quantization | undefined {
    if (!quantization?.blocks) return quantization;
    const scales = this.#constant(this.#after, quantization.blocks.scales);
    return scales === null ? quantization : { ...quantization, blocks: { ...quantization.blocks, scales } };
  }

  /** null: the value travels in a form that no QUANTIZE makes of it. */
  #feed(source: TensorId): Fed | null {
    const known = this.#fed.get(source);
    if (known !== undefined) return known;
    const fed = this.#makeFed(source);
    this.#fed.set(source, fed);
    return fed;
  }

  #makeFed(source: TensorId): Fed | null {
    const twin = this.#pairs.get(source);
    if (twin === undefined) return null;
    const { name, dtype, shape } = tensorOf(this.#before, source);
    const { dtype: stored, quantization } = tensorOf(this.#after, twin);
    if (stored === dtype) return { quantized: source, float: source, rounded: false };
    const integers = stored === "int8" || stored === "int16" || stored === "uint8";
    if (dtype !== "float32" || !integers || quantization?.scales.length !== 1) return null;
    const quantized = this.draft.addTensor({ name: `${name}/quantized`, dtype: stored, shape, quantization });
    const float = this.draft.addTensor({ name: `${name}/float`, dtype, shape });
    this.draft.addNode(quantize.node({ name: `${name}/quantized`, inputs: [source], outputs: [quantized] }));
    this.draft.addNode(dequantize.node({ name: `${name}/float`, inputs: [quantized], outputs: [float] }));
    return { quantized, float, rounded: true };
  }
}

/** It can be run a second time in the same model: it names no other graph and changes nothing that outlives the run. */
const standsAlone = (node: Node): boolean =>
  opOf(node.kind)?.effect === undefined &&
  node.outputs.length > 0 &&
  !Object.keys(node.attributes).some((name) => name.endsWith("SubgraphIndex") || name === "subgraph");

function producersOf(graph: Graph): Map<TensorId, Producer> {
  const found = new Map<TensorId, Producer>();
  for (const node of graph.nodes) for (const [place, id] of node.outputs.entries()) found.set(id, { node, place });
  return found;
}
