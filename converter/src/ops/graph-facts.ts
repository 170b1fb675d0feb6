/** What an operator's rules see of a node in a graph or in a draft of one. */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Node, Tensor, TensorId } from "../ir/graph.ts";
import type { OperandFacts, Operands, OperatorUse } from "./define-op.ts";

/** A graph or a draft. */
export interface HasTensors {
  readonly tensors: ReadonlyMap<TensorId, Tensor>;
}

export function factsOf({ dtype, shape, quantization, constant }: Tensor): OperandFacts {
  return {
    dtype,
    shape,
    ...(quantization ? { quantization } : {}),
    ...(constant ? { bytes: () => constant.bytes() } : {}),
  };
}

export const operandsOf = (graph: HasTensors, node: Node): Operands =>
  node.inputs.map((id) => (id === null ? null : factsOf(tensorAt(graph, id, node))));

export const resultsOf = (graph: HasTensors, node: Node): readonly OperandFacts[] =>
  node.outputs.map((id) => factsOf(tensorAt(graph, id, node)));

export const useOf = (graph: HasTensors, node: Node): OperatorUse => ({
  attributes: node.attributes,
  inputs: operandsOf(graph, node),
  outputs: resultsOf(graph, node),
});

function tensorAt(graph: HasTensors, id: TensorId, node: Node): Tensor {
  const tensor = graph.tensors.get(id);
  if (!tensor)
    throw new FlotillaError(
      "GRAPH_INVALID",
      `Node "${node.name}" (${node.kind}) names the tensor ${id}, which does not exist.`,
    );
  return tensor;
}
