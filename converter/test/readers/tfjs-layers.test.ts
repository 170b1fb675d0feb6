/** Every layer that is converted, against tfjs-layers itself, in every runtime. */
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { describe, expect, it } from "vitest";
import { layerLowerings } from "../../src/readers/tfjs-layers/lower/layer-lowerings.ts";
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

  it("leaves none of its lowerings untried, but for those that tfjs-layers does not have", () => {
    const tried = Object.keys(layerCases).join(" ");
    const notInTfjs = ["Subtract", "GaussianNoise", "SpatialDropout2D", "SpatialDropout3D", "ActivityRegularization"];
    const aliases = /^(Conv|Separable|De)[A-Za-z]*olution2D$|Pool2D$/;
    const identities = ["Dropout", "GaussianDropout", "AlphaDropout", "SpatialDropout1D"]; // "Dropout and noise"
    const untried = [...layerLowerings.keys()].filter(
      (name) => !tried.includes(name) && !notInTfjs.includes(name) && !identities.includes(name) && !aliases.test(name),
    );
    expect(untried).toEqual([]);
  });
});
