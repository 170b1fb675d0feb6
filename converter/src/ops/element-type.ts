/** dtypes of the graph and `TensorType` names of the file. VARIANT has no place in the graph. */
import type { tensorType } from "@flotilla/protocol/tflite/enums";
import type { DType } from "../ir/graph.ts";

export type TensorTypeName = keyof typeof tensorType.values;

const names: Readonly<Record<DType, TensorTypeName>> = {
  float32: "FLOAT32",
  float16: "FLOAT16",
  int32: "INT32",
  uint8: "UINT8",
  int64: "INT64",
  string: "STRING",
  bool: "BOOL",
  int16: "INT16",
  complex64: "COMPLEX64",
  int8: "INT8",
  float64: "FLOAT64",
  complex128: "COMPLEX128",
  uint64: "UINT64",
  uint32: "UINT32",
  uint16: "UINT16",
  int4: "INT4",
  bfloat16: "BFLOAT16",
  int2: "INT2",
  uint4: "UINT4",
  float8e4m3fn: "FLOAT8_E4M3FN",
  float8e5m2: "FLOAT8_E5M2",
  resource: "RESOURCE",
};
const dtypes = new Map<string, DType>();
for (const dtype of Object.keys(names) as DType[]) dtypes.set(names[dtype], dtype); // the keys are dtypes by the type above

/** Undefined for VARIANT and names that do not exist. */
export const dtypeOf = (name: string): DType | undefined => dtypes.get(name);

export const tensorTypeOf = (dtype: DType): TensorTypeName => names[dtype];
