/** Runs TFJS variants in tfjs itself, on samples in the order of the graph's inputs. */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { asBatch, firstOfTwo } from "./any-batch.ts";
import type { SourceModel, SourceRuntime, SourceTensor } from "./source-runtime.ts";
import { runtimeLabel, type Sample } from "./source-truth.ts";
import { type TfjsArtifacts, tfjsArtifacts } from "./tfjs-files.ts";
import { createTfjsGraphRuntime } from "./tfjs-graph.ts";
import { createTfjsLayersRuntime } from "./tfjs-layers.ts";
import { asReals, type VariantOpener } from "./variant-runner.ts";

/** How a variant calls the graph's inputs and outputs, in the graph's order. */
export interface VariantEnds {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Its batches are of any size: every sample runs in a batch of two. */
  readonly anyBatch?: boolean;
}

/** `files`: a GraphModel, as written. */
export const tfjsGraphOpener = (files: ReadonlyMap<string, Uint8Array>, ends: VariantEnds): VariantOpener =>
  openerOf(createTfjsGraphRuntime(), files, ends);

/** `files`: a LayersModel, as written. */
export const tfjsLayersOpener = (files: ReadonlyMap<string, Uint8Array>, ends: VariantEnds): VariantOpener =>
  openerOf(createTfjsLayersRuntime(), files, ends);

function openerOf(
  runtime: SourceRuntime<TfjsArtifacts>,
  files: ReadonlyMap<string, Uint8Array>,
  ends: VariantEnds,
): VariantOpener {
  return {
    name: runtime.name,
    open: async () => {
      const loaded = await runtime.load(tfjsArtifacts(files));
      let before: Sample | undefined;
      return {
        outputs: ends.outputs.map(() => ({ quantization: null })),
        label: () => runtimeLabel({ ...runtime, build: loaded.build }),
        run: async (sample) => {
          const given = ends.anyBatch ? asBatch(runtime.name, sample, before ?? sample) : sample;
          before = sample;
          const results = await loaded.run(
            new Map(ends.inputs.map((name, at) => [name, feed(loaded, name, given[at])])),
          );
          return ends.outputs.map((name) => {
            const result = mustGive(results, name);
            return asReals(ends.anyBatch ? firstOfTwo(result) : result);
          });
        },
        close: () => loaded.close(),
      };
    },
  };
}

/** Integers of every width are int32 in tfjs. */
function feed(loaded: SourceModel, name: string, array: Sample[number] | undefined): NdArray {
  const input: SourceTensor | undefined = loaded.inputs.find((one) => one.name === name);
  if (!input || !array) throw new FlotillaError("PROOF_UNAVAILABLE", `The variant has no input "${name}".`);
  if (input.dtype !== "int32" || array.dtype === "int32") return array;
  return { dtype: "int32", shape: array.shape, data: Int32Array.from(array.data, Number) };
}

function mustGive(results: ReadonlyMap<string, NdArray>, name: string): NdArray {
  const result = results.get(name);
  if (result) return result;
  throw new FlotillaError("PROOF_UNAVAILABLE", `The variant gives no output "${name}".`);
}
