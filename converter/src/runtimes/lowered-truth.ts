/**
 * Our own conversion, run in LiteRT, as what another variant is compared with: where the source's own runtime would read
 * the very files that are to be proven. The two ways from source to numbers share no more than the reading of it.
 */
import type { TfliteRuntime } from "@flotilla/device-agent/ports/tflite-runtime";
import { FlotillaError } from "@flotilla/protocol/errors";
import { elementCount } from "@flotilla/protocol/npy";
import { type Model, tensorOf } from "../ir/graph.ts";
import { runPasses } from "../passes/pipeline.ts";
import { planTflite } from "../writers/tflite/write-tflite.ts";
import type { SourceTruth } from "./source-truth.ts";
import { tfliteOpeners } from "./variant-runner.ts";

/** `model`: as read. @throws PROOF_UNAVAILABLE without a runtime, UNSUPPORTED_RUNTIME when the first cannot load it */
export async function loweredTruth(model: Model, runtimes: readonly TfliteRuntime[]): Promise<SourceTruth> {
  const simplified = runPasses(model, { ioLayout: "keep" });
  const [graph] = simplified.graphs;
  const [opener] = tfliteOpeners(planTflite(simplified).bytes(), runtimes);
  if (!graph || !opener) throw new FlotillaError("PROOF_UNAVAILABLE", "There is no runtime for .tflite files here.");
  const runner = await opener.open();
  return {
    label: `its .tflite in ${runner.label()}`,
    run: async (samples) => {
      const answers = [];
      for (const sample of samples) {
        const outputs = await runner.run(sample);
        answers.push(
          graph.outputs.map((id, at) => {
            const { dtype, shape } = tensorOf(graph, id);
            const values = outputs[at] ?? [];
            const known = elementCount(shape.map((size) => Math.max(size, 1))) === values.length;
            const whole = known ? shape.map((size) => Math.max(size, 1)) : [values.length];
            return dtype === "float32"
              ? { dtype, shape: whole, data: Float32Array.from(values) }
              : { dtype: "int32" as const, shape: whole, data: Int32Array.from(values) };
          }),
        );
      }
      return answers;
    },
    close: () => runner.close(),
  };
}
