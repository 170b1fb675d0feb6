/**
 * The only step that rewrites: carries out an int8 plan on the graph it was made for.
 * Weights become int8 constants (computed when the file is written), biases int32, and QUANTIZE / DEQUANTIZE stand where
 * a value crosses between float and int8, between two parameters, or between the model and the outside.
 *
 *     x(f32) ── CONV_2D ── CUSTOM ── y     x(f32) ── QUANTIZE ── CONV_2D(int8) ── DEQUANTIZE ── CUSTOM ── y
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { type Graph, GraphDraft, indexGraph, type Model, type Node, type TensorId } from "../ir/graph.ts";
import { lazyConstant } from "../ir/lazy-constant.ts";
import { sweepUnused } from "../ir/sweep-unused.ts";
import { dequantize } from "../ops/dequantize.ts";
import { quantize } from "../ops/quantize.ts";
import { FloatConstants } from "./operands.ts";
import type { NodePlan, OperandPlan, QuantizationPlan } from "./plan.ts";
import type { IoDType } from "./recipe.ts";
import { type AffineParameters, quantizeInt8, sameParameters } from "./scales.ts";
import { channelView, quantizeBias, quantizeWeights } from "./weights.ts";

export interface AppliedPlan {
  readonly model: Model;
  /** Tensor of the float graph → its int8 twin in the new one, where there is one. */
  readonly int8Of: ReadonlyMap<TensorId, TensorId>;
}

/**
 * The model with its main graph in int8. Inputs and outputs get the plan's I/O dtype and keep their names.
 * @throws QUANT_OPTION when an input or output cannot have the dtype asked for.
 */
export function applyPlan(model: Model, plan: QuantizationPlan): AppliedPlan {
  const [main, ...others] = model.graphs;
  if (!main) return { model, int8Of: new Map() };
  const applied = new PlanApplication(main, plan).run();
  const signatures = model.signatures.map((signature) =>
    signature.graph !== 0
      ? signature
      : {
          ...signature,
          inputs: signature.inputs.map((one) => ({ ...one, tensor: applied.inputs.get(one.tensor) ?? one.tensor })),
          outputs: signature.outputs.map((one) => ({ ...one, tensor: applied.outputs.get(one.tensor) ?? one.tensor })),
        },
  );
  return { model: { ...model, graphs: [applied.graph, ...others], signatures }, int8Of: applied.int8Of };
}

interface Rewritten {
  readonly graph: Graph;
  /** Old input or output → the new one. */
  readonly inputs: ReadonlyMap<TensorId, TensorId>;
  readonly outputs: ReadonlyMap<TensorId, TensorId>;
  readonly int8Of: ReadonlyMap<TensorId, TensorId>;
}

class PlanApplication {
  readonly #graph: Graph;
  readonly #plan: QuantizationPlan;
  readonly #constants: FloatConstants;
  readonly #draft: GraphDraft;
  /** Parameters of every tensor that exists in int8. */
  readonly #parameters: Map<TensorId, AffineParameters>;
  /** Float tensor → its int8 tensor, once made. */
  readonly #int8 = new Map<TensorId, TensorId>();
  /** Float tensors whose float value has been made in the new graph. */
  readonly #madeFloat = new Set<TensorId>();
  /** "tensor:scale:zeroPoint" and constants' keys → the tensor made for them. */
  readonly #made = new Map<string, TensorId>();
  readonly #floatReaders: Set<TensorId>;

  constructor(graph: Graph, plan: QuantizationPlan) {
    if (plan.nodes.length !== graph.nodes.length) {
      throw new FlotillaError("GRAPH_INVALID", `The plan for "${plan.graph}" is not one for graph "${graph.name}".`);
    }
    this.#graph = graph;
    this.#plan = plan;
    this.#constants = new FloatConstants(graph, indexGraph(graph));
    this.#draft = new GraphDraft(graph);
    this.#draft.nodes = [];
    this.#parameters = new Map(plan.tensors.map(({ tensor, parameters }) => [tensor, parameters]));
    this.#floatReaders = floatTensors(graph, plan);
  }

