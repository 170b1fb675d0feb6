/**
 * Aligns an operator's declared roles and result rules with the operands and results that one node really has,
 * and reads float constants. The quantizer dispatches on what this file returns, never on an operator's name.
 */
import { type Graph, type GraphIndex, type Node, type TensorId, tensorOf } from "../ir/graph.ts";
import { decodeFloat16, float32ValuesOf } from "../ir/values.ts";
import type { ConstantValue, Op, OperandRole, ResultRule } from "../ops/define-op.ts";
import { isUnsupported } from "../ops/define-op.ts";
import { opOf } from "../ops/registry.ts";

/** The role of each of the node's inputs; null where the operator declares none. */
export function rolesOf(definition: Op, node: Node): (OperandRole | null)[] {
  const { operands } = definition;
  const last = operands.at(-1);
  return node.inputs.map((_, index) => operands[index] ?? (last?.role === "activations" ? last : null));
}

/** The rule of each of the node's results. */
export function resultRulesOf(definition: Op, node: Node): (ResultRule | null)[] {
  return node.outputs.map((_, index) => definition.results[definition.manyResults ? 0 : index] ?? null);
}

/** Position of the operand that has this name in the operator's declaration; -1 when the node lacks it. */
export function operandNamed(definition: Op, node: Node, name: string): number {
  const index = definition.operands.findIndex((operand) => operand.name === name);
  return node.inputs[index] === undefined || node.inputs[index] === null ? -1 : index;
}

/** Float constants, also those that reach their reader through operators on constants only (a float16 weight's DEQUANTIZE). */
export class FloatConstants {
  readonly #graph: Graph;
  readonly #index: GraphIndex;

  constructor(graph: Graph, index: GraphIndex) {
    this.#graph = graph;
    this.#index = index;
  }

  /** Is the tensor's value known without running the model? */
  has(id: TensorId): boolean {
    const tensor = tensorOf(this.#graph, id);
    if (tensor.constant) return true;
    const producer = this.#index.producer(id);
    return producer !== undefined && this.isConstantNode(producer);
  }

  /** Does this node compute from constants only, and can we compute it too? */
  isConstantNode(node: Node): boolean {
    const definition = opOf(node.kind);
    if (!definition || isUnsupported(definition.evaluate) || node.inputs.length === 0) return false;
    return node.inputs.every((input) => input === null || this.has(input));
  }

  /** The tensor's value as float32; null if it is not a float constant. Read anew each time: nothing is kept. */
  read(id: TensorId): Float32Array | null {
    const value = this.#valueOf(id);
    return value ? asFloats(value) : null;
  }

  #valueOf(id: TensorId): ConstantValue | null {
    const { constant, dtype, shape } = tensorOf(this.#graph, id);
    if (constant) return { dtype, shape, bytes: constant.bytes() };
    const producer = this.#index.producer(id);
    if (!producer) return null;
    const definition = opOf(producer.kind);
    if (!definition || isUnsupported(definition.evaluate)) return null;
    const inputs: (ConstantValue | null)[] = [];
    for (const input of producer.inputs) {
      const value = input === null ? null : this.#valueOf(input);
      if (input !== null && value === null) return null;
      inputs.push(value);
    }
    const attributes = { ...definition.attributes, ...producer.attributes };
    const results = definition.evaluate(inputs, attributes);
    return results?.[producer.outputs.indexOf(id)] ?? null;
  }
}

function asFloats({ dtype, bytes }: ConstantValue): Float32Array | null {
  if (dtype === "float32") return float32ValuesOf(bytes);
  return dtype === "float16" ? decodeFloat16(bytes) : null;
}
