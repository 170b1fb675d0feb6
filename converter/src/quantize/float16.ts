/**
 * The float16 recipe: large float32 constants are stored as FLOAT16 behind a DEQUANTIZE, everything computes in float32.
 * Values beyond ±65504 are held there (LiteRT's rule). Roles say what may be narrowed; no operator is named.
 *
 *     W(f32) ── CONV_2D        W(f16) ── DEQUANTIZE ── CONV_2D
 */
import { type Constant, editGraph, type Model, type TensorId } from "../ir/graph.ts";
import { lazyConstant } from "../ir/lazy-constant.ts";
import { encodeFloat16, float32ValuesOf } from "../ir/values.ts";
import { dequantize } from "../ops/dequantize.ts";
import { opOf } from "../ops/registry.ts";
import { rolesOf } from "./operands.ts";
import { clamp } from "./rounding.ts";

const largestFloat16 = 65504;
/** Below this many elements the DEQUANTIZE costs more bytes in the file than the narrowing saves. */
const leastElements = 128;

export function applyFloat16(model: Model): Model {
  const graphs = model.graphs.map((graph) =>
    editGraph(graph, (draft) => {
      const narrowed = new Map<TensorId, TensorId>();
      for (const node of graph.nodes) {
        const definition = opOf(node.kind);
        if (!definition) continue;
        const roles = rolesOf(definition, node);
        const inputs = node.inputs.map((id, position) => {
          const role = roles[position]?.role;
          if (id === null || role === undefined || role === "index") return id;
          const tensor = draft.tensor(id);
          if (tensor.dtype !== "float32" || !tensor.constant || tensor.constant.byteLength < leastElements * 4)
            return id;
          const known = narrowed.get(id);
          if (known !== undefined) return known;
          const stored = draft.addTensor({
            name: `${tensor.name}_float16`,
            dtype: "float16",
            shape: tensor.shape,
            constant: narrow(tensor.constant),
          });
          const restored = draft.addTensor({ name: tensor.name, dtype: "float32", shape: tensor.shape });
          draft.addNode(dequantize.node({ name: `${tensor.name}_dequantize`, inputs: [stored], outputs: [restored] }), {
            before: node,
          });
          narrowed.set(id, restored);
          return restored;
        });
        if (inputs.some((id, position) => id !== node.inputs[position])) draft.replaceNode(node, { ...node, inputs });
      }
      for (const id of narrowed.keys()) if (!draft.outputs.includes(id)) draft.tensors.delete(id);
    }),
  );
  return { ...model, graphs };
}

/** The same values in float16; computed when the file is written, so no large copy is held. */
const narrow = (constant: Constant): Constant =>
  lazyConstant(constant.byteLength / 2, () =>
    encodeFloat16(float32ValuesOf(constant.bytes()).map((value) => clamp(value, -largestFloat16, largestFloat16))),
  );
