/**
 * Weights that a file stores narrow and widens at load time become float32 constants, computed when they are asked for:
 *
 *     w = DEQUANTIZE(float16[64, 3, 3, 32])   →   w = float32[64, 3, 3, 32]
 *
 * So other passes see weights as weights. The size may double and more: this is the float32 graph, recipes narrow it again.
 */
import { byteSize } from "../ir/graph.ts";
import { lazyConstant } from "../ir/lazy-constant.ts";
import { isUnsupported } from "../ops/define-op.ts";
import { dequantize } from "../ops/dequantize.ts";
import type { Pass } from "./pass.ts";

export const decodeConstants: Pass = {
  name: "decode-constants",
  run: (graph) => {
    const { evaluate } = dequantize;
    if (isUnsupported(evaluate)) return;
    for (const node of graph.nodes()) {
      const [input] = node.inputs;
      const [output] = node.outputs;
      if (!dequantize.is(node) || typeof input !== "number" || output === undefined || graph.isOutput(output)) continue;
      const { dtype, shape, constant, quantization } = graph.tensor(input);
      if (!constant || (dtype !== "float16" && !quantization)) continue;
      const facts = { dtype, shape, ...(quantization ? { quantization } : {}) };
      // One element tells whether this dtype can be decoded, without decoding all of it.
      if (!evaluate([{ ...facts, shape: [0], bytes: new Uint8Array(0) }], node.attributes)) continue;
      const decoded = (): Uint8Array => evaluate([{ ...facts, bytes: constant.bytes() }], node.attributes)![0]!.bytes;
      graph.remove(node);
      graph.setTensor(output, {
        dtype: "float32",
        shape,
        constant: lazyConstant(byteSize("float32", shape), decoded),
      });
    }
  },
};
