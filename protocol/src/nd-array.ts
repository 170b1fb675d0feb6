/**
 * A dense array in memory: what runtimes take and give, and what `.npy`/`.npz` files hold.
 * Row-major. float16 is carried as its bits in a Uint16Array, bool as 0/1 in a Uint8Array.
 */
export type ArrayDType =
  | "float32"
  | "float64"
  | "float16"
  | "int8"
  | "uint8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "bool";

export type ArrayData =
  | Float32Array
  | Float64Array
  | Uint16Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array;

export interface NdArray {
  readonly dtype: ArrayDType;
  readonly shape: readonly number[];
  readonly data: ArrayData;
}
