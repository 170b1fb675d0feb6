/**
 * The only step that rewrites: carries out a plan on the graph it was made for.
 * Weights become integer constants (computed when the file is written), biases too, and QUANTIZE / DEQUANTIZE stand where
 * a value crosses between float and integer, between two parameters or widths, or between the model and the outside.
 *
 *     x(f32) ── CONV_2D ── CUSTOM ── y     x(f32) ── QUANTIZE ── CONV_2D(int8) ── DEQUANTIZE ── CUSTOM ── y
 *     W(f32) ── CONV_2D(float16)           W(f16) ── DEQUANTIZE ── CONV_2D
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { type Graph, GraphDraft, indexGraph, type Model, type Node, type TensorId } from "../ir/graph.ts";
import { sweepUnused } from "../ir/sweep-unused.ts";
import { dequantize } from "../ops/dequantize.ts";
import { quantize } from "../ops/quantize.ts";
import { FloatConstants } from "./operands.ts";
import { isInteger, type NodePlan, type OperandPlan, type QuantizationPlan } from "./plan.ts";
import { PlannedConstants } from "./plan-constants.ts";
import { type ValueDType, valueDTypeOf } from "./precision.ts";
import { type IoDType, insideOf } from "./recipe.ts";
import { type AffineParameters, sameParameters } from "./scales.ts";

export interface AppliedPlan {
  readonly model: Model;
  /** Tensor of the main float graph → its integer twin in the new one, where there is one. */
  readonly twins: ReadonlyMap<TensorId, TensorId>;
}

/**
 * The model with its graphs as planned; a graph without a plan stays. Inputs and outputs of the main graph get its plan's
 * I/O dtype and keep their names.
 * @throws QUANT_OPTION when an input or output cannot have the dtype asked for.
 */
export function applyPlan(model: Model, ...plans: readonly (QuantizationPlan | undefined)[]): AppliedPlan {
  const applied = model.graphs.map((graph, at) => {
    const plan = plans[at];
    return plan ? new PlanApplication(graph, plan).run() : null;
  });
  const graphs = model.graphs.map((graph, at) => applied[at]?.graph ?? graph);
  const signatures = model.signatures.map((signature) => {
    const { inputs, outputs } = applied[signature.graph] ?? {};
    return {
      ...signature,
      inputs: signature.inputs.map((one) => ({ ...one, tensor: inputs?.get(one.tensor) ?? one.tensor })),
      outputs: signature.outputs.map((one) => ({ ...one, tensor: outputs?.get(one.tensor) ?? one.tensor })),
    };
  });
  return { model: { ...model, graphs, signatures }, twins: applied[0]?.twins ?? new Map() };
}

interface Rewritten {
  readonly graph: Graph;
  /** Old input or output → the new one. */
  readonly inputs: ReadonlyMap<TensorId, TensorId>;
  readonly outputs: ReadonlyMap<TensorId, TensorId>;
  readonly twins: ReadonlyMap<TensorId, TensorId>;
}

class PlanApplication {
  readonly #graph: Graph;
  readonly #plan: QuantizationPlan;
  readonly #draft: GraphDraft;
  readonly #constants: PlannedConstants;
  /** Parameters of every tensor that exists in integers, by dtype. */
  readonly #parameters = new Map<string, AffineParameters>();
  /** Float tensor → its integer tensor of that dtype, once made. */
  readonly #made: Readonly<Record<ValueDType, Map<TensorId, TensorId>>> = { int8: new Map(), int16: new Map() };
  /** Float tensor → the first of its integer tensors: the one its maker writes. */
  readonly #twins = new Map<TensorId, TensorId>();
  /** Float tensors whose float value has been made in the new graph. */
  readonly #madeFloat = new Set<TensorId>();
  readonly #floatReaders: Set<TensorId>;

  constructor(graph: Graph, plan: QuantizationPlan) {
    if (plan.nodes.length !== graph.nodes.length) {
      throw new FlotillaError("GRAPH_INVALID", `The plan for "${plan.graph}" is not one for graph "${graph.name}".`);
    }
    this.#graph = graph;
    this.#plan = plan;
    this.#draft = new GraphDraft(graph);
    this.#draft.nodes = [];
    this.#constants = new PlannedConstants(this.#draft, new FloatConstants(graph, indexGraph(graph)));
    for (const { tensor, dtype, parameters } of plan.tensors) this.#parameters.set(`${tensor}:${dtype}`, parameters);
    this.#floatReaders = floatTensors(graph, plan);
  }

