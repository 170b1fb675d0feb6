/** Opens a TFJS LayersModel: a model.json and the shards it names. */
import { basename, dirname, resolve } from "node:path";
import { folderSource } from "../readers/folder-source.ts";
import { openTfjsLayers as openContainer } from "../readers/tfjs-layers/container.ts";
import { lowerTfjsLayers } from "../readers/tfjs-layers/read-tfjs-layers.ts";
import { layersTruth } from "../runtimes/source-truth.ts";
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
    truth: () => layersTruth(container.artifacts(), model),
  };
};
