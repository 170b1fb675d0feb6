/** A TFJS LayersModel → a model in the imported phase. The container is `container.ts`, the layers are `lower-model.ts`. */
import type { Model } from "../../ir/graph.ts";
import type { FileSource } from "../file-source.ts";
import { openTfjsLayers, type TfjsLayersContainer } from "./container.ts";
import { type LowerLayersOptions, lowerLayersModel } from "./lower-model.ts";

export interface ReadTfjsLayersOptions extends LowerLayersOptions {
  /** The file that says what the model is; "model.json" unless given. */
  readonly entry?: string;
}

/**
 * Reads a LayersModel.
 * @throws what {@link openTfjsLayers} and {@link lowerLayersModel} throw
 */
export async function readTfjsLayers(source: FileSource, options: ReadTfjsLayersOptions = {}): Promise<Model> {
  return lowerTfjsLayers(await openTfjsLayers(source, options.entry), options);
}

/** An opened container → model; for callers that also need the container, to run the source. */
export function lowerTfjsLayers(container: TfjsLayersContainer, options: ReadTfjsLayersOptions = {}): Model {
  const { label, modelTopology, weights } = container;
  return lowerLayersModel({ label, modelTopology, weights, dialect: "tfjs" }, options);
}