  run(): Rewritten {
    const { io } = this.#plan;
    const inputs = new Map(this.#graph.inputs.map((id) => [id, this.#input(id, io)]));
    for (const [at, node] of this.#graph.nodes.entries()) this.#node(node, this.#plan.nodes[at]);
    const outputs = new Map(this.#graph.outputs.map((id) => [id, this.#output(id, io)]));
    this.#draft.inputs = [...inputs.values()];
    this.#draft.outputs = this.#graph.outputs.map((id) => outputs.get(id) ?? id);
    sweepUnused(this.#draft); // DEQUANTIZE of weights that are int8 now, among others
    return { graph: this.#draft.freeze(), inputs, outputs, int8Of: this.#int8 };
  }

  #input(id: TensorId, io: IoDType): TensorId {
    const parameters = this.#parameters.get(id);
    const { dtype, name, shape } = this.#draft.tensor(id);
    if (io === "float32" || dtype !== "float32") {
      this.#madeFloat.add(id);
      return id;
    }
    if (!parameters) throw noParameters("input", name, io);
    if (io === "int8") return this.#newInt8(id, parameters, name);
    const outside = this.#draft.addTensor({ name, dtype: "uint8", shape, quantization: shifted(parameters) });
    const inside = this.#newInt8(id, parameters);
    this.#draft.addNode(quantize.node({ name: `${name}_quantize`, inputs: [outside], outputs: [inside] }));
    return outside;
  }

  #output(id: TensorId, io: IoDType): TensorId {
    const { dtype, name, shape } = this.#draft.tensor(id);
    if (io === "float32" || dtype !== "float32") return this.#asFloat(id);
    const parameters = this.#parameters.get(id);
    if (!parameters) throw noParameters("output", name, io);
    const inside = this.#asInt8(id, parameters);
    if (io === "int8") {
      this.#draft.setTensor(inside, { name });
      return inside;
    }
    const outside = this.#draft.addTensor({ name, dtype: "uint8", shape, quantization: shifted(parameters) });
    this.#draft.addNode(quantize.node({ name: `${name}_quantize`, inputs: [inside], outputs: [outside] }));
    return outside;
  }

  #node(node: Node, plan: NodePlan | undefined): void {
    if (plan?.mode !== "int8") {
      const inputs = node.inputs.map((id) => (id === null ? null : this.#asFloat(id)));
      for (const id of node.outputs) this.#madeFloat.add(id);
      this.#draft.addNode({ ...node, inputs });
      return;
    }
    const inputs = node.inputs.map((id, position) =>
      id === null ? null : this.#operand(id, plan.operands[position] ?? { use: "as-is" }),
    );
    const outputs = node.outputs.map((id, position) => {
      const parameters = plan.results[position];
      if (parameters) return this.#newInt8(id, parameters);
      this.#madeFloat.add(id);
      return id;
    });
    this.#draft.addNode({ ...node, inputs, outputs });
  }

  #operand(id: TensorId, plan: OperandPlan): TensorId {
    const { name, shape } = this.#draft.tensor(id);
    switch (plan.use) {
      case "as-is":
        return this.#asFloat(id);
      case "activation":
        return this.#asInt8(id, plan.parameters);
      case "constant": {
        const { parameters } = plan;
        return this.#once(`${id}:${parameters.scale}:${parameters.zeroPoint}`, () => {
          const constant = lazyConstant(elements(shape), () =>
            bytesOfInts(Int8Array.from(this.#floats(id), (value) => quantizeInt8(value, parameters))),
          );
          return this.#draft.addTensor({ name, dtype: "int8", shape, quantization: perTensor(parameters), constant });
        });
      }
      case "weight": {
        const { axis, scales, values } = plan;
        const make = () => {
          const view = channelView(shape, axis);
          const quantization = { scales, zeroPoints: scales.map(() => 0), axis: axis ?? 0 };
          const constant = lazyConstant(elements(shape), () =>
            bytesOfInts(values?.() ?? quantizeWeights(this.#floats(id), view, scales)),
          );
          return this.#draft.addTensor({ name, dtype: "int8", shape, quantization, constant });
        };
        // Chosen integers belong to one reader; nearest ones serve all that ask for these scales.
        return values ? make() : this.#once(`${id}:weight:${axis}:${scales.join()}`, make);
      }
      case "bias": {
        const { scales, correction } = plan;
        return this.#once(`${id}:bias:${scales.join()}:${correction?.join() ?? ""}`, () => {
          const values = Float64Array.from(this.#floats(id), (value, at) => value + (correction?.[at] ?? 0));
          const quantization = { scales, zeroPoints: scales.map(() => 0), axis: 0 };
          const bytes = bytesOfInts(quantizeBias(values, scales));
          return this.#draft.addConstant(name, "int32", shape, bytes, quantization);
        });
      }
    }
  }

  /** The tensor in int8 with these parameters; QUANTIZE from float, or requantize, where it is not there yet. */
  #asInt8(id: TensorId, parameters: AffineParameters): TensorId {
    const own = this.#parameters.get(id) ?? parameters;
    let inside = this.#int8.get(id);
    if (inside === undefined) {
      inside = this.#newInt8(id, own);
      const { name } = this.#draft.tensor(id);
      this.#draft.addNode(quantize.node({ name: `${name}_quantize`, inputs: [id], outputs: [inside] }));
    }
    if (sameParameters(own, parameters)) return inside;
    const from = inside;
    return this.#once(`${id}:${parameters.scale}:${parameters.zeroPoint}`, () => {
      const { name, shape } = this.#draft.tensor(id);
      const quantization = perTensor(parameters);
      const requantized = this.#draft.addTensor({ name: `${name}_requantized`, dtype: "int8", shape, quantization });
      this.#draft.addNode(quantize.node({ name: `${name}_requantize`, inputs: [from], outputs: [requantized] }));
      return requantized;
    });
  }

  /** The tensor in float (or whatever non-quantized dtype it has); DEQUANTIZE where only its int8 value exists. */
  #asFloat(id: TensorId): TensorId {
    const inside = this.#int8.get(id);
    if (inside === undefined || this.#madeFloat.has(id)) return id;
    const { name } = this.#draft.tensor(id);
    this.#draft.addNode(dequantize.node({ name: `${name}_dequantize`, inputs: [inside], outputs: [id] }));
    this.#madeFloat.add(id);
    return id;
  }

  /** The user's names stay with float tensors where those exist; an int8 twin gets a suffix. */
  #newInt8(id: TensorId, parameters: AffineParameters, fixedName?: string): TensorId {
    const { name, shape } = this.#draft.tensor(id);
    const inside = this.#draft.addTensor({
      name: fixedName ?? (this.#floatReaders.has(id) ? `${name}_int8` : name),
      dtype: "int8",
      shape,
      quantization: perTensor(parameters),
    });
    this.#int8.set(id, inside);
    return inside;
  }

  #once(key: string, make: () => TensorId): TensorId {
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.#made.set(key, made);
    return made;
  }

  #floats(id: TensorId): Float32Array {
    const values = this.#constants.read(id);
    if (values) return values;
    throw new FlotillaError("GRAPH_INVALID", `The plan takes tensor ${id} for a float constant, which it is not.`);
  }
}

