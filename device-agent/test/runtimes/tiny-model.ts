/**
 * Writes tiny `.tflite` files for runtime tests: the few tables of the TFLite schema that they need, nothing of the converter's.
 * Operators go without builtin options, so only those that have defaults for all of them.
 */
import { Builder, type Offset } from "flatbuffers";

/** TensorType of the schema. */
export const tensorTypes = {
  float32: 0,
  float16: 1,
  int32: 2,
  uint8: 3,
  int64: 4,
  bool: 6,
  int16: 7,
  int8: 9,
  float64: 10,
} as const;

/** BuiltinOperator of the schema. */
export const operatorCodes = { add: 0, dequantize: 6, custom: 32, cast: 53, logicalNot: 87, quantize: 114 } as const;

export interface TinyTensor {
  readonly name: string;
  readonly type: keyof typeof tensorTypes;
  readonly shape: readonly number[];
  /** -1 for a size that is not fixed. */
  readonly shapeSignature?: readonly number[];
  readonly scale?: number;
  readonly zeroPoint?: number;
  readonly data?: Uint8Array;
}

export interface TinyModel {
  readonly tensors: readonly TinyTensor[];
  readonly operators: readonly {
    readonly kind: keyof typeof operatorCodes;
    readonly inputs: readonly number[];
    readonly outputs: readonly number[];
  }[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Names to tensor indices, in the order in which they are to be listed. */
  readonly signature?: { readonly inputs: Record<string, number>; readonly outputs: Record<string, number> };
}

export function buildTinyModel(model: TinyModel): Uint8Array {
  const b = new Builder(1024);
  const kinds = [...new Set(model.operators.map(({ kind }) => kind))];
  const codes = tables(
    b,
    kinds.map((kind) => operatorCode(b, kind)),
  );
  const tensors = tables(
    b,
    model.tensors.map((tensor, index) => tensorTable(b, tensor, index + 1)),
  );
  const operators = tables(
    b,
    model.operators.map(({ kind, inputs, outputs }) => {
      const fields = [ints(b, inputs), ints(b, outputs)] as const;
      b.startObject(3);
      b.addFieldInt32(0, kinds.indexOf(kind), 0);
      b.addFieldOffset(1, fields[0], 0);
      b.addFieldOffset(2, fields[1], 0);
      return b.endObject();
    }),
  );
  const [inputs, outputs] = [ints(b, model.inputs), ints(b, model.outputs)];
  b.startObject(4);
  b.addFieldOffset(0, tensors, 0);
  b.addFieldOffset(1, inputs, 0);
  b.addFieldOffset(2, outputs, 0);
  b.addFieldOffset(3, operators, 0);
  const subgraphs = tables(b, [b.endObject()]);
  const buffers = tables(
    b,
    [undefined, ...model.tensors.map(({ data }) => data)].map((data) => bufferTable(b, data)),
  );
  const signatures = model.signature ? tables(b, [signatureTable(b, model.signature)]) : 0;
  b.startObject(8);
  b.addFieldInt32(0, 3, 0);
  b.addFieldOffset(1, codes, 0);
  b.addFieldOffset(2, subgraphs, 0);
  b.addFieldOffset(4, buffers, 0);
  b.addFieldOffset(7, signatures, 0);
  b.finish(b.endObject(), "TFL3");
  return b.asUint8Array().slice();
}

function operatorCode(b: Builder, kind: keyof typeof operatorCodes): Offset {
  const custom = kind === "custom" ? b.createString("NobodyKnowsThis") : 0;
  b.startObject(4);
  b.addFieldInt8(0, operatorCodes[kind], 0);
  b.addFieldOffset(1, custom, 0);
  b.addFieldInt32(2, 1, 0);
  b.addFieldInt32(3, operatorCodes[kind], 0);
  return b.endObject();
}

function tensorTable(b: Builder, tensor: TinyTensor, buffer: number): Offset {
  const name = b.createString(tensor.name);
  const shape = ints(b, tensor.shape);
  const signature = tensor.shapeSignature ? ints(b, tensor.shapeSignature) : 0;
  const quantization = tensor.scale === undefined ? 0 : quantizationTable(b, tensor.scale, tensor.zeroPoint ?? 0);
  b.startObject(8);
  b.addFieldOffset(0, shape, 0);
  b.addFieldInt8(1, tensorTypes[tensor.type], 0);
  b.addFieldInt32(2, buffer, 0);
  b.addFieldOffset(3, name, 0);
  b.addFieldOffset(4, quantization, 0);
  b.addFieldOffset(7, signature, 0);
  return b.endObject();
}

function quantizationTable(b: Builder, scale: number, zeroPoint: number): Offset {
  b.startVector(4, 1, 4);
  b.addFloat32(scale);
  const scales = b.endVector();
  b.startVector(8, 1, 8);
  b.addInt64(BigInt(zeroPoint));
  const zeroPoints = b.endVector();
  b.startObject(7);
  b.addFieldOffset(2, scales, 0);
  b.addFieldOffset(3, zeroPoints, 0);
  return b.endObject();
}

function bufferTable(b: Builder, data: Uint8Array | undefined): Offset {
  let bytes = 0;
  if (data) {
    b.startVector(1, data.length, 16);
    for (let i = data.length - 1; i >= 0; i--) b.addInt8(data[i]!);
    bytes = b.endVector();
  }
  b.startObject(1);
  b.addFieldOffset(0, bytes, 0);
  return b.endObject();
}

function signatureTable(b: Builder, signature: NonNullable<TinyModel["signature"]>): Offset {
  const maps = (entries: Record<string, number>) =>
    tables(
      b,
      Object.entries(entries).map(([name, index]) => {
        const text = b.createString(name);
        b.startObject(2);
        b.addFieldOffset(0, text, 0);
        b.addFieldInt32(1, index, 0);
        return b.endObject();
      }),
    );
  const [inputs, outputs] = [maps(signature.inputs), maps(signature.outputs)];
  const key = b.createString("serving_default");
  b.startObject(5);
  b.addFieldOffset(0, inputs, 0);
  b.addFieldOffset(1, outputs, 0);
  b.addFieldOffset(2, key, 0);
  return b.endObject();
}

function ints(b: Builder, values: readonly number[]): Offset {
  b.startVector(4, values.length, 4);
  for (const value of values.toReversed()) b.addInt32(value);
  return b.endVector();
}

function tables(b: Builder, offsets: readonly Offset[]): Offset {
  b.startVector(4, offsets.length, 4);
  for (const offset of offsets.toReversed()) b.addOffset(offset);
  return b.endVector();
}
