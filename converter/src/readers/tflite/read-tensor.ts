/**
 * One tensor of a `.tflite` file. Checks dtype, sizes, byte count and quantization (`interpreter_builder.cc`,
 * ParseQuantization); says what it cannot carry instead of dropping it. `min` and `max` are hints for trainers, not carried.
 */

import { corrupt } from "@flotilla/protocol/tflite/corrupt";
import type { FileQuantization, FileTensor } from "@flotilla/protocol/tflite/schema";
import { byteSize, type Quantization, type Shape, type Tensor, type TensorId } from "../../ir/graph.ts";
import { dtypeOf } from "../../ops/element-type.ts";
import type { BufferOf } from "./file-buffers.ts";
import { denseConstant, type UnpackBudget } from "./sparse-constant.ts";

/** Larger tensors, and ones of more axes, are none that a runtime could hold. */
const largestTensorElements = 2 ** 36;
const highestRank = 32;

/** Asserts that sizes and their product are within reason; a dynamic size counts as 1. */
export function checkSize(shape: Shape, path: string): void {
  if (shape.length > highestRank) throw corrupt(path, `a tensor of ${shape.length} axes`);
  if (shape.reduce((product, size) => product * Math.max(size, 1), 1) > largestTensorElements)
    throw corrupt(path, `the shape [${shape.join(", ")}] is beyond every runtime`, { shape });
}

/** The tensor, or why it cannot be carried. */
export type TensorRead = { readonly tensor: Tensor; readonly ranked: boolean } | { readonly refused: string };

export function readTensor(
  file: FileTensor,
  id: TensorId,
  { bufferOf, budget }: { readonly bufferOf: BufferOf; readonly budget: UnpackBudget },
  path: string,
): TensorRead {
  const dtype = dtypeOf(file.type);
  if (!dtype) return { refused: `its type is ${file.type}` };
  if (file.externalBuffer !== 0) return { refused: "its values are in another file" };
  if (file.variantTensors.length > 0) return { refused: "it holds tensors of variable type" };
  const details = file.quantization?.details;
  if (details && !(details.type === "BlockwiseQuantization" && details.value.zeroPoints === -1))
    return { refused: `its quantization is ${details.type}` };

  const shape = readShape(file, path);
  const stored = bufferOf(file.buffer, path);
  const { sparsity } = file;
  const constant = sparsity ? denseConstant({ ...file, sparsity }, dtype, shape, stored, budget, path) : stored;
  if (typeof constant === "string") return { refused: constant };
  if (file.isVariable && constant.byteLength > 0) throw corrupt(path, "a variable tensor has a value");
  if (dtype === "resource" && constant.byteLength > 0) throw corrupt(path, "a handle has a value");
  if (constant.byteLength > 0 && dtype !== "string" && constant.byteLength !== byteSize(dtype, shape))
    throw corrupt(path, `${constant.byteLength} bytes for ${dtype}[${shape.join(", ")}]`, {
      bytes: constant.byteLength,
      expected: byteSize(dtype, shape),
    });
  const quantization = readQuantization(file.quantization, shape, path);
  return {
    tensor: Object.freeze({
      id,
      name: file.name,
      dtype,
      shape,
      ...(constant.byteLength > 0 ? { constant } : {}),
      ...(quantization ? { quantization } : {}),
      ...(file.isVariable ? { variable: true } : {}),
    }),
    ranked: file.hasRank || shape.length > 0,
  };
}

/** `shape` with -1 where `shape_signature` has one. */
function readShape(file: FileTensor, path: string): Shape {
  const { shape, shapeSignature } = file;
  if (shapeSignature.length > 0 && shapeSignature.length !== shape.length)
    throw corrupt(path, `${shape.length} sizes and ${shapeSignature.length} in the signature`);
  const sizes = shape.map((size, axis) => (shapeSignature[axis] === -1 ? -1 : size));
  if (sizes.some((size) => size < -1)) throw corrupt(path, `the shape [${shape.join(", ")}]`);
  checkSize(sizes, path);
  return Object.freeze(sizes);
}

function readQuantization(file: FileQuantization | null, shape: Shape, path: string): Quantization | undefined {
  if (file?.details?.type === "BlockwiseQuantization") {
    const { scales } = file.details.value; // the structural verifier has seen that they exist
    const size = Number(file.details.value.blockSize);
    const blocks = Object.freeze({ scales: scales as TensorId, size });
    return Object.freeze({ scales: [], zeroPoints: [], axis: file.quantizedDimension, blocks });
  }
  if (!file || file.scale.length === 0) return undefined;
  const { scale, zeroPoint, quantizedDimension: axis } = file;
  if (zeroPoint.length !== scale.length)
    throw corrupt(path, `${scale.length} scales and ${zeroPoint.length} zero points`);
  if (scale.length > 1 && shape[axis] !== scale.length)
    throw corrupt(path, `${scale.length} scales along axis ${axis} of [${shape.join(", ")}]`);
  if (!scale.every((value) => Number.isFinite(value) && value >= 0)) throw corrupt(path, "a scale that is no size");
  const zeroPoints = zeroPoint.map(Number);
  if (!zeroPoints.every(Number.isSafeInteger)) throw corrupt(path, "a zero point beyond every integer type");
  return Object.freeze({ scales: scale, zeroPoints: Object.freeze(zeroPoints), axis });
}
