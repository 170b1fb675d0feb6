/** Shapes of HDF5 datasets and attributes, versions 1 and 2. Rules: specification IV.A.2.b. */
import type { Cursor } from "./cursor.ts";
import { hdf5Limits } from "./hdf5-file.ts";

/** Sizes of the axes; [] for one element, undefined for none at all ("null"). */
export function decodeDataspace(cursor: Cursor): readonly number[] | undefined {
  const version = cursor.u8();
  const rank = cursor.u8();
  cursor.skip(1); // flags: the largest sizes follow, which do not matter here
  if (version !== 1 && version !== 2) throw cursor.fault("FORMAT_CORRUPT", `is of version ${version}`);
  if (rank > hdf5Limits.rank) throw cursor.fault("FORMAT_LIMIT", `has ${rank} axes, the limit is ${hdf5Limits.rank}`);
  const kind = version === 2 ? cursor.u8() : 1;
  if (version === 1) cursor.skip(5);
  if (kind === 2) return undefined;
  return Array.from({ length: rank }, () => cursor.length());
}

/** Elements of a shape. @throws FORMAT_LIMIT beyond what bounds allow, at `bytes` an element */
export function boundedElements(cursor: Cursor, shape: readonly number[], bytes: number): number {
  let elements = 1;
  for (const size of shape) {
    elements *= size;
    if (elements * bytes > hdf5Limits.datasetBytes) {
      throw cursor.fault("FORMAT_LIMIT", `[${shape.join(", ")}] takes more than ${hdf5Limits.datasetBytes} bytes`);
    }
  }
  return elements;
}
