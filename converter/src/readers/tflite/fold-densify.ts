/**
 * Sparse constants are dense once they are read, so what unpacks them goes:
 *
 *     w = DENSIFY(sparse float32[64, 32])   →   w = float32[64, 32]
 *
 * The reader does it, and no pass, because a quantized file is carried without passes and the kernel takes sparse operands
 * only (`densify.cc`, Prepare).
 */
import { corrupt } from "@flotilla/protocol/tflite/corrupt";
import type { FileGraph } from "@flotilla/protocol/tflite/schema";
import type { Node, Tensor, TensorId } from "../../ir/graph.ts";
import { densify } from "../../ops/densify.ts";

/** Edits `tensors` in place; gives the nodes that are left. */
export function foldDensify(
  file: FileGraph,
  nodes: readonly Node[],
  tensors: Map<TensorId, Tensor>,
  path: string,
): readonly Node[] {
  const kept: Node[] = [];
  const unpacked = new Set<TensorId>();
  for (const node of nodes) {
    const [from, to] = [node.inputs[0] ?? null, node.outputs[0]];
    if (!densify.is(node) || from === null || to === undefined) {
      kept.push(node);
      continue;
    }
    const [sparse, dense] = [tensors.get(from), tensors.get(to)];
    if (!sparse?.constant || !dense || !file.tensors[from]?.sparsity)
      throw corrupt(path, `DENSIFY "${node.name}" of what is not stored sparse`);
    const { dtype, shape, constant } = sparse;
    const same =
      dtype === dense.dtype && shape.length === dense.shape.length && shape.every((n, i) => n === dense.shape[i]);
    if (!same || dense.constant || dense.variable || unpacked.has(to) || file.inputs.includes(to))
      throw corrupt(path, `DENSIFY "${node.name}" does not give "${dense.name}"`);
    const quantization = dense.quantization ?? sparse.quantization;
    tensors.set(to, Object.freeze({ ...dense, constant, ...(quantization ? { quantization } : {}) }));
    unpacked.add(from).add(to);
  }
  const used = new Set([...file.inputs, ...file.outputs, ...kept.flatMap(({ inputs }) => inputs)]);
  for (const node of nodes) {
    const from = densify.is(node) ? (node.inputs[0] ?? null) : null;
    if (from !== null && !used.has(from)) tensors.delete(from);
  }
  return kept;
}
