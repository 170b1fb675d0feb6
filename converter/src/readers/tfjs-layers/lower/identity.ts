/** Layers that act in training only: at inference they hand their input on. Keras `layers/preprocessing/image_preprocessing/*.py`. */
import type { LayerLowering } from "./lowering.ts";

export const identityLayer: LayerLowering = {
  classNames: [
    "Identity",
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
  masking: "keeps",
  lower: (layer) => layer.input,
};

/** Augmentation: random in training, nothing at inference. RandomCrop is not among them: it crops the centre then. */
export const augmentationLayer: LayerLowering = {
  classNames: [
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "RandomContrast",
    "RandomBrightness",
    "RandomHeight",
    "RandomWidth",
    "RandomShear",
    "RandomHue",
    "RandomSaturation",
    "RandomSharpness",
    "RandomGrayscale",
    "RandomColorJitter",
    "RandomColorDegeneration",
    "RandomPosterization",
    "RandomInvert",
    "RandomErasing",
    "RandomGaussianBlur",
    "RandomPerspective",
    "RandomElasticTransform",
    "CutMix",
    "MixUp",
    "RandAugment",
    "AugMix",
  ],
  arity: "one",
  masking: "drops",
  // tfjs-layers' RandomHeight and RandomWidth act at inference as well.
  refuses: (_, dialect, className) =>
    dialect === "tfjs" && (className === "RandomHeight" || className === "RandomWidth")
      ? "tfjs-layers resizes to a random size at inference too"
      : undefined,
  lower: (layer) => layer.input,
};
