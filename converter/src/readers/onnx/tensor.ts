/**
 * TensorProto → a constant in a dtype of the graph, widened when it is asked for: int64 and other wide or odd integers become
 * int32, float16, bfloat16 and double become float32. How: `readers/lowering/to-int32.ts`.
 * Source: `onnx.proto3` (which field holds which dtype). Every length is checked against the shape before use.
 */

import { FlotillaError } from "@flotilla/protocol/errors";
import type { RandomAccess } from "@flotilla/protocol/random-access";
import { byteSize, type Constant, type DType, type Shape } from "../../ir/graph.ts";
import { lazyConstant } from "../../ir/lazy-constant.ts";
import { bytesOf, decodeFloat16 } from "../../ir/values.ts";
import { toInt32 } from "../lowering/to-int32.ts";
import type { TensorProto } from "./schema.ts";

interface ElementType {
  readonly name: string;
  /** Bytes of an element in `raw_data`; 0.5 where two share one. */
  readonly bytes: number;
  /** What the graph has in its place; null for types that it has nothing for. */
  readonly dtype: DType | null;
  /** The typed field that may hold it in place of `raw_data`. */
  readonly field: "floatData" | "int32Data" | "int64Data" | "doubleData" | "uint64Data" | null;
}

const type = (name: string, bytes: number, dtype: DType | null, field: ElementType["field"]): ElementType => ({
  name,
  bytes,
  dtype,
  field,
});

/** By the number in `TensorProto.DataType`. */
const elementTypes: ReadonlyMap<number, ElementType> = new Map([
  [1, type("float", 4, "float32", "floatData")],
  [2, type("uint8", 1, "uint8", "int32Data")],
  [3, type("int8", 1, "int8", "int32Data")],
  [4, type("uint16", 2, "int32", "int32Data")],
  [5, type("int16", 2, "int32", "int32Data")],
  [6, type("int32", 4, "int32", "int32Data")],
  [7, type("int64", 8, "int32", "int64Data")],
  [8, type("string", 0, null, null)],
  [9, type("bool", 1, "bool", "int32Data")],
  [10, type("float16", 2, "float32", "int32Data")],
  [11, type("double", 8, "float32", "doubleData")],
  [12, type("uint32", 4, "int32", "uint64Data")],
  [13, type("uint64", 8, "int32", "uint64Data")],
  [14, type("complex64", 8, null, null)],
  [15, type("complex128", 16, null, null)],
  [16, type("bfloat16", 2, "float32", "int32Data")],
  [17, type("float8e4m3fn", 1, null, null)],
  [18, type("float8e4m3fnuz", 1, null, null)],
  [19, type("float8e5m2", 1, null, null)],
  [20, type("float8e5m2fnuz", 1, null, null)],
  [21, type("uint4", 0.5, "uint8", "int32Data")],
  [22, type("int4", 0.5, "int8", "int32Data")],
]);

/** The name of an element type, for messages. */
export const elementTypeName = (code: number): string => elementTypes.get(code)?.name ?? `type ${code}`;

/** What stands for an element type in the graph; null where nothing does. */
export const dtypeOfElement = (code: number): DType | null => elementTypes.get(code)?.dtype ?? null;

export interface OnnxTensor {
  readonly name: string;
  /** The number of its element type in the file. */
  readonly elementType: number;
  /** Null: no dtype of the graph stands for it. */
  readonly dtype: DType | null;
  readonly shape: Shape;
  readonly constant: Constant;
}

/** Where the data of tensors lies that is not in the model's file. */
export type ExternalFiles = ReadonlyMap<string, RandomAccess>;

const maxRank = 16;

/** @throws FORMAT_CORRUPT, FORMAT_LIMIT, FORMAT_TRUNCATED, FORMAT_WEIGHTS_MISSING, FORMAT_WEIGHTS_MISMATCH */
export function decodeTensor(proto: TensorProto, external: ExternalFiles, label: string): OnnxTensor {
  const { name, dataType } = proto;
  const where = `${label}: tensor "${name}"`;
  const found = elementTypes.get(dataType);
  if (!found) throw new FlotillaError("FORMAT_CORRUPT", `${where} has the unknown element type ${dataType}.`);
  const shape = shapeOf(proto, where);
  const count = shape.reduce((product, size) => product * size, 1);
  const base = { name, elementType: dataType, dtype: found.dtype, shape };
  if (found.dtype === null) return { ...base, constant: { byteLength: 0, bytes: () => new Uint8Array(0) } };
  const stored = Math.ceil(count * found.bytes);
  const raw = rawBytesOf(proto, stored, external, where);
  const dtype = found.dtype;
  const length = byteSize(dtype, shape);
  if (raw) {
    if (raw.byteLength !== stored) throw mismatch(where, shape, found, raw.byteLength);
    if (isNative(dataType)) return { ...base, constant: raw };
    return { ...base, constant: lazyConstant(length, () => bytesOf(dtype, widened(dataType, raw.bytes(), count))) };
  }
  const values = found.field ? proto[found.field] : [];
  const expected = found.bytes === 0.5 ? Math.ceil(count / 2) : count;
  if (values.length !== expected) {
    throw new FlotillaError(
      "FORMAT_WEIGHTS_MISMATCH",
      `${where} of [${shape.join(", ")}] ${found.name} holds ${values.length} values, expected ${expected}.`,
    );
  }
  return { ...base, constant: lazyConstant(length, () => bytesOf(dtype, typedValues(dataType, values, count))) };
}

