/**
 * Arrays to bytes and back, and the check that a run's inputs fit the model. Same rules for every runtime.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { allocateData, elementCount } from "@flotilla/protocol/npy";
import type { RuntimeTensor } from "../ports/tflite-runtime.ts";

/** @throws CONFIG_INVALID naming the input: wrong count, dtype or element count. */
export function checkInputs(tensors: readonly RuntimeTensor[], inputs: readonly NdArray[]): void {
  if (inputs.length !== tensors.length) {
    throw new FlotillaError("CONFIG_INVALID", `The model takes ${tensors.length} inputs, found ${inputs.length}.`);
  }
  for (const [position, tensor] of tensors.entries()) {
    const { dtype, shape, data } = inputs[position]!;
    if (dtype !== tensor.dtype || data.length !== elementCount(tensor.shape)) {
      const expected = `${tensor.dtype} [${tensor.shape.join(", ")}]`;
      const found = `${dtype} [${shape.join(", ")}] with ${data.length} elements`;
      throw new FlotillaError("CONFIG_INVALID", `Input ${tensor.name} takes ${expected}, found ${found}.`, {
        details: { input: tensor.name, expected, found },
      });
    }
  }
}

/** A tensor's bytes, without a copy. */
export function bytesOf({ data }: NdArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** A new array that holds a copy of the bytes. */
export function arrayFrom(tensor: RuntimeTensor, bytes: Uint8Array): NdArray {
  const data = allocateData(tensor.dtype, elementCount(tensor.shape));
  if (data.byteLength !== bytes.length) {
    throw new FlotillaError(
      "UNSUPPORTED_RUNTIME",
      `The runtime holds ${bytes.length} bytes for ${tensor.name}, ${tensor.dtype} [${tensor.shape.join(", ")}] takes ${data.byteLength}.`,
    );
  }
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength).set(bytes);
  return { dtype: tensor.dtype, shape: tensor.shape, data };
}
