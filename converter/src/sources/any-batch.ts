/** A model of layers for batches of any size. */
import { asFlotillaError } from "@flotilla/protocol/errors";
import type { Model } from "../ir/graph.ts";
import type { LowerLayersOptions } from "../readers/tfjs-layers/lower-model.ts";
import { hasAnyBatch } from "../runtimes/any-batch.ts";
import type { OpenSourceOptions } from "./source.ts";

/**
 * Null where an input has its batch fixed, an output has none, or a layer needs the number: the model was read with a batch
 * of 1 before, so that what fails here fails for the batch.
 */
export function anyBatchOf(
  lower: (options: LowerLayersOptions) => Model,
  { inputShapes }: OpenSourceOptions,
): Model | null {
  try {
    const model = lower({ dynamicBatch: true, ...(inputShapes ? { inputShapes } : {}) });
    return hasAnyBatch(model) ? model : null;
  } catch (thrown) {
    if (/^(UNSUPPORTED|FORMAT|GRAPH)_/.test(asFlotillaError(thrown).code)) return null;
    throw thrown;
  }
}
