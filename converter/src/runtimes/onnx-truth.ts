/** What an ONNX conversion is proven against: the model itself in onnxruntime-web, sample by sample. */
import { asFlotillaError, FlotillaError } from "@flotilla/protocol/errors";
import type { RandomAccess } from "@flotilla/protocol/random-access";
import type { Model } from "../ir/graph.ts";
import type { OnnxContainer } from "../readers/onnx/container.ts";
import { createOnnxRuntime } from "./onnx.ts";
import { runtimeLabel, type Sample, type SourceTruth } from "./source-truth.ts";

/** Inputs and outputs by the names of the model's signature. @throws PROOF_UNAVAILABLE */
export async function onnxTruth(container: OnnxContainer, model: Model): Promise<SourceTruth> {
  const runtime = createOnnxRuntime();
  const external = [...container.external].map(([path, file]) => ({ path, bytes: whole(file) }));
  const loaded = await runtime.load({ bytes: whole(container.file), external }).catch((thrown: unknown) => {
    const cause = asFlotillaError(thrown);
    throw new FlotillaError("PROOF_UNAVAILABLE", `The source cannot be run: ${cause.message}`, { cause });
  });
  const [signature] = model.signatures;
  return {
    label: runtimeLabel({ ...runtime, build: loaded.build }),
    run: async (samples) => {
      const answers: Sample[] = [];
      for (const sample of samples) {
        const results = await loaded.run(
          new Map((signature?.inputs ?? []).flatMap(({ name }, at) => (sample[at] ? [[name, sample[at]]] : []))),
        );
        answers.push((signature?.outputs ?? []).flatMap(({ name }) => results.get(name) ?? []));
      }
      return answers;
    },
    close: () => loaded.close(),
  };
}

const whole = (file: RandomAccess): Uint8Array => file.read(0, file.byteLength);
