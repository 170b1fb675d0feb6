/**
 * One tensor of a `.tflite` file: sizes, bytes, quantization (`interpreter_builder.cc`, ParseQuantization, ParseTensors;
 * `verifier.cc`, VerifyTensors, VerifyStringTensorBuffer).
 */
import { FlotillaError } from "../errors.ts";
import { at, corrupt } from "./corrupt.ts";
import type { FileTensor } from "./schema.ts";
import { type TensorTypeName, tensorBits } from "./tensor-bits.ts";
import { verifySparsity } from "./verify-sparsity.ts";

export interface BufferBytes {
  readonly byteLength: number;
  bytes(): Uint8Array;
}

export interface TensorFacts {
  readonly name: string;
  readonly type: TensorTypeName;
  /** -1 is a dynamic size. */
  readonly shape: readonly number[];
  /** In memory, dynamic sizes counted as 1; 0 for types without bytes of their own. */
  readonly bytes: number;
  readonly constant: boolean;
  readonly variable: boolean;
}

export function verifyTensor(
  tensor: FileTensor,
  tensorCount: number,
  buffers: readonly BufferBytes[],
  limits: { readonly axes: number; readonly tensorBytes: number },
  path: string,
): TensorFacts {
  const { name, type, isVariable, sparsity, quantization } = tensor;
  if (tensor.externalBuffer !== 0)
    throw new FlotillaError("UNSUPPORTED_FORMAT", `${path}: its values are in another file.`, { details: { path } });
  const shape = shapeOf(tensor, limits.axes, path);
  const elements = shape.reduce((product, size) => product * Math.max(size, size === -1 ? 1 : 0), 1);
  const bytes = Math.ceil((elements * tensorBits[type]) / 8);
  if (!(bytes <= limits.tensorBytes))
    throw new FlotillaError("FORMAT_LIMIT", `${path}: "${name}" takes ${bytes} bytes, ${limits.tensorBytes} at most.`, {
      details: { path, bytes, limit: limits.tensorBytes },
    });
  const buffer = at(buffers, tensor.buffer, path, "buffer");
  const constant = buffer.byteLength > 0;
  if (constant && isVariable) throw corrupt(path, "a variable tensor has a value");
  if (constant && (type === "RESOURCE" || type === "VARIANT")) throw corrupt(path, `a ${type} tensor has a value`);
  if (constant && shape.includes(-1)) throw corrupt(path, "a constant has a dynamic size");
  if (sparsity) verifySparsity(sparsity, shape, { bits: tensorBits[type], bytes: buffer.byteLength }, path);
  else if (constant && type === "STRING") verifyStrings(buffer.bytes(), elements, path);
  else if (constant && buffer.byteLength !== bytes)
    throw corrupt(path, `${buffer.byteLength} bytes for ${type}[${shape.join(", ")}]`, {
      bytes: buffer.byteLength,
      expected: bytes,
    });
  verifyQuantization(quantization, shape, tensorCount, path);
  return { name, type, shape, bytes, constant, variable: isVariable };
}

/** `shape` with -1 where `shape_signature` has one; the two agree elsewhere. */
function shapeOf({ shape, shapeSignature }: FileTensor, mostAxes: number, path: string): readonly number[] {
  if (shape.length > mostAxes)
    throw new FlotillaError("FORMAT_LIMIT", `${path}: ${shape.length} axes, ${mostAxes} at most.`, {
      details: { path, found: shape.length, limit: mostAxes },
    });
  if (shape.some((size) => size < -1)) throw corrupt(path, `the shape [${shape.join(", ")}]`);
  if (shapeSignature.length === 0) return shape;
  if (shapeSignature.length !== shape.length)
    throw corrupt(path, `${shape.length} sizes and ${shapeSignature.length} in the signature`);
  return shape.map((size, axis) => {
    const signed = shapeSignature[axis];
    if (signed !== -1 && signed !== size) throw corrupt(path, `${size} along axis ${axis}, ${signed} in the signature`);
    return signed;
  });
}

/** A string buffer: how many, an offset for each and the end, ascending, then the characters. */
function verifyStrings(bytes: Uint8Array, elements: number, path: string): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = bytes.byteLength >= 4 ? view.getInt32(0, true) : -1;
  const head = 4 + (count + 1) * 4;
  if (count !== elements || head > bytes.byteLength) throw corrupt(path, `${count} strings for ${elements} elements`);
  let previous = head;
  for (let i = 0; i <= count; i++) {
    const offset = view.getInt32(4 + i * 4, true);
    const sound = offset >= previous && offset <= bytes.byteLength && (i > 0 || offset === head);
    if (!sound) throw corrupt(path, `string ${i} begins at byte ${offset} of ${bytes.byteLength}`);
    previous = offset;
  }
  if (previous !== bytes.byteLength) throw corrupt(path, `strings end at byte ${previous} of ${bytes.byteLength}`);
}

/** One scale, or one for each element along the quantized dimension; block-wise scales are tensors of the graph. */
function verifyQuantization(
  quantization: FileTensor["quantization"],
  shape: readonly number[],
  tensorCount: number,
  path: string,
): void {
  if (!quantization) return;
  const { scale, zeroPoint, quantizedDimension: axis, details } = quantization;
  if (details?.type === "BlockwiseQuantization") {
    const { scales, zeroPoints, blockSize } = details.value;
    const exists = (id: unknown): boolean => typeof id === "number" && id >= -1 && id < tensorCount;
    if (!exists(scales) || scales === -1 || !exists(zeroPoints)) throw corrupt(path, "scales in a tensor that is none");
    if (typeof blockSize !== "number" || blockSize < 1) throw corrupt(path, `blocks of ${String(blockSize)}`);
  }
  if (scale.length === 0) return;
  if (zeroPoint.length !== scale.length)
    throw corrupt(path, `${scale.length} scales and ${zeroPoint.length} zero points`);
  if (scale.length > 1 && shape[axis] !== scale.length)
    throw corrupt(path, `${scale.length} scales along axis ${axis} of [${shape.join(", ")}]`);
  if (!scale.every((value) => Number.isFinite(value) && value >= 0)) throw corrupt(path, "a scale that is no size");
}
