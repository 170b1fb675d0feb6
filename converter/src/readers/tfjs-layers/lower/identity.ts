/** Layers that act in training only: at inference they hand their input on. */
import type { LayerLowering } from "./lowering.ts";

export const identityLayer: LayerLowering = {
  classNames: [
    "Dropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "GaussianDropout",
    "GaussianNoise",
    "AlphaDropout",
    "ActivityRegularization",
  ],
  arity: "one",
  lower: (layer) => layer.input,
};
