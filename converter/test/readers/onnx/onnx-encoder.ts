/** Writes ONNX files for tests: as much of `onnx.proto3` as the cases need, field by field. */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

const { LengthDelimited, Varint, Bit32 } = WireType;

export const elementType = {
  float: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  double: 11,
} as const;
export type ElementType = keyof typeof elementType;

export interface TensorSketch {
  readonly name: string;
  readonly type?: ElementType;
  readonly shape: readonly number[];
  readonly values?: ArrayLike<number>;
  /** In place of values: bytes as they are. */
  readonly raw?: Uint8Array;
  readonly external?: Readonly<Record<string, string>>;
}
export type AttributeSketch =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | TensorSketch
  | GraphSketch;
export interface NodeSketch {
  readonly op: string;
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, AttributeSketch>>;
}
export interface ValueSketch {
  readonly name: string;
  readonly type?: ElementType;
  readonly shape: readonly (number | string)[];
}
export interface GraphSketch {
  readonly nodes: readonly NodeSketch[];
  readonly inputs?: readonly ValueSketch[];
  readonly outputs: readonly ValueSketch[];
  readonly initializers?: readonly TensorSketch[];
}
export interface FunctionSketch {
  readonly name: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly NodeSketch[];
}
export interface ModelSketch extends GraphSketch {
  readonly opset?: number;
  readonly functions?: readonly FunctionSketch[];
}

const text = (writer: BinaryWriter, field: number, value: string) => writer.tag(field, LengthDelimited).string(value);
const inside = (writer: BinaryWriter, field: number, bytes: Uint8Array) =>
  writer.tag(field, LengthDelimited).bytes(bytes);

export function onnxModel({ opset = 17, functions = [], ...graph }: ModelSketch): Uint8Array {
  const writer = new BinaryWriter().tag(1, Varint).int64(8n);
  inside(writer, 7, encodeGraph(graph));
  for (const [domain, version] of [["", opset], ...functions.map(({ domain }) => [domain, 1] as const)] as const) {
    inside(writer, 8, text(new BinaryWriter(), 1, domain).tag(2, Varint).int64(version).finish());
  }
  for (const one of functions) {
    const body = text(new BinaryWriter(), 1, one.name);
    for (const name of one.inputs) text(body, 4, name);
    for (const name of one.outputs) text(body, 5, name);
    for (const node of one.nodes) inside(body, 7, encodeNode(node));
    inside(body, 9, text(new BinaryWriter(), 1, "").tag(2, Varint).int64(opset).finish());
    inside(writer, 25, text(body, 10, one.domain).finish());
  }
  return writer.finish();
}

function encodeGraph({ nodes, inputs = [], outputs, initializers = [] }: GraphSketch): Uint8Array {
  const writer = new BinaryWriter();
  for (const node of nodes) inside(writer, 1, encodeNode(node));
  text(writer, 2, "main");
  for (const tensor of initializers) inside(writer, 5, encodeTensor(tensor));
  for (const value of inputs) inside(writer, 11, encodeValue(value));
  for (const value of outputs) inside(writer, 12, encodeValue(value));
  return writer.finish();
}

function encodeValue({ name, type = "float", shape }: ValueSketch): Uint8Array {
  const dims = new BinaryWriter();
  for (const size of shape) {
    const dim = new BinaryWriter();
    inside(dims, 1, (typeof size === "string" ? text(dim, 2, size) : dim.tag(1, Varint).int64(size)).finish());
  }
  const tensor = new BinaryWriter().tag(1, Varint).int32(elementType[type]);
  inside(tensor, 2, dims.finish());
  return inside(text(new BinaryWriter(), 1, name), 2, inside(new BinaryWriter(), 1, tensor.finish()).finish()).finish();
}

function encodeNode({ op, domain = "", inputs, outputs, attributes = {} }: NodeSketch): Uint8Array {
  const writer = new BinaryWriter();
  for (const name of inputs) text(writer, 1, name);
  for (const name of outputs) text(writer, 2, name);
  text(writer, 4, op);
  for (const [name, value] of Object.entries(attributes)) inside(writer, 5, encodeAttribute(name, value));
  return text(writer, 7, domain).finish();
}

/** Whole numbers are ints, `{ float }` floats, lists of whole numbers ints. */
function encodeAttribute(name: string, value: AttributeSketch): Uint8Array {
  const writer = text(new BinaryWriter(), 1, name);
  const kind = (type: number) => writer.tag(20, Varint).int32(type).finish();
  if (typeof value === "number") {
    writer.tag(3, Varint).int64(value);
    return kind(2);
  }
  if (typeof value === "string") {
    text(writer, 4, value);
    return kind(3);
  }
  if ("float" in value) {
    writer.tag(2, Bit32).float(value.float);
    return kind(1);
  }
  if ("nodes" in value) {
    inside(writer, 6, encodeGraph(value));
    return kind(5);
  }
  if ("name" in value) {
    inside(writer, 5, encodeTensor(value));
    return kind(4);
  }
  for (const one of value) writer.tag(8, Varint).int64(one);
  return kind(7);
}

function encodeTensor({ name, type = "float", shape, values = [], raw, external }: TensorSketch): Uint8Array {
  const writer = new BinaryWriter();
  for (const size of shape) writer.tag(1, Varint).int64(size);
  writer.tag(2, Varint).int32(elementType[type]);
  text(writer, 8, name);
  if (external) {
    for (const [key, value] of Object.entries(external)) {
      inside(writer, 13, text(text(new BinaryWriter(), 1, key), 2, value).finish());
    }
    return writer.tag(14, Varint).int32(1).finish();
  }
  return inside(writer, 9, raw ?? rawBytes(type, values)).finish();
}

function rawBytes(type: ElementType, values: ArrayLike<number>): Uint8Array {
  if (type === "int64") return new Uint8Array(BigInt64Array.from(Array.from(values), BigInt).buffer);
  if (type === "double") return new Uint8Array(Float64Array.from(values).buffer);
  if (type === "int32") return new Uint8Array(Int32Array.from(values).buffer);
  if (type === "float") return new Uint8Array(Float32Array.from(values).buffer);
  return Uint8Array.from(values);
}