/** Tensors whose float value stays in the graph: their names are not taken by int8 twins. */
function floatTensors(graph: Graph, plan: QuantizationPlan): Set<TensorId> {
  const found = new Set<TensorId>(plan.io === "int8" ? [] : [...graph.inputs, ...graph.outputs]);
  for (const [at, node] of graph.nodes.entries()) {
    if (plan.nodes[at]?.mode === "int8") continue;
    for (const id of [...node.inputs, ...node.outputs]) if (id !== null) found.add(id);
  }
  return found;
}

const bytesOfInts = (values: Int8Array | Int32Array): Uint8Array => new Uint8Array(values.buffer);
const elements = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
const perTensor = ({ scale, zeroPoint }: AffineParameters) => ({ scales: [scale], zeroPoints: [zeroPoint], axis: 0 });
/** uint8 with the same scale: the zero point moves by 128 (LiteRT `modify_io_nodes`). */
const shifted = ({ scale, zeroPoint }: AffineParameters) => perTensor({ scale, zeroPoint: zeroPoint + 128 });

function noParameters(end: "input" | "output", name: string, io: IoDType): FlotillaError {
  return new FlotillaError(
    "QUANT_OPTION",
    `The ${end} "${name}" cannot be ${io}: calibration gave no finite range for it. Use --io float32.`,
    { details: { option: "io", found: io, [end]: name } },
  );
}
