/**
 * ONNX's protobuf messages as data: the fields that a converter needs, by the numbers of `onnx.proto3`.
 * Knows field numbers only; what they mean is in `source-graph.ts` and `tensor.ts`.
 */
import {
  bytes,
  double,
  type Field,
  float,
  int32,
  int64,
  list,
  type MessageOf,
  message,
  messages,
  nested,
  span,
  string,
  uint64,
} from "../../codecs/protobuf/message.ts";

export const stringEntry = message("StringStringEntryProto", { key: string(1), value: string(2) });

export const tensorProto = message("TensorProto", {
  dims: list(int64(1)),
  dataType: int32(2),
  floatData: list(float(4)),
  int32Data: list(int32(5)),
  stringData: list(bytes(6)),
  int64Data: list(int64(7)),
  name: string(8),
  rawData: span(9),
  doubleData: list(double(10)),
  uint64Data: list(uint64(11)),
  externalData: messages(13, () => stringEntry),
  dataLocation: int32(14),
});
export type TensorProto = MessageOf<typeof tensorProto>;

const dimension = message("TensorShapeProto.Dimension", { value: int64(1), symbol: string(2) });
const tensorShape = message("TensorShapeProto", { dims: messages(1, () => dimension) });
const tensorType = message("TypeProto.Tensor", { elementType: int32(1), shape: nested(2, () => tensorShape) });
const other = message("TypeProto of another kind", {});
const typeProto = message("TypeProto", {
  tensor: nested(1, () => tensorType),
  sequence: nested(4, () => other),
  map: nested(5, () => other),
  sparse: nested(8, () => other),
  optional: nested(9, () => other),
});
export const valueInfo = message("ValueInfoProto", { name: string(1), type: nested(2, () => typeProto) });
export type ValueInfo = MessageOf<typeof valueInfo>;

/** A graph stands inside attributes of its own nodes, so its type is written out: it cannot follow from itself. */
export interface GraphProto {
  readonly nodes: readonly NodeProto[];
  readonly name: string;
  readonly initializers: readonly TensorProto[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly sparseInitializers: readonly object[];
}

const subgraph: Field<GraphProto | undefined> = {
  number: 6,
  initial: () => undefined,
  read: (scan, wire, soFar) => nested(6, () => graphProto).read(scan, wire, soFar),
};

const attributeProto = message("AttributeProto", {
  name: string(1),
  f: float(2),
  i: int64(3),
  s: bytes(4),
  t: nested(5, () => tensorProto),
  g: subgraph,
  floats: list(float(7)),
  ints: list(int64(8)),
  strings: list(bytes(9)),
  type: int32(20),
  reference: string(21),
});
export type AttributeProto = MessageOf<typeof attributeProto>;

const nodeProto = message("NodeProto", {
  inputs: list(string(1)),
  outputs: list(string(2)),
  name: string(3),
  operator: string(4),
  attributes: messages(5, () => attributeProto),
  domain: string(7),
});
export type NodeProto = MessageOf<typeof nodeProto>;

const graphProto = message("GraphProto", {
  nodes: messages(1, () => nodeProto),
  name: string(2),
  initializers: messages(5, () => tensorProto),
  inputs: messages(11, () => valueInfo),
  outputs: messages(12, () => valueInfo),
  sparseInitializers: messages(15, () => other),
});

const operatorSet = message("OperatorSetIdProto", { domain: string(1), version: int64(2) });

const functionProto = message("FunctionProto", {
  name: string(1),
  inputs: list(string(4)),
  outputs: list(string(5)),
  attributes: list(string(6)),
  nodes: messages(7, () => nodeProto),
  operatorSets: messages(9, () => operatorSet),
  domain: string(10),
  defaults: messages(11, () => attributeProto),
});
export type FunctionProto = MessageOf<typeof functionProto>;

export const modelProto = message("ModelProto", {
  irVersion: int64(1),
  producerName: string(2),
  graph: nested(7, () => graphProto),
  operatorSets: messages(8, () => operatorSet),
  functions: messages(25, () => functionProto),
});
export type ModelProto = MessageOf<typeof modelProto>;
