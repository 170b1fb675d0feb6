/**
 * The tables of a `.tflite` file, as data, from Model downwards. Field names are the schema's in camelCase.
 * Source: LiteRT `tflite/converter/schema/schema.fbs` (file identifier TFL3, version 3d).
 * What is legal in them beyond the types: `readers/tflite/`.
 */
import {
  blob,
  bool,
  bytes,
  type Decoded,
  defineTable,
  deprecated,
  type Encodable,
  enumOf,
  int8,
  int32,
  string,
  tableOf,
  tablesOf,
  uint32,
  uint64,
  unionOf,
  vectorOf,
} from "../flatbuffer/schema.ts";
import { customOptionsFormat, dimensionType, tensorType } from "./enums.ts";
import { optionsUnion } from "./options.ts";

export const fileIdentifier = "TFL3";
export const schemaVersion = 3;

const quantizationDetails = [
  defineTable("CustomQuantization", { custom: bytes(16) }),
  defineTable("BlockwiseQuantization", { scales: int32(), zeroPoints: int32(), blockSize: int32() }),
  defineTable("MultiAxisQuantization", {
    scales: int32(),
    zeroPoints: int32(),
    blockSize: int32(),
    quantizedDimensions: vectorOf("int32"),
  }),
];

const quantizationParameters = defineTable("QuantizationParameters", {
  min: vectorOf("float32"),
  max: vectorOf("float32"),
  scale: vectorOf("float32"),
  zeroPoint: vectorOf("int64"),
  details: unionOf(quantizationDetails),
  quantizedDimension: int32(),
});

const sparseIndexVector = [
  defineTable("Int32Vector", { values: vectorOf("int32") }),
  defineTable("Uint16Vector", { values: vectorOf("uint16") }),
  defineTable("Uint8Vector", { values: bytes(4) }),
];

const sparsityParameters = defineTable("SparsityParameters", {
  traversalOrder: vectorOf("int32"),
  blockMap: vectorOf("int32"),
  dimMetadata: tablesOf(
    defineTable("DimensionMetadata", {
      format: enumOf(dimensionType, "DENSE"),
      denseSize: int32(),
      arraySegments: unionOf(sparseIndexVector),
      arrayIndices: unionOf(sparseIndexVector),
    }),
  ),
});

const variantSubType = defineTable("VariantSubType", {
  shape: vectorOf("int32"),
  type: enumOf(tensorType, "FLOAT32"),
  hasRank: bool(),
});

const tensor = defineTable("Tensor", {
  shape: vectorOf("int32"),
  type: enumOf(tensorType, "FLOAT32"),
  buffer: uint32(),
  name: string(),
  quantization: tableOf(quantizationParameters),
  isVariable: bool(),
  sparsity: tableOf(sparsityParameters),
  shapeSignature: vectorOf("int32"),
  hasRank: bool(),
  variantTensors: tablesOf(variantSubType),
  externalBuffer: uint32(),
});

const operatorCode = defineTable("OperatorCode", {
  deprecatedBuiltinCode: int8(),
  customCode: string(),
  version: int32(1),
  builtinCode: int32(),
});

const operator = defineTable("Operator", {
  opcodeIndex: uint32(),
  inputs: vectorOf("int32"),
  outputs: vectorOf("int32"),
  builtinOptions: unionOf(optionsUnion),
  customOptions: bytes(),
  customOptionsFormat: enumOf(customOptionsFormat, "FLEXBUFFERS"),
  mutatingVariableInputs: vectorOf("bool"),
  intermediates: vectorOf("int32"),
  largeCustomOptionsOffset: uint64(),
  largeCustomOptionsSize: uint64(),
  builtinOptions2: unionOf([]),
  debugMetadataIndex: int32(-1),
});

const subGraph = defineTable("SubGraph", {
  tensors: tablesOf(tensor),
  inputs: vectorOf("int32"),
  outputs: vectorOf("int32"),
  operators: tablesOf(operator),
  name: string(),
  debugMetadataIndex: int32(-1),
});

const tensorMap = defineTable("TensorMap", { name: string(), tensorIndex: uint32() });

export const modelTable = defineTable("Model", {
  version: uint32(),
  operatorCodes: tablesOf(operatorCode),
  subgraphs: tablesOf(subGraph),
  description: string(),
  buffers: tablesOf(defineTable("Buffer", { data: blob(16), offset: uint64(), size: uint64() })),
  metadataBuffer: vectorOf("int32"),
  metadata: tablesOf(defineTable("Metadata", { name: string(), buffer: uint32() })),
  signatureDefs: tablesOf(
    defineTable("SignatureDef", {
      inputs: tablesOf(tensorMap),
      outputs: tablesOf(tensorMap),
      signatureKey: string(),
      deprecatedTag: deprecated(),
      subgraphIndex: uint32(),
    }),
  ),
  externalBufferGroups: tablesOf(defineTable("ExternalBufferGroup", { name: string() })),
  externalBuffers: tablesOf(
    defineTable("ExternalBuffer", {
      id: uint32(),
      group: uint32(),
      offset: uint64(),
      length: uint64(),
      packing: string(),
    }),
  ),
});

export type FileModel = Decoded<typeof modelTable>;
export type FileGraph = FileModel["subgraphs"][number];
export type FileTensor = FileGraph["tensors"][number];
export type FileOperator = FileGraph["operators"][number];
export type FileOperatorCode = FileModel["operatorCodes"][number];
export type FileQuantization = NonNullable<FileTensor["quantization"]>;

export type EncodableModel = Encodable<typeof modelTable>;
export type EncodableGraph = NonNullable<EncodableModel["subgraphs"]>[number];
export type EncodableTensor = NonNullable<EncodableGraph["tensors"]>[number];
export type EncodableOperator = NonNullable<EncodableGraph["operators"]>[number];
