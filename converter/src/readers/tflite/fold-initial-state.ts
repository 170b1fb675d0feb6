/**
 * TensorFlow's converter narrows even the zeros that an LSTM's state begins with, and has the state written from them:
 *
 *     state (variable) = DEQUANTIZE(float16 zeros)   →   state (variable)
 *
 * The kernel widens a constant on the first run only (`dequantize.cc`), and runtimes begin all state at zero, so nothing
 * changes. Anything but zeros is left, and then refused as made twice.
 */
import type { Node, Tensor, TensorId } from "../../ir/graph.ts";
import { dequantize } from "../../ops/dequantize.ts";

/** The nodes that are left. */
export function foldInitialState(nodes: readonly Node[], tensors: ReadonlyMap<TensorId, Tensor>): readonly Node[] {
  return nodes.filter((node) => {
    const [from] = node.inputs;
    const [state] = node.outputs;
    if (!dequantize.is(node) || typeof from !== "number" || state === undefined) return true;
    const source = tensors.get(from);
    if (tensors.get(state)?.variable !== true || source?.dtype !== "float16") return true;
    return source.constant?.bytes().every((byte) => byte === 0) !== true;
  });
}
