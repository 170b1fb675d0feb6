/**
 * What holds for every graph in every phase, whatever its operators: tensors exist, are made once and before their use,
 * constants have the bytes of their shape, quantization fits. A violation is our own bug: GRAPH_INVALID.
 * Knows no operator; the checks that do are in `ops/verify-graph.ts`.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { byteSize, elementCount, type Graph, type Node, type Tensor, type TensorId } from "./graph.ts";

export const invalid = (graph: Graph, problem: string, node?: Node): FlotillaError =>
  new FlotillaError(
    "GRAPH_INVALID",
    `Graph "${graph.name}"${node ? `, node "${node.name}" (${node.kind})` : ""}: ${problem}.`,
    { details: { graph: graph.name, problem, ...(node ? { node: node.name, operator: node.kind } : {}) } },
  );

export function verifyStructure(graph: Graph): void {
  for (const [id, tensor] of graph.tensors) {
    if (tensor.id !== id) throw invalid(graph, `tensor "${tensor.name}" is listed as ${id} and says ${tensor.id}`);
    verifyTensor(graph, tensor);
  }
  const ready = new Set<TensorId>();
  for (const [id, { constant, variable }] of graph.tensors) if (constant || variable) ready.add(id);
  for (const id of graph.inputs) {
    if (!graph.tensors.has(id)) throw invalid(graph, `the input ${id} does not exist`);
    if (graph.tensors.get(id)?.constant)
      throw invalid(graph, `the input "${graph.tensors.get(id)?.name}" is a constant`);
    ready.add(id);
  }
  if (new Set(graph.inputs).size !== graph.inputs.length) throw invalid(graph, "an input is listed twice");
  for (const node of graph.nodes) {
    for (const id of node.inputs) {
      if (id === null) continue;
      const tensor = graph.tensors.get(id);
      if (!tensor) throw invalid(graph, `its operand ${id} does not exist`, node);
      if (!ready.has(id)) throw invalid(graph, `its operand "${tensor.name}" is not made before it`, node);
    }
    for (const id of node.outputs) {
      const tensor = graph.tensors.get(id);
      if (!tensor) throw invalid(graph, `its result ${id} does not exist`, node);
      if (ready.has(id)) throw invalid(graph, `its result "${tensor.name}" has another maker`, node);
      ready.add(id);
    }
  }
  for (const node of graph.nodes)
    for (const id of node.intermediates ?? [])
      if (!graph.tensors.has(id) || ready.has(id))
        throw invalid(graph, `its intermediate ${id} does not exist, or is made elsewhere`, node);
  for (const id of graph.outputs) if (!ready.has(id)) throw invalid(graph, `the output ${id} is never made`);
}

function verifyTensor(graph: Graph, tensor: Tensor): void {
  const { name, dtype, shape, constant, quantization, variable } = tensor;
  if (!shape.every((size) => Number.isInteger(size) && size >= -1))
    throw invalid(graph, `tensor "${name}" has the shape [${shape.join(", ")}]`);
  if (constant) {
    if (variable) throw invalid(graph, `tensor "${name}" is variable and constant`);
    if (shape.includes(-1)) throw invalid(graph, `the constant "${name}" has a dynamic size`);
    const expected = byteSize(dtype, shape);
    if (dtype !== "string" && constant.byteLength !== expected)
      throw invalid(graph, `the constant "${name}" has ${constant.byteLength} bytes and needs ${expected}`);
  }
  if (!quantization) return;
  const { scales, zeroPoints, axis, blocks } = quantization;
  if (blocks) {
    const held = graph.tensors.get(blocks.scales);
    const wanted = elementCount(shape) / blocks.size;
    if (!held || elementCount(held.shape) !== wanted || (shape.at(-1) ?? 0) % blocks.size !== 0)
      throw invalid(graph, `tensor "${name}" has blocks of ${blocks.size} and no scale for each`);
    return;
  }
  if (scales.length === 0 || zeroPoints.length !== scales.length)
    throw invalid(graph, `tensor "${name}" has ${scales.length} scales and ${zeroPoints.length} zero points`);
  if (scales.length > 1 && shape[axis] !== scales.length)
    throw invalid(graph, `tensor "${name}" has ${scales.length} scales along axis ${axis} of [${shape.join(", ")}]`);
  if (!scales.every((scale) => Number.isFinite(scale) && Object.is(Math.fround(scale), scale)))
    throw invalid(graph, `tensor "${name}" has a scale that is not a finite float32`);
}
