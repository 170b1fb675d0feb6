/** How many bits an element of each `TensorType` takes in a file; 0 for those without bytes of their own. */
import type { tensorType } from "./enums.ts";

export type TensorTypeName = keyof typeof tensorType.values;

export const tensorBits: Readonly<Record<TensorTypeName, number>> = {
  FLOAT32: 32, FLOAT16: 16, INT32: 32, UINT8: 8, INT64: 64, STRING: 0, BOOL: 8, INT16: 16, COMPLEX64: 64, INT8: 8,
  FLOAT64: 64, COMPLEX128: 128, UINT64: 64, RESOURCE: 0, VARIANT: 0, UINT32: 32, UINT16: 16, INT4: 4, BFLOAT16: 16,
  INT2: 2, UINT4: 4, FLOAT8_E4M3FN: 8, FLOAT8_E5M2: 8,
}; // biome-ignore format: a table
