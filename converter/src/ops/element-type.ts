/** dtypes of the graph and `TensorType` names of the file. RESOURCE and VARIANT have no place in the graph. */
import type { DType } from "../ir/graph.ts";

const dtypes: Readonly<Record<string, DType>> = {
  FLOAT32: "float32",
  FLOAT16: "float16",
  INT32: "int32",
  UINT8: "uint8",
  INT64: "int64",
  STRING: "string",
  BOOL: "bool",
  INT16: "int16",
  COMPLEX64: "complex64",
  INT8: "int8",
  FLOAT64: "float64",
  COMPLEX128: "complex128",
  UINT64: "uint64",
  UINT32: "uint32",
  UINT16: "uint16",
  INT4: "int4",
  BFLOAT16: "bfloat16",
  INT2: "int2",
  UINT4: "uint4",
  FLOAT8_E4M3FN: "float8e4m3fn",
  FLOAT8_E5M2: "float8e5m2",
};
const names = new Map(Object.entries(dtypes).map(([name, dtype]) => [dtype, name]));

/** Undefined for RESOURCE, VARIANT and names that do not exist. */
export const dtypeOf = (tensorType: string): DType | undefined => dtypes[tensorType];

export const tensorTypeOf = (dtype: DType): string => names.get(dtype) ?? "FLOAT32";
