/** A dataset of an HDF5 file as a weight: 32-bit floats, whatever the width in the file; counters and seeds as integers. */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Hdf5Dataset } from "../../codecs/hdf5/dataset.ts";
import { bytesOf, decodeFloat16, valuesOf } from "../../ir/values.ts";
import type { Weight } from "../tfjs-layers/container.ts";
import type { WeightDType } from "../tfjs-layers/weight-spec.ts";

interface Reading {
  readonly dtype: WeightDType;
  /** The stored elements in that dtype, little-endian. */
  readonly decode: (stored: Uint8Array) => Uint8Array;
}

/** @throws UNSUPPORTED_FORMAT for elements that are no numbers; `bytes()` throws what {@link Hdf5Dataset.bytes} throws */
export function storedWeight(dataset: Hdf5Dataset, name: string): Weight {
  const reading = readingOf(dataset);
  const elements = dataset.byteLength / dataset.type.bytes;
  return {
    name,
    dtype: reading.dtype,
    shape: dataset.shape,
    byteLength: elements * (reading.dtype === "bool" ? 1 : 4),
    bytes: () => reading.decode(dataset.bytes()),
  };
}

function readingOf({ type, path }: Hdf5Dataset): Reading {
  switch (type.kind) {
    case "float":
      if (type.bytes === 4) return { dtype: "float32", decode: (stored) => stored };
      if (type.bytes === 2) return { dtype: "float32", decode: (stored) => bytesOf("float32", decodeFloat16(stored)) };
      return { dtype: "float32", decode: (stored) => bytesOf("float32", valuesOf("float64", stored)) };
    case "opaque":
      // Keras 3 writes bfloat16, which NumPy does not know, as two opaque bytes.
      if (type.bytes === 2) return { dtype: "float32", decode: decodeBfloat16 };
      break;
    case "bool":
      return { dtype: "bool", decode: (stored) => stored };
    case "signed":
    case "unsigned":
      return { dtype: "int32", decode: (stored) => decodeIntegers(stored, type.bytes, type.kind === "signed") };
  }
  const found = type.kind === "other" ? type.what : `${type.kind} of ${type.bytes} bytes`;
  throw new FlotillaError("UNSUPPORTED_FORMAT", `The weight ${path} has elements that are not read: ${found}.`, {
    details: { weight: path, found, supported: ["float16", "bfloat16", "float32", "float64", "integers", "bool"] },
  });
}

/** Weights that a layer must take: integers are counters and seeds, which matter in training only. */
export const neededOf = (weights: ReadonlyMap<string, Weight>): ReadonlyMap<string, Weight> =>
  new Map([...weights].filter(([, { dtype }]) => dtype !== "int32"));

/** The upper halves of floats. */
function decodeBfloat16(stored: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(stored.byteLength * 2);
  for (let from = 0, to = 2; from < stored.byteLength; from += 2, to += 4) {
    bytes[to] = stored[from]!;
    bytes[to + 1] = stored[from + 1]!;
  }
  return bytes;
}

/** The low 32 bits: only counters and seeds are integers, and no layer computes with those. */
function decodeIntegers(stored: Uint8Array, bytes: number, signed: boolean): Uint8Array {
  const result = new Uint8Array((stored.byteLength / bytes) * 4);
  for (let from = 0, to = 0; from < stored.byteLength; from += bytes, to += 4) {
    const element = stored.subarray(from, from + Math.min(bytes, 4));
    result.set(element, to);
    if (signed && (element.at(-1) ?? 0) & 0x80) result.fill(0xff, to + element.byteLength, to + 4);
  }
  return result;
}
