/**
 * A copy of a `.tflite` file whose dynamic sizes are those of the data to be run: LiteRT gives garbage for a dynamic
 * input and the interpreter of 2023 sets every dynamic size to 1. What is computed from shapes becomes constant.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { constantOf, editGraph, type GraphDraft, type Node, type Shape } from "../ir/graph.ts";
import { bytesOf } from "../ir/values.ts";
import { type ConstantValue, isUnsupported } from "../ops/define-op.ts";
import { operandsOf, resultsOf } from "../ops/graph-facts.ts";
import { opOf } from "../ops/registry.ts";
import { shape as shapeOp } from "../ops/shape.ts";
import { readTflite } from "../readers/tflite/read-tflite.ts";
import { writeTflite } from "../writers/tflite/write-tflite.ts";

/** Shapes and indices are small; larger constants are weights and stay where they are. */
const maxElements = 1024;

/** @throws FORMAT_CORRUPT for shapes that the operators cannot have; CONFIG_INVALID for as many shapes as there are no inputs */
export function fixedCopy(bytes: Uint8Array, inputShapes: readonly Shape[]): Uint8Array {
  const model = readTflite(bytes);
  const [main, ...rest] = model.graphs;
  if (!main || main.inputs.length !== inputShapes.length) {
    throw new FlotillaError(
      "CONFIG_INVALID",
      `The file has ${main?.inputs.length ?? 0} inputs, not ${inputShapes.length}.`,
    );
  }
  const fixed = editGraph(main, (draft) => {
    draft.inputs.forEach((id, index) => {
      draft.setTensor(id, { shape: inputShapes[index] ?? [] });
    });
    for (const node of [...draft.nodes]) settle(draft, node);
  });
  return writeTflite({ ...model, graphs: [fixed, ...rest] });
}

function settle(draft: GraphDraft, node: Node): void {
  const op = opOf(node.kind);
  if (!op) return;
  const stored = resultsOf(draft, node);
  const known = knownResult(draft, node);
  if (known) {
    const [output] = node.outputs;
    if (output !== undefined) draft.setTensor(output, { shape: known.shape, constant: constantOf(known.bytes) });
    draft.removeNode(node);
    return;
  }
  op.infer(operandsOf(draft, node), node.attributes, stored).forEach(({ shape }, index) => {
    const output = node.outputs[index];
    if (output !== undefined) draft.setTensor(output, { shape });
  });
}

/** The one result of a node whose operands are known, or that asks for a known shape. */
function knownResult(draft: GraphDraft, node: Node): ConstantValue | undefined {
  const [first] = node.inputs;
  if (shapeOp.is(node) && typeof first === "number") {
    const { shape } = draft.tensor(first);
    return shape.includes(-1) ? undefined : { dtype: "int32", shape: [shape.length], bytes: bytesOf("int32", shape) };
  }
  const op = opOf(node.kind);
  if (!op || isUnsupported(op.evaluate) || node.outputs.length !== 1 || draft.outputs.includes(node.outputs[0]!))
    return undefined;
  const values = node.inputs.map((id): ConstantValue | null | undefined => {
    if (id === null) return null;
    const { dtype, shape, constant } = draft.tensor(id);
    if (!constant || shape.reduce((product, size) => product * size, 1) > maxElements) return undefined;
    return { dtype, shape, bytes: constant.bytes() };
  });
  const all = values.filter((value) => value !== undefined);
  return all.length === values.length && all.length > 0 ? op.evaluate(all, node.attributes)?.[0] : undefined;
}
