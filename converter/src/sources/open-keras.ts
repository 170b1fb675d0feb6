/** Opens Keras files: whole-model `.h5`, and `.keras` archives. Weights stay in the file until they are asked for. */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { RandomAccess } from "@flotilla/protocol/random-access";
import { constantOf, type Model } from "../ir/graph.ts";
import type { KerasContainer } from "../readers/keras/keras-container.ts";
import { openKerasArchive } from "../readers/keras/open-keras-archive.ts";
import { openKerasH5 } from "../readers/keras/open-keras-h5.ts";
import { tfjsTwin } from "../readers/keras/tfjs-twin.ts";
import { JsonFields } from "../readers/tfjs-layers/json-fields.ts";
import { lowerLayersModel } from "../readers/tfjs-layers/lower-model.ts";
import { layersTruth, type SourceTruth } from "../runtimes/source-truth.ts";
import type { LayersModelParts } from "../writers/tfjs-layers/write-tfjs-layers.ts";
import type { TfjsWeight } from "../writers/tfjs-weights/encode-weight.ts";
import { anyBatchOf } from "./any-batch.ts";
import { fileAccess } from "./file-access.ts";
import { digestOf, type SourceFormat, type SourceOpener } from "./source.ts";

const opener =
  (format: SourceFormat, open: (access: RandomAccess) => KerasContainer): SourceOpener =>
  async (path, file, options) => {
    const access = fileAccess(file);
    const container = open(access);
    const model = lowerLayersModel(container, options.inputShapes ? { inputShapes: options.inputShapes } : {});
    return {
      path,
      format,
      sha256: digestOf(access),
      model,
      anyBatch: () => anyBatchOf((how) => lowerLayersModel(container, how), options),
      layersModel: () => layersModelOf(container),
      truth: async () => kerasTruth(container, model),
    };
  };

/** In tfjs-layers, where every layer means the same there; recorded outputs are the other way. */
async function kerasTruth(container: KerasContainer, model: Model): Promise<SourceTruth> {
  const twin = tfjsTwin(container);
  if (twin.kind === "twin") return layersTruth(twin.artifacts, model);
  const { reasons } = twin;
  const more = reasons.length > 5 ? ` and ${reasons.length - 5} more` : "";
  throw new FlotillaError(
    "PROOF_UNAVAILABLE",
    `No runtime here runs this Keras model: ${reasons.slice(0, 5).join("; ")}${more}. ` +
      "Record inputs and outputs in Keras and pass them: --golden FILE.npz (arrays input/NAME and source/NAME).",
    { details: { reasons } },
  );
}

/** As tfjs-layers takes it. @throws UNSUPPORTED_LAYER with all layers that mean something else there */
function layersModelOf(container: KerasContainer): LayersModelParts {
  const twin = tfjsTwin(container);
  if (twin.kind === "none") {
    throw new FlotillaError(
      "UNSUPPORTED_LAYER",
      `The model cannot be a TFJS LayersModel: ${twin.reasons.join("; ")}. Write a GraphModel: --to tfjs.`,
      { details: twin.reasons.map((reason) => ({ reason })) },
    );
  }
  const { modelTopology, weightSpecs, weightData } = twin.artifacts;
  return {
    modelTopology,
    weights: weightSpecs.map((spec, at): TfjsWeight => {
      const fields = JsonFields.of(spec, "weights");
      const dtype = fields.string("dtype");
      const bytes = new Uint8Array(weightData[at] ?? new ArrayBuffer(0));
      return {
        name: fields.string("name"),
        dtype: dtype === "int32" || dtype === "bool" ? dtype : "float32",
        shape: fields.list("shape").map(Number),
        constant: constantOf(bytes),
      };
    }),
  };
}

export const openKerasH5Source: SourceOpener = opener("keras-h5", openKerasH5);
export const openKerasArchiveSource: SourceOpener = opener("keras-v3", openKerasArchive);
