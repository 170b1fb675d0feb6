/** What source runtimes do with arrays: check them against the model's inputs, cut batches, lay results end to end. */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { ArrayData, NdArray } from "@flotilla/protocol/nd-array";
import { elementCount } from "@flotilla/protocol/npy";
import type { SourceTensor } from "./source-runtime.ts";

/** The array given for an input. `anyBatch`: the first axis may have any size. @throws CONFIG_INVALID */
export function checkInput(
  owner: string,
  tensor: SourceTensor,
  array: NdArray | undefined,
  { anyBatch }: { readonly anyBatch: boolean },
): NdArray {
  if (array === undefined) throw misfit(owner, `input ${tensor.name} is missing`);
  const fits =
    array.dtype === tensor.dtype &&
    array.shape.length === tensor.shape.length &&
    array.data.length === elementCount(array.shape) &&
    tensor.shape.every((size, axis) => (anyBatch && axis === 0) || size === -1 || size === array.shape[axis]);
  if (fits) return array;
  const expected = `${tensor.dtype} [${tensor.shape.join(", ")}]`;
  throw misfit(owner, `input ${tensor.name} takes ${expected}, found ${array.dtype} [${array.shape.join(", ")}]`);
}

/** Rows `start` to `end` along the first axis. */
export function sliceRows({ dtype, shape, data }: NdArray, start: number, end: number): NdArray {
  const size = elementCount(shape.slice(1));
  return { dtype, shape: [end - start, ...shape.slice(1)], data: data.subarray(start * size, end * size) };
}

/** Batches laid end to end along the first axis. */
export function joinRows(owner: string, parts: readonly NdArray[]): NdArray {
  const [first] = parts;
  if (first === undefined) throw misfit(owner, "there is no sample");
  if (parts.length === 1) return first;
  const length = parts.reduce((sum, part) => sum + part.data.length, 0);
  const data = sameKind(first.data, length);
  let filled = 0;
  for (const part of parts) {
    if (data instanceof BigInt64Array) {
      if (part.data instanceof BigInt64Array) data.set(part.data, filled);
    } else if (!(part.data instanceof BigInt64Array)) data.set(part.data, filled);
    filled += part.data.length;
  }
  const rows = parts.reduce((sum, part) => sum + (part.shape[0] ?? 1), 0);
  return { dtype: first.dtype, shape: [rows, ...first.shape.slice(1)], data };
}

function sameKind(like: ArrayData, length: number): ArrayData {
  if (like instanceof Float32Array) return new Float32Array(length);
  if (like instanceof Int32Array) return new Int32Array(length);
  if (like instanceof Uint8Array) return new Uint8Array(length);
  if (like instanceof BigInt64Array) return new BigInt64Array(length);
  return new Float64Array(length);
}

export function misfit(owner: string, message: string): FlotillaError {
  return new FlotillaError("CONFIG_INVALID", `${owner}: ${message}.`);
}
