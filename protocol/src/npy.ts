/**
 * One array as a `.npy` file (NumPy's NEP 1, versions 1.0 to 3.0). Written as version 1.0, little-endian, row-major;
 * read also big-endian and column-major. Structured, string and object arrays are refused: no pickle is ever touched.
 */
import { FlotillaError } from "./errors.ts";
import type { ArrayData, ArrayDType, NdArray } from "./nd-array.ts";

interface ElementType {
  /** NumPy's type character and size, without the byte order. */
  readonly code: string;
  readonly bytes: number;
  view(buffer: ArrayBuffer): ArrayData;
}

const elementTypes: Readonly<Record<ArrayDType, ElementType>> = {
  float32: { code: "f4", bytes: 4, view: (buffer) => new Float32Array(buffer) },
  float64: { code: "f8", bytes: 8, view: (buffer) => new Float64Array(buffer) },
  float16: { code: "f2", bytes: 2, view: (buffer) => new Uint16Array(buffer) },
  int8: { code: "i1", bytes: 1, view: (buffer) => new Int8Array(buffer) },
  uint8: { code: "u1", bytes: 1, view: (buffer) => new Uint8Array(buffer) },
  int16: { code: "i2", bytes: 2, view: (buffer) => new Int16Array(buffer) },
  uint16: { code: "u2", bytes: 2, view: (buffer) => new Uint16Array(buffer) },
  int32: { code: "i4", bytes: 4, view: (buffer) => new Int32Array(buffer) },
  uint32: { code: "u4", bytes: 4, view: (buffer) => new Uint32Array(buffer) },
  int64: { code: "i8", bytes: 8, view: (buffer) => new BigInt64Array(buffer) },
  bool: { code: "b1", bytes: 1, view: (buffer) => new Uint8Array(buffer) },
};
const dtypes = Object.keys(elementTypes) as ArrayDType[];

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59] as const;
const alignment = 64;
const maxHeaderBytes = 65_536;
const maxRank = 32;
const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Elements that a shape holds; [] holds one. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** A zeroed array of the dtype that holds `count` elements. */
export function allocateData(dtype: ArrayDType, count: number): ArrayData {
  const type = elementTypes[dtype];
  return type.view(new ArrayBuffer(count * type.bytes));
}

/** The same array gives the same bytes. @throws FORMAT_NPZ when shape and data disagree. */
export function encodeNpy(array: NdArray): Uint8Array<ArrayBuffer> {
  const type = elementTypes[array.dtype];
  const { data, shape } = array;
  if (data.length !== elementCount(shape) || data.BYTES_PER_ELEMENT !== type.bytes) {
    throw broken(`cannot write ${data.length} elements as ${array.dtype} [${shape.join(", ")}]`);
  }
  const descr = `${type.bytes === 1 ? "|" : "<"}${type.code}`;
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const dictionary = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const headerBytes = Math.ceil((10 + dictionary.length + 1) / alignment) * alignment;
  const text = `${dictionary.padEnd(headerBytes - 11)}\n`;
  const bytes = new Uint8Array(headerBytes + data.byteLength);
  bytes.set([...magic, 1, 0, (headerBytes - 10) & 0xff, (headerBytes - 10) >> 8]);
  bytes.set(new TextEncoder().encode(text), 10);
  const content = bytes.subarray(headerBytes);
  content.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  if (!littleEndian) swapBytes(content, type.bytes);
  return bytes;
}

/** @throws FORMAT_NPZ for what is no such file, FORMAT_TRUNCATED when data is missing, FORMAT_LIMIT beyond the bounds. */
export function decodeNpy(bytes: Uint8Array): NdArray {
  const { dtype, bigEndian, columnMajor, shape, dataOffset } = readHeader(bytes);
  const type = elementTypes[dtype];
  const wanted = elementCount(shape) * type.bytes;
  const found = bytes.length - dataOffset;
  if (found !== wanted) {
    const code = found < wanted ? "FORMAT_TRUNCATED" : "FORMAT_NPZ";
    throw new FlotillaError(code, `array: ${dtype} [${shape.join(", ")}] takes ${wanted} bytes, found ${found}`);
  }
  const content = bytes.slice(dataOffset);
  if (bigEndian === littleEndian) swapBytes(content, type.bytes);
  const data = type.view(content.buffer);
  return { dtype, shape, data: columnMajor ? toRowMajor(dtype, shape, data) : data };
}

interface Header {
  readonly dtype: ArrayDType;
  readonly bigEndian: boolean;
  readonly columnMajor: boolean;
  readonly shape: readonly number[];
  readonly dataOffset: number;
}

function readHeader(bytes: Uint8Array): Header {
  if (bytes.length < 12 || magic.some((byte, index) => bytes[index] !== byte)) throw broken("not a .npy file");
  const major = bytes[6]!;
  if (major < 1 || major > 3) throw broken(`version ${major} is not read`);
  const wide = major > 1;
  const length = bytes[8]! | (bytes[9]! << 8) | (wide ? (bytes[10]! << 16) | (bytes[11]! << 24) : 0);
  if (length < 0 || length > maxHeaderBytes) throw limit(`a header of ${length >>> 0} bytes`);
  const start = wide ? 12 : 10;
  if (start + length > bytes.length) throw new FlotillaError("FORMAT_TRUNCATED", "array: the header is cut off");
  const text = String.fromCharCode(...bytes.subarray(start, start + length));
  return { ...parseHeader(text), dataOffset: start + length };
}

/** NumPy writes a Python dict literal; its keys may stand in any order. */
function parseHeader(text: string): Omit<Header, "dataOffset"> {
  const descr = /'descr': *'([<>|=])([a-z]\d+)'/.exec(text);
  const order = /'fortran_order': *(True|False)/.exec(text);
  const tuple = /'shape': *\(([\d, ]*)\)/.exec(text);
  if (!descr || !order || !tuple || !/^\{[^{}]*\} *\n?$/.test(text)) {
    throw broken(`header is not understood: ${text.trim().slice(0, 200)}`);
  }
  const dtype = dtypes.find((candidate) => elementTypes[candidate].code === descr[2]);
  if (dtype === undefined) throw broken(`element type ${descr[1]}${descr[2]} is not read`);
  const sizes = tuple[1]!.split(",").map((size) => size.trim());
  if (sizes.at(-1) === "") sizes.pop();
  const shape = sizes.map(Number);
  if (sizes.includes("")) throw broken(`shape is not understood: ${tuple[0]}`);
  if (shape.length > maxRank) throw limit(`${shape.length} axes`);
  if (!Number.isSafeInteger(elementCount(shape) * 8)) throw limit(`a shape of [${shape.join(", ")}]`);
  return { dtype, bigEndian: descr[1] === ">", columnMajor: order[1] === "True", shape };
}

function toRowMajor(dtype: ArrayDType, shape: readonly number[], source: ArrayData): ArrayData {
  const result = allocateData(dtype, source.length);
  const index = new Array<number>(shape.length).fill(0);
  for (let at = 0; at < source.length; at++) {
    let from = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) from = from * shape[axis]! + index[axis]!;
    result[at] = source[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = index[axis]! + 1;
      if (index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
  return result;
}

function swapBytes(bytes: Uint8Array, size: number): void {
  if (size === 1) return;
  for (let at = 0; at + size <= bytes.length; at += size) bytes.subarray(at, at + size).reverse();
}

function broken(message: string): FlotillaError {
  return new FlotillaError("FORMAT_NPZ", `array: ${message}`);
}

function limit(what: string): FlotillaError {
  return new FlotillaError("FORMAT_LIMIT", `array: ${what} is beyond the bound`);
}
