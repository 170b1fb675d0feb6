/**
 * What the kernels of the runtimes aimed at can do, as planning asks it. A form that they lack is not chosen where there
 * is another; an operator without any stays float. Profiles of targets give these (`runtime-target.ts`).
 */
import type { Op, OperatorUse } from "../ops/define-op.ts";
import type { Precision } from "./precision.ts";

export interface KernelLimits {
  /** Of whom these are, for reasons: "tflite-2.5". */
  readonly name: string;
  /** Why its kernel of this use (dtypes, scales, options) is lacking; null when it is there. */
  lacks(op: Op, use: OperatorUse): string | null;
  /** Why operators cannot have this precision at all; null when they can. */
  refuses(precision: Precision): string | null;
  /** Does its kernel of this operator take one scale for all weights only? */
  perTensorOnly(op: Op): boolean;
  /** dtype of biases beside int16 values, stated in `quantizedBiasType`; null: int64, unstated. */
  readonly wideBias: "int32" | null;
}
