/** Output sizes of convolutions and pools (`ComputeOutSize` in tflite/kernels/padding.h). -1 is a dynamic size. */
import { refuse } from "../refuse.ts";

export interface Window {
  readonly filter: number;
  readonly stride: number;
  readonly dilation?: number;
  readonly padding: "SAME" | "VALID";
}

export function windowOutput(size: number, { filter, stride, dilation = 1, padding }: Window): number {
  if (filter < 1 || stride < 1 || dilation < 1)
    throw refuse(`A window of size ${filter}, stride ${stride}, dilation ${dilation} makes no sense.`);
  if (size === -1) return -1;
  const reach = (filter - 1) * dilation + 1;
  const output = padding === "SAME" ? Math.ceil(size / stride) : Math.floor((size + stride - reach) / stride);
  if (output < 1) throw refuse(`A window of ${reach} does not fit into a size of ${size}.`);
  return output;
}
