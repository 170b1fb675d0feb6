/** `evaluate` of elementwise operators on float32 and int32: one rounding to float32 per operation, as in the kernels. */
import type { DType, Shape } from "../../ir/graph.ts";
import { bytesOf, valuesOf } from "../../ir/values.ts";
import { clampOf } from "../activation.ts";
import type { ConstantValue } from "../define-op.ts";
import { broadcastShapes } from "../shape/broadcast.ts";

type Evaluated = readonly ConstantValue[] | null;
type Inputs = readonly (ConstantValue | null)[];

const isFloatOrInt = (value: ConstantValue): boolean => value.dtype === "float32" || value.dtype === "int32";

/** One operand, float32 only unless `int32` is allowed. */
export function evaluateUnary(
  inputs: Inputs,
  apply: (value: number) => number,
  { int32 = false }: { int32?: boolean } = {},
): Evaluated {
  const [input] = inputs;
  if (!input || !isFloatOrInt(input) || (input.dtype === "int32" && !int32)) return null;
  const values = Float64Array.from(valuesOf(input.dtype, input.bytes), apply);
  return [{ dtype: input.dtype, shape: input.shape, bytes: bytesOf(input.dtype, values) }];
}

/** Two operands of one dtype, broadcast, then the fused activation if there is one. */
export function evaluateBinary(
  inputs: Inputs,
  apply: (a: number, b: number) => number,
  fusedActivationFunction = "NONE",
): Evaluated {
  const pairs = pairUp(inputs);
  if (!pairs) return null;
  const { dtype, shape } = pairs;
  const [low, high] = clampOf(fusedActivationFunction);
  const round = dtype === "float32" ? Math.fround : (value: number) => value | 0;
  const values = pairs.map((a, b) => Math.min(high, Math.max(low, round(apply(a, b)))));
  return [{ dtype, shape, bytes: bytesOf(dtype, values) }];
}

/** Two operands of one dtype, broadcast, to a boolean. */
export function evaluateComparison(inputs: Inputs, apply: (a: number, b: number) => boolean): Evaluated {
  const pairs = pairUp(inputs);
  if (!pairs) return null;
  return [
    {
      dtype: "bool",
      shape: pairs.shape,
      bytes: bytesOf(
        "bool",
        pairs.map((a, b) => (apply(a, b) ? 1 : 0)),
      ),
    },
  ];
}

/** Two booleans, broadcast. */
export function evaluateLogical([a, b]: Inputs, apply: (a: boolean, b: boolean) => boolean): Evaluated {
  if (a?.dtype !== "bool" || b?.dtype !== "bool") return null;
  const shape = broadcastShapes(a.shape, b.shape);
  const right = broadcastIndex(b.shape, shape);
  const bytes = Uint8Array.from(broadcastIndex(a.shape, shape), (at, i) =>
    apply(a.bytes[at] === 1, b.bytes[right[i] ?? 0] === 1) ? 1 : 0,
  );
  return [{ dtype: "bool", shape, bytes }];
}

interface Pairs {
  readonly dtype: DType;
  readonly shape: Shape;
  map(apply: (a: number, b: number) => number): Float64Array;
}

/** The elements of two operands that meet each other; null for dtypes that are not evaluated. */
function pairUp([a, b]: Inputs): Pairs | null {
  if (!a || !b || a.dtype !== b.dtype || !isFloatOrInt(a)) return null;
  const shape = broadcastShapes(a.shape, b.shape);
  const [left, right] = [broadcastIndex(a.shape, shape), broadcastIndex(b.shape, shape)];
  const [x, y] = [valuesOf(a.dtype, a.bytes), valuesOf(b.dtype, b.bytes)];
  return {
    dtype: a.dtype,
    shape,
    map: (apply) => Float64Array.from(left, (at, i) => apply(x[at] ?? 0, y[right[i] ?? 0] ?? 0)),
  };
}

/** For every element of `to`, the element of `from` that it stretches. */
function broadcastIndex(from: Shape, to: Shape): Uint32Array {
  let index = new Uint32Array(1);
  let stride = from.reduce((product, size) => product * size, 1);
  for (const [axis, size] of to.entries()) {
    const own = from[axis - to.length + from.length] ?? 1;
    stride /= own || 1;
    const step = own === 1 ? 0 : stride;
    const next = new Uint32Array(index.length * size);
    for (let i = 0; i < next.length; i++) next[i] = (index[Math.floor(i / size)] ?? 0) + (i % size) * step;
    index = next;
  }
  return index;
}
