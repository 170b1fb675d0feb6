/** Small words for the version rules of `op_version.cc`. */
import type { DType } from "../ir/graph.ts";
import type { OperatorUse } from "./define-op.ts";

export const inputDType = (use: OperatorUse, position: number): DType | undefined => use.inputs[position]?.dtype;
export const inputRank = (use: OperatorUse, position: number): number => use.inputs[position]?.shape.length ?? 0;

/** The version by the dtype of one input; 1 for dtypes that are not listed. */
export const byInput =
  (position: number, versions: Partial<Record<DType, number>>) =>
  (use: OperatorUse): number =>
    versions[inputDType(use, position) ?? "float32"] ?? 1;

/** Per channel in the sense of the file: more than one scale. */
export const isPerChannel = (use: OperatorUse, position: number): boolean =>
  (use.inputs[position]?.quantization?.scales.length ?? 0) > 1;

/** Float activations with int8 weights: the kernel quantizes its input as it runs. */
export const isHybrid = (use: OperatorUse): boolean =>
  inputDType(use, 0) === "float32" && inputDType(use, 1) === "int8" && use.outputs[0]?.dtype === "float32";

/** Do the first two operands have different shapes, and is one of them beyond rank 4? */
export const broadcastsBeyondRank4 = (use: OperatorUse): boolean => {
  const [a, b] = [use.inputs[0]?.shape ?? [], use.inputs[1]?.shape ?? []];
  const differ = a.length !== b.length || a.some((size, axis) => size !== b[axis]);
  return differ && Math.max(a.length, b.length) > 4;
};

export const always1 = (): number => 1;