function shapeOf(proto: TensorProto, where: string): Shape {
  if (proto.dims.length > maxRank)
    throw new FlotillaError("FORMAT_LIMIT", `${where} has ${proto.dims.length} axes, ${maxRank} at most are read.`);
  const shape = proto.dims.map(Number);
  let count = 1;
  for (const size of shape) {
    count *= Math.max(size, 1);
    if (!(size >= 0 && Number.isSafeInteger(size) && Number.isSafeInteger(count * 8)))
      throw new FlotillaError("FORMAT_CORRUPT", `${where} cannot have the shape [${shape.join(", ")}].`);
  }
  return shape;
}

/** Undefined where the values are in a typed field. */
function rawBytesOf(
  proto: TensorProto,
  expected: number,
  external: ExternalFiles,
  where: string,
): Constant | undefined {
  if (proto.dataLocation === 1) {
    const { path, offset, length } = externalRange(proto, where);
    const file = external.get(path);
    if (!file) throw new FlotillaError("FORMAT_WEIGHTS_MISSING", `${where}: there is no file "${path}".`);
    const size = length ?? expected;
    if (offset + size > file.byteLength) {
      throw new FlotillaError(
        "FORMAT_TRUNCATED",
        `${where}: ${size} bytes at byte ${offset} of "${path}", which has ${file.byteLength}.`,
      );
    }
    return lazyConstant(size, () => file.read(offset, size));
  }
  const { rawData } = proto;
  if (rawData.byteLength === 0 && expected > 0) return undefined;
  return lazyConstant(rawData.byteLength, rawData.bytes);
}

export interface ExternalRange {
  readonly path: string;
  readonly offset: number;
  /** Undefined: as long as the shape asks for. */
  readonly length: number | undefined;
}

/** Where `external_data` points to. @throws FORMAT_CORRUPT */
export function externalRange(proto: TensorProto, where: string): ExternalRange {
  const values = new Map(proto.externalData.map(({ key, value }) => [key, value]));
  const integer = (key: string): number | undefined => {
    const text = values.get(key);
    if (text === undefined || text === "") return undefined;
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
    throw new FlotillaError("FORMAT_CORRUPT", `${where}: external data's ${key} is ${JSON.stringify(text)}.`);
  };
  return { path: values.get("location") ?? "", offset: integer("offset") ?? 0, length: integer("length") };
}

/** Raw bytes that are the graph's own already. */
const isNative = (code: number): boolean => [1, 2, 3, 6, 9].includes(code);

/** The elements of raw bytes, as numbers of the dtype that the graph has. */
function widened(code: number, raw: Uint8Array, count: number): ArrayLike<number> {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const from = (read: (at: number) => number) => Float64Array.from({ length: count }, (_, at) => read(at));
  switch (code) {
    case 4:
      return from((at) => view.getUint16(at * 2, true));
    case 5:
      return from((at) => view.getInt16(at * 2, true));
    case 7:
      return from((at) => toInt32(Number(view.getBigInt64(at * 8, true))));
    case 10:
      return decodeFloat16(raw);
    case 11:
      return from((at) => view.getFloat64(at * 8, true));
    case 12:
      return from((at) => toInt32(view.getUint32(at * 4, true)));
    case 13:
      return from((at) => toInt32(Number(view.getBigUint64(at * 8, true))));
    case 16:
      return from((at) => bfloat16(view.getUint16(at * 2, true)));
    default:
      return from((at) => nibble(code, raw[at >> 1] ?? 0, at));
  }
}

/** The elements of a typed field. 16-bit floats are there by their bits, 4-bit integers by twos. */
function typedValues(code: number, values: ArrayLike<number | bigint>, count: number): ArrayLike<number> {
  const from = (read: (value: number) => number) =>
    Float64Array.from({ length: count }, (_, at) => read(Number(values[at] ?? 0)));
  switch (code) {
    case 7:
    case 12:
    case 13:
      return from(toInt32);
    case 10:
      return decodeFloat16(
        bytesOf(
          "uint16",
          from((bits) => bits),
        ),
      );
    case 16:
      return from(bfloat16);
    case 21:
    case 22:
      return Float64Array.from({ length: count }, (_, at) => nibble(code, Number(values[at >> 1] ?? 0), at));
    default:
      return from((value) => value);
  }
}

const word = new DataView(new ArrayBuffer(4));

function bfloat16(bits: number): number {
  word.setUint32(0, (bits & 0xffff) * 0x10000);
  return word.getFloat32(0);
}

/** The first of two elements is in the low half. */
function nibble(code: number, byte: number, at: number): number {
  const half = at % 2 === 0 ? byte & 15 : (byte >> 4) & 15;
  return code === 22 && half > 7 ? half - 16 : half;
}

function mismatch(where: string, shape: Shape, { name }: ElementType, found: number): FlotillaError {
  return new FlotillaError(
    "FORMAT_WEIGHTS_MISMATCH",
    `${where} of [${shape.join(", ")}] ${name} has ${found} bytes of data.`,
  );
}
