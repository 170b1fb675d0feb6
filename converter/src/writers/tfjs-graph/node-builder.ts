/**
 * Collects the TensorFlow nodes and weights that operators raise themselves to. Constants become weights when they are
 * first asked for, one for each arrangement, so that layers which share a weight share it in the file, too.
 */
import { type Constant, elementCount, type Graph, type Shape, type Tensor, type TensorId } from "../../ir/graph.ts";
import { lazyConstant } from "../../ir/lazy-constant.ts";
import { permuteElements } from "../../ir/permute-elements.ts";
import { bytesOf, valuesOf } from "../../ir/values.ts";
import {
  type Arrangement,
  notRaised,
  type Ref,
  type TensorFlowAttributes,
  type TensorFlowDType,
  type TensorFlowNodes,
  tensorFlowDTypeOf,
} from "../../ops/raise/tensorflow-nodes.ts";
import { mustHave, NodeNames, refTo, type TensorFlowNode, type TensorFlowWeight } from "./tensorflow-graph.ts";

export class NodeBuilder {
  readonly nodes: TensorFlowNode[] = [];
  readonly weights: TensorFlowWeight[] = [];
  readonly names = new NodeNames();
  readonly #graph: Graph;
  readonly #refs = new Map<TensorId, Ref>();
  readonly #stored = new Map<string, Ref>();

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  /** From now on the tensor is this one. */
  bind(id: TensorId, ref: Ref): void {
    this.#refs.set(id, ref);
  }

  /** The tensor as it is; a constant becomes a weight. */
  refOf(id: TensorId): Ref {
    const tensor = mustHave(this.#graph.tensors.get(id), `tensor ${id}`);
    return tensor.constant
      ? this.#weightOf(tensor, tensor.constant, {})
      : mustHave(this.#refs.get(id), `"${tensor.name}"`);
  }

  add(name: string, op: string, inputs: readonly Ref[], attributes: TensorFlowAttributes): Ref {
    const taken = this.names.take(name);
    this.nodes.push({ name: taken, op, inputs, attributes });
    return refTo(taken);
  }

  /** What one operator writes with: nodes are called after it. */
  writerFor(name: string, inputs: readonly (TensorId | null)[]): TensorFlowNodes {
    const idOf = (index: number): TensorId => mustHave(inputs[index] ?? undefined, `operand ${index} of "${name}"`);
    const node: TensorFlowNodes["node"] = (op, refs, attributes = {}) =>
      this.add(`${name}/${op}`, op, refs, attributes);
    const constant: TensorFlowNodes["constant"] = (dtype, values, shape) => {
      const list = typeof values === "number" ? [values] : values;
      return this.#number(name, dtype, list, shape ?? (typeof values === "number" ? [] : [list.length]));
    };
    return {
      operand: (index) => this.refOf(idOf(index)),
      arranged: (index, arrangement) => {
        const tensor = mustHave(this.#graph.tensors.get(idOf(index)), `operand ${index} of "${name}"`);
        if (tensor.constant) return this.#weightOf(tensor, tensor.constant, arrangement);
        const { rows, permutation, shape } = arrangement;
        if (rows) throw notRaised("it takes rows of a value that is known only in the run");
        let ref = this.refOf(tensor.id);
        if (permutation) ref = node("Transpose", [ref, constant("int32", permutation)]);
        return shape ? node("Reshape", [ref, constant("int32", shape, [shape.length])]) : ref;
      },
      node,
      nodes: (op, refs, attributes, results) => {
        const first = node(op, refs, attributes);
        return Array.from({ length: results }, (_, port) => refTo(first, port));
      },
      constant,
    };
  }

  #number(owner: string, dtype: TensorFlowDType, values: readonly number[], shape: Shape): Ref {
    const key = `${dtype} [${shape.join()}] ${values.map((value) => (Object.is(value, -0) ? "-0" : value)).join()}`;
    const bytes = bytesOf(dtype, values);
    return this.#store(key, `${owner}/Const`, dtype, shape, { byteLength: bytes.byteLength, bytes: () => bytes });
  }

  #weightOf(tensor: Tensor, constant: Constant, arrangement: Arrangement): Ref {
    const dtype = tensorFlowDTypeOf(tensor.dtype);
    if (!dtype) throw notRaised(`tfjs has no ${tensor.dtype}, which "${tensor.name}" is`);
    const { rows, permutation, shape: target } = arrangement;
    const taken = rows ? tensor.shape.with(0, rows[1] - rows[0]) : tensor.shape;
    const permuted = permutation ? permutation.map((axis) => taken[axis] ?? 1) : taken;
    const shape = target ?? permuted;
    const part = rows ? `/${rows[0]}` : "";
    const name = tensor.name === "" ? "weight" : tensor.name;
    const key = `#${tensor.id} ${rows?.join() ?? ""} ${permutation?.join() ?? ""} [${shape.join()}]`;
    return this.#store(key, `${name}${part}`, dtype, shape, heldAs(dtype, tensor, constant, taken, arrangement));
  }

  #store(key: string, name: string, dtype: TensorFlowDType, shape: Shape, constant: Constant): Ref {
    const known = this.#stored.get(key);
    if (known !== undefined) return known;
    const taken = this.names.take(name);
    this.weights.push({ name: taken, dtype, shape, constant });
    this.#stored.set(key, refTo(taken));
    return refTo(taken);
  }
}

/** The bytes of a constant in the dtype in which tfjs holds it, rearranged. */
function heldAs(
  dtype: TensorFlowDType,
  tensor: Tensor,
  constant: Constant,
  taken: Shape,
  { rows, permutation }: Arrangement,
): Constant {
  if (tensor.dtype === dtype && !rows && !permutation) return constant;
  const count = elementCount(taken);
  const bytesOfOne = dtype === "bool" ? 1 : 4;
  return lazyConstant(count * bytesOfOne, () => {
    const whole = tensor.dtype === dtype ? constant.bytes() : bytesOf(dtype, valuesOf(tensor.dtype, constant.bytes()));
    const from =
      (rows?.[0] ?? 0) * (whole.byteLength / Math.max(elementCount(tensor.shape), 1)) * elementCount(taken.slice(1));
    const bytes = whole.subarray(from, from + count * bytesOfOne);
    if (!permutation) return bytes;
    if (bytesOfOne !== 4) throw notRaised(`"${tensor.name}" is boolean and has its axes in another order`);
    return permuteElements(bytes, taken, permutation);
  });
}
