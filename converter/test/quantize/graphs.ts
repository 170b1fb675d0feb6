/** Builds small float graphs for the quantizer's tests: name the tensors, chain the operators, run shapes by hand. */

import { defaultSignature } from "../../src/ir/default-signature.ts";
import { type DType, type Graph, GraphDraft, type Model, type Shape, type TensorId } from "../../src/ir/graph.ts";
import { bytesOf } from "../../src/ir/values.ts";
import type { Op } from "../../src/ops/define-op.ts";
import type { Range } from "../../src/quantize/scales.ts";

export class GraphMaker {
  readonly draft = new GraphDraft();
  readonly ranges = new Map<TensorId, Range>();

  input(name: string, shape: Shape, range?: [number, number], dtype: DType = "float32"): TensorId {
    const id = this.value(name, shape, range, dtype);
    this.draft.inputs.push(id);
    return id;
  }

  value(name: string, shape: Shape, range?: [number, number], dtype: DType = "float32"): TensorId {
    const id = this.draft.addTensor({ name, dtype, shape });
    if (range) this.ranges.set(id, { min: range[0], max: range[1] });
    return id;
  }

  floats(name: string, shape: Shape, values: readonly number[]): TensorId {
    return this.draft.addConstant(name, "float32", shape, bytesOf("float32", values));
  }

  ints(name: string, shape: Shape, values: readonly number[]): TensorId {
    return this.draft.addConstant(name, "int32", shape, bytesOf("int32", values));
  }

  /** One node with one result; `name` is both the node's and the result's. */
  op(
    op: Op,
    name: string,
    inputs: readonly (TensorId | null)[],
    result: {
      shape: Shape;
      range?: [number, number];
      dtype?: DType;
      attributes?: Readonly<Record<string, never>> | object;
    },
  ): TensorId {
    const id = this.value(name, result.shape, result.range, result.dtype);
    const node = op.node({ name, inputs, outputs: [id] });
    this.draft.addNode({ ...node, attributes: { ...node.attributes, ...result.attributes } });
    return id;
  }

  graph(...outputs: TensorId[]): Graph {
    this.draft.outputs = outputs;
    return this.draft.freeze();
  }
}

export const modelOf = (graph: Graph): Model => ({
  description: "test",
  graphs: [graph],
  signatures: [defaultSignature(graph)],
  metadata: [],
});
