/** Opens a TFJS LayersModel: a model.json and the shards it names. */
import { basename, dirname, resolve } from "node:path";
import { folderSource } from "../readers/folder-source.ts";
import { openTfjsLayers as openContainer, type TfjsLayersContainer } from "../readers/tfjs-layers/container.ts";
import { keras2WeightName, layerNames } from "../readers/tfjs-layers/keras2-form.ts";
import { lowerTfjsLayers } from "../readers/tfjs-layers/read-tfjs-layers.ts";
import { layersTruth } from "../runtimes/source-truth.ts";
import type { LayersModelParts } from "../writers/tfjs-layers/write-tfjs-layers.ts";
import { anyBatchOf } from "./any-batch.ts";
import { digestingSource, type SourceOpener } from "./source.ts";

export const openTfjsLayers: SourceOpener = async (path, file, options) => {
  const source = digestingSource(folderSource(dirname(resolve(file))));
  const container = await openContainer(source, basename(file));
  const model = lowerTfjsLayers(container, options.inputShapes ? { inputShapes: options.inputShapes } : {});
  return {
    path,
    format: "tfjs-layers",
    sha256: source.digest(),
    model,
    anyBatch: () => anyBatchOf((how) => lowerTfjsLayers(container, how), options),
    layersModel: () => layersModelOf(container),
    truth: () => layersTruth(container.artifacts(), model),
  };
};

/** Weights by the names under which tfjs finds their layers; as they are where shortening would make two the same. */
function layersModelOf({ modelTopology, weights }: TfjsLayersContainer): LayersModelParts {
  const layers = layerNames(modelTopology);
  const stored = [...weights.values()];
  const names = stored.map(({ name }) => keras2WeightName(name, layers));
  const distinct = new Set(names).size === names.length;
  return {
    modelTopology,
    weights: stored.map(({ name, dtype, shape, byteLength, bytes }, at) => ({
      name: distinct ? (names[at] ?? name) : name,
      dtype,
      shape,
      constant: { byteLength, bytes },
    })),
  };
}
