/**
 * TensorFlow's dtypes (`types.proto`): their numbers, which dtype a graph here has for them, and how stored bytes become
 * that dtype. int64 beyond int32 becomes the nearest int32: such numbers stand for "to the end".
 */

import { type Constant, constantOf, type DType, elementCount, type Shape } from "../../ir/graph.ts";
import { lazyConstant } from "../../ir/lazy-constant.ts";
import { decodeFloat16 } from "../../ir/values.ts";
import { toInt32 } from "../lowering/to-int32.ts";
import type { TfType } from "./graph.ts";

/** By number. */
const typeNames: readonly TfType[] = [
  "DT_INVALID", "DT_FLOAT", "DT_DOUBLE", "DT_INT32", "DT_UINT8", "DT_INT16", "DT_INT8", "DT_STRING", "DT_COMPLEX64",
  "DT_INT64", "DT_BOOL", "DT_QINT8", "DT_QUINT8", "DT_QINT32", "DT_BFLOAT16", "DT_QINT16", "DT_QUINT16", "DT_UINT16",
  "DT_COMPLEX128", "DT_HALF", "DT_RESOURCE", "DT_VARIANT", "DT_UINT32", "DT_UINT64",
]; // biome-ignore format: a table

/** Numbers from 100 on are references to variables of the same type. */
export const typeName = (number: number): TfType => typeNames[number > 100 ? number - 100 : number] ?? `DT_${number}`;

export const isTypeName = (text: string): boolean => text.startsWith("DT_");

/** DT_FLOAT_REF is DT_FLOAT. */
export const withoutRef = (type: TfType): TfType => type.replace(/_REF$/, "");

interface Stored {
  readonly dtype: DType;
  readonly bytes: number;
  /** One element at a place; left out where the stored bytes are the dtype's already. */
  readonly read?: (view: DataView, at: number) => number;
}

const stored: Readonly<Record<TfType, Stored>> = {
  DT_FLOAT: { dtype: "float32", bytes: 4 },
  DT_DOUBLE: { dtype: "float32", bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  DT_HALF: { dtype: "float32", bytes: 2 },
  DT_BFLOAT16: { dtype: "float32", bytes: 2, read: (view, at) => bfloat16(view.getUint16(at, true)) },
  DT_INT32: { dtype: "int32", bytes: 4 },
  DT_INT64: { dtype: "int32", bytes: 8, read: (view, at) => toInt32(Number(view.getBigInt64(at, true))) },
  DT_UINT64: { dtype: "int32", bytes: 8, read: (view, at) => toInt32(Number(view.getBigUint64(at, true))) },
  DT_UINT32: { dtype: "int32", bytes: 4, read: (view, at) => toInt32(view.getUint32(at, true)) },
  DT_INT16: { dtype: "int32", bytes: 2, read: (view, at) => view.getInt16(at, true) },
  DT_UINT16: { dtype: "int32", bytes: 2, read: (view, at) => view.getUint16(at, true) },
  DT_INT8: { dtype: "int32", bytes: 1, read: (view, at) => view.getInt8(at) },
  DT_UINT8: { dtype: "int32", bytes: 1, read: (view, at) => view.getUint8(at) },
  DT_BOOL: { dtype: "bool", bytes: 1 },
};

const word = new DataView(new ArrayBuffer(4));
function bfloat16(bits: number): number {
  word.setUint32(0, bits * 65_536);
  return word.getFloat32(0);
}

const storedOf = (type: TfType): Stored | undefined => {
  const plain = withoutRef(type);
  return Object.hasOwn(stored, plain) ? stored[plain] : undefined;
};

/** The dtype that values of a TensorFlow type have in a graph; undefined for strings, resources and the like. */
export const dtypeOf = (type: TfType): DType | undefined => storedOf(type)?.dtype;

/** Bytes of one stored element; undefined for types without a fixed size. */
export const storedBytes = (type: TfType): number | undefined => storedOf(type)?.bytes;

/** A constant in its graph dtype from little-endian bytes as TensorFlow stores them, made when it is asked for. */
export function constantFrom(type: TfType, shape: Shape, bytes: () => Uint8Array): Constant | undefined {
  const facts = storedOf(type);
  if (!facts) return undefined;
  const count = elementCount(shape);
  const byteLength = count * (facts.dtype === "bool" ? 1 : 4);
  return lazyConstant(byteLength, () => decoded(withoutRef(type), facts, bytes(), count));
}

function decoded(type: TfType, { dtype, bytes: size, read }: Stored, bytes: Uint8Array, count: number): Uint8Array {
  if (type === "DT_HALF") return new Uint8Array(decodeFloat16(bytes).buffer);
  if (!read) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = dtype === "float32" ? new Float32Array(count) : new Int32Array(count);
  for (let i = 0; i < count; i++) values[i] = read(view, i * size);
  return new Uint8Array(values.buffer);
}

/** A constant in its graph dtype from numbers. */
export function constantOfNumbers(type: TfType, values: ArrayLike<number>): Constant | undefined {
  const dtype = dtypeOf(type);
  if (dtype === "float32") return constantOf(new Uint8Array(Float32Array.from(values).buffer));
  if (dtype === "int32") return constantOf(new Uint8Array(Int32Array.from(values, toInt32).buffer));
  return dtype === "bool" ? constantOf(Uint8Array.from(values, (value) => (value === 0 ? 0 : 1))) : undefined;
}
