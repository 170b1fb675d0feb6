/**
 * The tables of TFLITE_METADATA, as data: what phone libraries read normalization, colours and label files from.
 * Source: tflite-support `metadata/metadata_schema.fbs` (file identifier M001, version 1.1.0).
 */
import {
  defineEnum,
  defineTable,
  deprecated,
  type Encodable,
  enumOf,
  float32,
  int32,
  string,
  tableOf,
  tablesOf,
  uint32,
  unionOf,
  vectorOf,
} from "../flatbuffer/schema.ts";

export const metadataName = "TFLITE_METADATA";
export const metadataIdentifier = "M001";

const associatedFileType = defineEnum("AssociatedFileType", "int8", {
  UNKNOWN: 0,
  DESCRIPTIONS: 1,
  TENSOR_AXIS_LABELS: 2,
  TENSOR_VALUE_LABELS: 3,
  TENSOR_AXIS_SCORE_CALIBRATION: 4,
  VOCABULARY: 5,
});
const colorSpace = defineEnum("ColorSpaceType", "int8", { UNKNOWN: 0, RGB: 1, GRAYSCALE: 2 });
const boxType = defineEnum("BoundingBoxType", "int8", { UNKNOWN: 0, BOUNDARIES: 1, UPPER_LEFT: 2, CENTER: 3 });
const coordinateType = defineEnum("CoordinateType", "int8", { RATIO: 0, PIXEL: 1 });
const scoreTransformation = defineEnum("ScoreTransformationType", "int8", { IDENTITY: 0, LOG: 1, INVERSE_LOGISTIC: 2 });

const associatedFile = defineTable("AssociatedFile", {
  name: string(),
  description: string(),
  type: enumOf(associatedFileType, "UNKNOWN"),
  locale: string(),
});

const contentProperties = unionOf([
  defineTable("FeatureProperties", {}),
  defineTable("ImageProperties", {
    colorSpace: enumOf(colorSpace, "UNKNOWN"),
    defaultSize: tableOf(defineTable("ImageSize", { width: uint32(), height: uint32() })),
  }),
  defineTable("BoundingBoxProperties", {
    index: vectorOf("uint32"),
    type: enumOf(boxType, "UNKNOWN"),
    coordinateType: enumOf(coordinateType, "RATIO"),
  }),
]);

const processUnit = defineTable("ProcessUnit", {
  options: unionOf([
    defineTable("NormalizationOptions", { mean: vectorOf("float32"), std: vectorOf("float32") }),
    defineTable("ScoreCalibrationOptions", {
      scoreTransformation: enumOf(scoreTransformation, "IDENTITY"),
      defaultScore: float32(),
    }),
    defineTable("ScoreThresholdingOptions", { globalScoreThreshold: float32() }),
    defineTable("BertTokenizerOptions", { vocabFile: tablesOf(associatedFile) }),
    defineTable("SentencePieceTokenizerOptions", {
      sentencePieceModel: tablesOf(associatedFile),
      vocabFile: tablesOf(associatedFile),
    }),
  ]),
});

const tensorMetadata = defineTable("TensorMetadata", {
  name: string(),
  description: string(),
  /** [string], which is neither read nor written here. */
  dimensionNames: deprecated(),
  content: tableOf(
    defineTable("Content", {
      contentProperties,
      range: tableOf(defineTable("ValueRange", { min: int32(), max: int32() })),
    }),
  ),
  processUnits: tablesOf(processUnit),
  stats: tableOf(defineTable("Stats", { max: vectorOf("float32"), min: vectorOf("float32") })),
  associatedFiles: tablesOf(associatedFile),
});

export const modelMetadataTable = defineTable("ModelMetadata", {
  name: string(),
  description: string(),
  version: string(),
  subgraphMetadata: tablesOf(
    defineTable("SubGraphMetadata", {
      name: string(),
      description: string(),
      inputTensorMetadata: tablesOf(tensorMetadata),
      outputTensorMetadata: tablesOf(tensorMetadata),
      associatedFiles: tablesOf(associatedFile),
      inputProcessUnits: tablesOf(processUnit),
      outputProcessUnits: tablesOf(processUnit),
    }),
  ),
  author: string(),
  license: string(),
  associatedFiles: tablesOf(associatedFile),
  minParserVersion: string(),
});

export type EncodableTensorMetadata = Encodable<typeof tensorMetadata>;
