/** A SavedModel in TensorFlow itself, sample by sample, where tfjs-node is installed. */
import { asFlotillaError, FlotillaError } from "@flotilla/protocol/errors";
import type { Model } from "../ir/graph.ts";
import { runtimeLabel, type Sample, type SourceTruth } from "./source-truth.ts";
import { findTfjsNode, type SavedModelSource } from "./tfjs-node.ts";

/** Undefined where TensorFlow is not to be had. @throws PROOF_UNAVAILABLE when it cannot load or run the model */
export async function savedModelTruth(source: SavedModelSource, model: Model): Promise<SourceTruth | undefined> {
  const runtime = findTfjsNode();
  if (!runtime) return undefined;
  const loaded = await runtime.load(source).catch(unavailable);
  const [signature] = model.signatures;
  const nameOf = (ends: readonly { readonly name: string }[], at: number): string => ends[at]?.name ?? "";
  return {
    label: runtimeLabel({ ...runtime, build: loaded.build }),
    run: async (samples) => {
      const answers: Sample[] = [];
      for (const sample of samples) {
        const feeds = new Map(sample.map((array, at) => [nameOf(signature?.inputs ?? [], at), array]));
        const results = await loaded.run(feeds).catch(unavailable);
        answers.push(
          (signature?.outputs ?? []).map(({ name }) => {
            const result = results.get(name);
            if (result) return result;
            throw new FlotillaError("PROOF_UNAVAILABLE", `TensorFlow gives no output "${name}".`);
          }),
        );
      }
      return answers;
    },
    close: () => loaded.close(),
  };
}

function unavailable(thrown: unknown): never {
  const cause = asFlotillaError(thrown);
  throw new FlotillaError("PROOF_UNAVAILABLE", `The source cannot be run: ${cause.message}`, { cause });
}