  run(): Rewritten {
    const { io } = this.#plan;
    const inputs = new Map(this.#graph.inputs.map((id) => [id, this.#input(id, io)]));
    for (const [at, node] of this.#graph.nodes.entries()) this.#node(node, this.#plan.nodes[at]);
    const outputs = new Map(this.#graph.outputs.map((id) => [id, this.#output(id, io)]));
    this.#draft.inputs = [...inputs.values()];
    this.#draft.outputs = this.#graph.outputs.map((id) => outputs.get(id) ?? id);
    sweepUnused(this.#draft); // DEQUANTIZE of weights that are integers now, among others
    return { graph: this.#draft.freeze(), inputs, outputs, twins: this.#twins };
  }

  #input(id: TensorId, io: IoDType): TensorId {
    const { dtype, name, shape } = this.#draft.tensor(id);
    if (io === "float32" || dtype !== "float32") {
      this.#madeFloat.add(id);
      return id;
    }
    const parameters = this.#parameters.get(`${id}:${insideOf(io)}`);
    if (!parameters) throw noParameters("input", name, io);
    if (io !== "uint8") return this.#newTwin(id, io, parameters, name);
    const outside = this.#draft.addTensor({ name, dtype: "uint8", shape, quantization: shifted(parameters) });
    const inside = this.#newTwin(id, "int8", parameters);
    this.#draft.addNode(quantize.node({ name: `${name}_quantize`, inputs: [outside], outputs: [inside] }));
    return outside;
  }

  #output(id: TensorId, io: IoDType): TensorId {
    const { dtype, name, shape } = this.#draft.tensor(id);
    if (io === "float32" || dtype !== "float32") return this.#asFloat(id);
    const parameters = this.#parameters.get(`${id}:${insideOf(io)}`);
    if (!parameters) throw noParameters("output", name, io);
    const inside = this.#asIntegers(id, insideOf(io), parameters);
    if (io !== "uint8") {
      this.#draft.setTensor(inside, { name });
      return inside;
    }
    const outside = this.#draft.addTensor({ name, dtype: "uint8", shape, quantization: shifted(parameters) });
    this.#draft.addNode(quantize.node({ name: `${name}_quantize`, inputs: [inside], outputs: [outside] }));
    return outside;
  }

  #node(node: Node, plan: NodePlan | undefined): void {
    const operands = plan && plan.mode !== "untouched" ? (plan.operands ?? []) : [];
    const dtype = plan && isInteger(plan) ? valueDTypeOf(plan.mode) : null;
    const inputs = node.inputs.map((id, position) =>
      id === null ? null : this.#operand(id, operands[position] ?? { use: "as-is" }, dtype),
    );
    const outputs = node.outputs.map((id, position) => {
      const parameters = plan && isInteger(plan) ? plan.results[position] : null;
      if (parameters && dtype) return this.#newTwin(id, dtype, parameters);
      this.#madeFloat.add(id);
      return id;
    });
    const options = plan && plan.mode !== "untouched" ? plan.attributes : undefined;
    const attributes = options ? { ...node.attributes, ...options } : node.attributes;
    this.#draft.addNode({ ...node, inputs, outputs, attributes });
  }

  /** `dtype`: of the integers that the node's values are; null where they are floats. */
  #operand(id: TensorId, plan: OperandPlan, dtype: ValueDType | null): TensorId {
    switch (plan.use) {
      case "as-is":
        return this.#asFloat(id);
      case "weight":
        return this.#constants.weight(id, plan);
      case "bias":
        return this.#constants.bias(id, plan);
      case "dequantized":
        return this.#restored(id, plan.stored);
      case "activation":
      case "constant":
        if (dtype === null) return this.#asFloat(id);
        return plan.use === "activation"
          ? this.#asIntegers(id, dtype, plan.parameters)
          : this.#constants.value(id, plan.parameters, dtype);
    }
  }

  /** A constant in float32 behind a DEQUANTIZE of how it is stored. */
  #restored(id: TensorId, stored: Extract<OperandPlan, { use: "dequantized" }>["stored"]): TensorId {
    const key = stored === "float16" ? stored : `${stored.dtype ?? "int8"}:${stored.axis}:${stored.scales.join()}`;
    const make = () => {
      const { name, shape } = this.#draft.tensor(id);
      const narrow =
        stored === "float16"
          ? this.#constants.half(id, `${name}_float16`)
          : this.#constants.weight(id, stored, `${name}_${stored.dtype ?? "int8"}`);
      const restored = this.#draft.addTensor({ name, dtype: "float32", shape });
      this.#draft.addNode(dequantize.node({ name: `${name}_dequantize`, inputs: [narrow], outputs: [restored] }));
      return restored;
    };
    return stored !== "float16" && stored.values ? make() : this.#constants.once(`${id}:stored:${key}`, make);
  }

