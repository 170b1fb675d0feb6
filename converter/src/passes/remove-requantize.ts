/**
 * Integers that become real and the same integers again stay integers:
 *
 *     QUANTIZE(DEQUANTIZE(q)) with q's own scale, zero point and dtype   →   q
 *
 * The other way round (DEQUANTIZE∘QUANTIZE) rounds, which is what a quantized model means: it stays.
 */
import { dequantize } from "../ops/dequantize.ts";
import { quantize } from "../ops/quantize.ts";
import type { Pass } from "./pass.ts";

export const removeRequantize: Pass = {
  name: "remove-requantize",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const real = graph.producerOf(node.inputs[0]);
      const [stored] = real?.inputs ?? [];
      const [again] = node.outputs;
      if (!quantize.is(node) || !dequantize.is(real) || typeof stored !== "number" || again === undefined) continue;
      const [a, b] = [graph.tensor(stored), graph.tensor(again)];
      if (a.dtype === b.dtype && JSON.stringify(a.quantization) === JSON.stringify(b.quantization)) {
        graph.bypass(node, stored);
      }
    }
  },
};
