/** A TFJS variant of an opened source, as a draft: its folder, size and digest. */
import { asFlotillaError, FlotillaError } from "@flotilla/protocol/errors";
import type { DraftVariant } from "./draft-variant.ts";
import type { Model } from "./ir/graph.ts";
import type { OpenedSource } from "./open-source.ts";
import { runPasses } from "./passes/pipeline.ts";
import { hasAnyBatch } from "./runtimes/any-batch.ts";
import { loweredTruth } from "./runtimes/lowered-truth.ts";
import type { VariantRequest } from "./targets.ts";
import { digestOfFiles, type TfjsVariantDraft, tfjsGraphVariant, tfjsLayersVariant } from "./tfjs-variants.ts";
import type { LayersModelParts } from "./writers/tfjs-layers/write-tfjs-layers.ts";
import type { TfjsRecipe } from "./writers/tfjs-weights/tfjs-recipe.ts";

/** @throws UNSUPPORTED_OPERATOR, UNSUPPORTED_LAYER, UNSUPPORTED_FORMAT */
export function tfjsDraft(
  source: OpenedSource,
  model: Model,
  { target, recipe }: Exclude<VariantRequest, { target: "tflite" }>,
  name: string,
): DraftVariant {
  const { files, facts, opener } =
    target === "tfjs"
      ? (anyBatchVariant(source, recipe) ?? tfjsGraphVariant(model, recipe))
      : tfjsLayersVariant(layersOf(source), source.model, recipe);
  const path = `${name}-${target}-${recipe}`;
  return {
    described: { format: target, ...facts },
    recipe,
    exact: recipe === "float32",
    path,
    files: new Map([...files].map(([file, bytes]) => [`${path}/${file}`, bytes])),
    bytes: [...files.values()].reduce((sum, { byteLength }) => sum + byteLength, 0),
    sha256: digestOfFiles(files),
    floatOperators: [],
    openers: () => [opener],
    // tfjs-layers runs a Keras model as the LayersModel that is written here.
    ...(target === "tfjs-layers" && source.format !== "tfjs-layers"
      ? { truth: (runtimes) => loweredTruth(source.model, runtimes) }
      : {}),
  };
}

/** For batches of any size, where the source leaves that open and tfjs can run it so. */
function anyBatchVariant({ anyBatch }: OpenedSource, recipe: TfjsRecipe): TfjsVariantDraft | null {
  const model = anyBatch?.();
  if (!model) return null;
  try {
    const simplified = runPasses(model, { ioLayout: "keep" });
    return hasAnyBatch(simplified) ? tfjsGraphVariant(simplified, recipe) : null;
  } catch (thrown) {
    if (/^(UNSUPPORTED|GRAPH)_/.test(asFlotillaError(thrown).code)) return null; // the fixed batch says what is wrong
    throw thrown;
  }
}

function layersOf({ path, format, layersModel }: OpenedSource): LayersModelParts {
  if (layersModel) return layersModel();
  throw new FlotillaError(
    "UNSUPPORTED_FORMAT",
    `${path} is ${format}; only TFJS LayersModels and Keras models can be written as LayersModels. Write a GraphModel: --to tfjs.`,
    { details: { found: format, supported: ["tfjs-layers", "keras-h5", "keras-v3"] } },
  );
}
