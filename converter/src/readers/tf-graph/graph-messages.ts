/**
 * The messages of a GraphDef: tensorflow `core/framework/{graph,node_def,attr_value,tensor,tensor_shape,function,op_def}.proto`.
 * Fields that are not asked for are left out.
 */
import {
  bool,
  bytes,
  double,
  entries,
  float,
  int32,
  int64,
  list,
  type MessageOf,
  message,
  messages,
  nested,
  optional,
  string,
  uint64,
} from "../../codecs/protobuf/message.ts";

export const shapeProto = message("TensorShapeProto", {
  dim: messages(2, () => message("Dim", { size: int64(1) })),
  unknownRank: bool(3),
});

export const tensorProto = message("TensorProto", {
  dtype: int32(1),
  shape: nested(2, () => shapeProto),
  content: bytes(4),
  halfVal: list(int32(13)),
  floatVal: list(float(5)),
  doubleVal: list(double(6)),
  intVal: list(int32(7)),
  stringVal: list(bytes(8)),
  int64Val: list(int64(10)),
  boolVal: list(bool(11)),
  uint32Val: list(int64(16)),
  uint64Val: list(uint64(17)),
});

/** The name of a function; its own attributes are those of old calls, which no exporter writes. */
const funcProto = message("NameAttrList", { name: string(1) });

const listProto = message("AttrValue.ListValue", {
  s: list(bytes(2)),
  i: list(int64(3)),
  f: list(float(4)),
  b: list(bool(5)),
  type: list(int32(6)),
  shape: messages(7, () => shapeProto),
  tensor: messages(8, () => tensorProto),
  func: messages(9, () => funcProto),
});

const attrProto = message("AttrValue", {
  s: optional(bytes(2)),
  i: optional(int64(3)),
  f: optional(float(4)),
  b: optional(bool(5)),
  type: optional(int32(6)),
  shape: nested(7, () => shapeProto),
  tensor: nested(8, () => tensorProto),
  list: nested(1, () => listProto),
  func: nested(10, () => funcProto),
  placeholder: optional(string(9)),
});

const attributes = entries(
  5,
  nested(2, () => attrProto),
);

export const nodeProto = message("NodeDef", {
  name: string(1),
  op: string(2),
  input: list(string(3)),
  attr: attributes,
});

const argumentProto = message("OpDef.ArgDef", {
  name: string(1),
  type: int32(3),
  typeAttr: string(4),
  numberAttr: string(5),
  typeListAttr: string(6),
});

const signatureProto = message("OpDef", {
  name: string(1),
  inputArg: messages(2, () => argumentProto),
  outputArg: messages(3, () => argumentProto),
});

export const functionProto = message("FunctionDef", {
  signature: nested(1, () => signatureProto),
  nodeDef: messages(3, () => nodeProto),
  ret: entries(4, string(2)),
});

export const graphProto = message("GraphDef", {
  node: messages(1, () => nodeProto),
  library: nested(2, () => message("FunctionDefLibrary", { function: messages(1, () => functionProto) })),
});

export type AttrMessage = MessageOf<typeof attrProto>;
export type TensorMessage = MessageOf<typeof tensorProto>;
export type ShapeMessage = MessageOf<typeof shapeProto>;
export type GraphMessage = MessageOf<typeof graphProto>;