  /** The tensor in integers with these parameters; QUANTIZE from float, or requantize, where it is not there yet. */
  #asIntegers(id: TensorId, dtype: ValueDType, parameters: AffineParameters): TensorId {
    const own = this.#parameters.get(`${id}:${dtype}`) ?? parameters;
    let inside = this.#made[dtype].get(id);
    if (inside === undefined) {
      const from = this.#twins.get(id) ?? id;
      inside = this.#newTwin(id, dtype, own);
      const { name } = this.#draft.tensor(id);
      const suffix = from === id ? "quantize" : `quantize_${dtype}`;
      this.#draft.addNode(quantize.node({ name: `${name}_${suffix}`, inputs: [from], outputs: [inside] }));
    }
    if (sameParameters(own, parameters)) return inside;
    const from = inside;
    return this.#constants.once(`${id}:as:${dtype}:${parameters.scale}:${parameters.zeroPoint}`, () => {
      const { name, shape } = this.#draft.tensor(id);
      const quantization = perTensor(parameters);
      const requantized = this.#draft.addTensor({ name: `${name}_requantized`, dtype, shape, quantization });
      this.#draft.addNode(quantize.node({ name: `${name}_requantize`, inputs: [from], outputs: [requantized] }));
      return requantized;
    });
  }

  /** The tensor in float (or whatever non-quantized dtype it has); DEQUANTIZE where only its integers exist. */
  #asFloat(id: TensorId): TensorId {
    const inside = this.#twins.get(id);
    if (inside === undefined || this.#madeFloat.has(id)) return id;
    const { name } = this.#draft.tensor(id);
    this.#draft.addNode(dequantize.node({ name: `${name}_dequantize`, inputs: [inside], outputs: [id] }));
    this.#madeFloat.add(id);
    return id;
  }

  /** The user's names stay with float tensors where those exist, else with the first integer twin; others get a suffix. */
  #newTwin(id: TensorId, dtype: ValueDType, parameters: AffineParameters, fixedName?: string): TensorId {
    const { name, shape } = this.#draft.tensor(id);
    const taken = this.#floatReaders.has(id) || this.#twins.has(id);
    const inside = this.#draft.addTensor({
      name: fixedName ?? (taken ? `${name}_${dtype}` : name),
      dtype,
      shape,
      quantization: perTensor(parameters),
    });
    this.#made[dtype].set(id, inside);
    if (!this.#twins.has(id)) this.#twins.set(id, inside);
    return inside;
  }
}

/** Tensors whose float value stays in the graph: their names are not taken by integer twins. */
function floatTensors(graph: Graph, plan: QuantizationPlan): Set<TensorId> {
  const ownEnds = plan.io === "int8" || plan.io === "int16";
  const found = new Set<TensorId>(ownEnds ? [] : [...graph.inputs, ...graph.outputs]);
  for (const [at, node] of graph.nodes.entries()) {
    const nodePlan = plan.nodes[at];
    if (nodePlan && isInteger(nodePlan)) continue;
    for (const id of [...node.inputs, ...node.outputs]) if (id !== null) found.add(id);
  }
  return found;
}

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
