/** Every layer that is converted, against tfjs-layers itself, in every runtime. */
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { describe, expect, it } from "vitest";
import { comparedWithTfjs } from "./compare-with-tfjs.ts";
import { layerCases } from "./layer-cases.ts";
import { type SavedJson, seedWeights } from "./saved-layers-model.ts";
import { indexLayerCases, sequenceLayerCases } from "./sequence-layer-cases.ts";
import { spatialLayerCases } from "./spatial-layer-cases.ts";

/** What Keras writes and tfjs-layers 4.22 forgets when it saves. */
function completed(json: SavedJson): void {
  for (const { class_name, config } of json.modelTopology.config.layers) {
    if (class_name === "SeparableConv2D") config.depth_multiplier ??= 2;
  }
}

async function proven(build: () => LayersModel, integers = false): Promise<void> {
  const compared = Object.entries(await comparedWithTfjs(seedWeights(build()), { change: completed, integers }));
  expect(compared).not.toHaveLength(0);
  for (const [runtime, worst] of compared) expect(worst, runtime).toBeLessThanOrEqual(1e-5);
}

describe("layers", () => {
  it.each(Object.entries(layerCases))("%s", (_, build) => proven(build));
  it.each(Object.entries(spatialLayerCases))("%s", (_, build) => proven(build));
  it.each(Object.entries(sequenceLayerCases))("%s", (_, build) => proven(build));
  it.each(Object.entries(indexLayerCases))("%s", (_, build) => proven(build, true));
});
