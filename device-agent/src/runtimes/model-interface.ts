/**
 * What a `.tflite` file says of its own inputs and outputs: name, dtype, shape and quantization, in the file's order.
 * Runtimes tell only part of that, and each another part. Reads the main subgraph of the TFLite schema (version 3) with
 * every offset checked; knows nothing of operators.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { ArrayDType } from "@flotilla/protocol/nd-array";
import type { RuntimeTensor } from "../ports/tflite-runtime.ts";

export interface ModelInterface {
  readonly inputs: readonly RuntimeTensor[];
  readonly outputs: readonly RuntimeTensor[];
  /** Variables keep values from run to run, so equal inputs need not give equal outputs. */
  readonly hasVariables: boolean;
  /** Variables or tables behind handles (VAR_HANDLE, HASHTABLE), which outlive a run too. */
  readonly hasResources: boolean;
  /** Constants behind the flatbuffer, as files beyond 2 GB have them. */
  readonly hasOffsetBuffers: boolean;
}

/** Field positions of the schema's tables, in declaration order. */
const modelFields = { version: 0, subgraphs: 2, buffers: 4 } as const;
const bufferFields = { data: 0, offset: 1 } as const;
const subgraphFields = { tensors: 0, inputs: 1, outputs: 2 } as const;
const tensorFields = { shape: 0, type: 1, name: 3, quantization: 4, isVariable: 5 } as const;
const quantizationFields = { scale: 2, zeroPoint: 3 } as const;

/** TensorType of the schema; the others cannot be handed over as arrays. */
const dtypes: Readonly<Record<number, ArrayDType>> = {
  0: "float32",
  1: "float16",
  2: "int32",
  3: "uint8",
  4: "int64",
  6: "bool",
  7: "int16",
  9: "int8",
  10: "float64",
  15: "uint32",
  16: "uint16",
};

/** TensorType RESOURCE. */
const resourceType = 13;

const maxTensors = 1_000_000;

/** @throws UNSUPPORTED_RUNTIME for what is no readable `.tflite`, or for inputs and outputs no runtime hands over. */
export function readModelInterface(bytes: Uint8Array): ModelInterface {
  const file = new Flatbuffer(bytes);
  const model = file.root("TFL3");
  const subgraph = file.vector(model, modelFields.subgraphs)[0];
  if (subgraph === undefined) throw refused("it has no subgraph");
  const tensors = file.vector(file.follow(subgraph), subgraphFields.tensors).map((at) => file.follow(at));
  const tensorsOf = (field: number) =>
    file.vector(file.follow(subgraph), field).map((at) => {
      const tensor = tensors[file.int32(at)];
      if (tensor === undefined) throw refused(`tensor ${file.int32(at)} does not exist`);
      return readTensor(file, tensor);
    });
  return {
    inputs: tensorsOf(subgraphFields.inputs),
    outputs: tensorsOf(subgraphFields.outputs),
    hasVariables: tensors.some((tensor) => file.byte(tensor, tensorFields.isVariable) !== 0),
    hasOffsetBuffers: file
      .vector(model, modelFields.buffers)
      .some((at) => file.isGreaterThanOne(file.follow(at), bufferFields.offset)),
    hasResources: tensors.some((tensor) => file.byte(tensor, tensorFields.type) === resourceType),
  };
}

function readTensor(file: Flatbuffer, tensor: number): RuntimeTensor {
  const name = file.text(tensor, tensorFields.name);
  const type = file.byte(tensor, tensorFields.type);
  const dtype = dtypes[type];
  if (dtype === undefined) throw refused(`${name} has a dtype (${type}) that is no array's`);
  const shape = file.vector(tensor, tensorFields.shape).map((at) => Math.max(1, file.int32(at)));
  return { name, dtype, shape, quantization: readQuantization(file, tensor) };
}

function readQuantization(file: Flatbuffer, tensor: number): RuntimeTensor["quantization"] {
  const quantization = file.table(tensor, tensorFields.quantization);
  if (quantization === null) return null;
  const scales = file.vector(quantization, quantizationFields.scale);
  if (scales.length !== 1) return null;
  const zeroPoint = file.vector(quantization, quantizationFields.zeroPoint, 8)[0];
  return { scale: file.float32(scales[0]!), zeroPoint: zeroPoint === undefined ? 0 : file.int32(zeroPoint) };
}

/** Flatbuffers' own layout: a table starts with the distance back to its vtable, which lists where its fields lie. */
class Flatbuffer {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  root(identifier: string): number {
    const found = String.fromCharCode(...this.#bytes.subarray(4, 8));
    if (found !== identifier) throw refused("it is no .tflite file");
    return this.follow(0);
  }

  int32(at: number): number {
    this.#check(at, 4);
    return this.#view.getInt32(at, true);
  }

  float32(at: number): number {
    this.#check(at, 4);
    return this.#view.getFloat32(at, true);
  }

  follow(at: number): number {
    const target = at + (this.int32(at) >>> 0);
    this.#check(target, 4);
    return target;
  }

  byte(table: number, field: number): number {
    const at = this.#field(table, field);
    if (at === null) return 0;
    this.#check(at, 1);
    return this.#view.getUint8(at);
  }

  /** Of an unsigned field of 64 bits. */
  isGreaterThanOne(table: number, field: number): boolean {
    const at = this.#field(table, field);
    if (at === null) return false;
    this.#check(at, 8);
    return this.#view.getBigUint64(at, true) > 1n;
  }

  table(table: number, field: number): number | null {
    const at = this.#field(table, field);
    return at === null ? null : this.follow(at);
  }

  /** Positions of a vector's elements. */
  vector(table: number, field: number, elementBytes = 4): number[] {
    const vector = this.table(table, field);
    if (vector === null) return [];
    const length = this.int32(vector) >>> 0;
    if (length > maxTensors) throw refused(`a list of ${length} elements is too long`);
    this.#check(vector + 4, length * elementBytes);
    return Array.from({ length }, (_, index) => vector + 4 + index * elementBytes);
  }

  text(table: number, field: number): string {
    const at = this.table(table, field);
    if (at === null) return "";
    const length = this.int32(at) >>> 0;
    this.#check(at + 4, length);
    return new TextDecoder().decode(this.#bytes.subarray(at + 4, at + 4 + length));
  }

  #field(table: number, field: number): number | null {
    const vtable = table - this.int32(table);
    this.#check(vtable, 4);
    const slot = 4 + field * 2;
    if (slot + 2 > this.#view.getUint16(vtable, true)) return null;
    this.#check(vtable + slot, 2);
    const offset = this.#view.getUint16(vtable + slot, true);
    return offset === 0 ? null : table + offset;
  }

  #check(at: number, length: number): void {
    if (at < 0 || at + length > this.#bytes.length) throw refused("an offset points outside the file");
  }
}

function refused(reason: string): FlotillaError {
  return new FlotillaError("UNSUPPORTED_RUNTIME", `The model cannot be loaded: ${reason}.`);
}
