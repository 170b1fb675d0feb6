/**
 * One weight as bytes of a TFJS weight file, with its entry in the manifest. Only float32 weights of some size are
 * stored narrower: in small ones (biases, slopes, numbers of formulas) little is won, and much can be lost.
 */
import type { JsonObject } from "@flotilla/protocol/json-value";
import type { Constant, Shape } from "../../ir/graph.ts";
import { encodeFloat16, float32ValuesOf } from "../../ir/values.ts";
import { leastErrorRange, quantizeTo } from "./affine-range.ts";
import type { TfjsRecipe } from "./tfjs-recipe.ts";

export interface TfjsWeight {
  readonly name: string;
  readonly dtype: "float32" | "int32" | "bool";
  readonly shape: Shape;
  /** In `dtype`, little-endian. */
  readonly constant: Constant;
  /** Stored as it is in every recipe. */
  readonly exact?: boolean;
}

export interface EncodedWeight {
  readonly entry: JsonObject;
  readonly bytes: Uint8Array;
}

/** As LiteRT's converter has it for its weights (`quantize_weights.cc`). */
export const leastElements = 1024;
const float16Limit = 65_504;

export function encodeWeight({ name, dtype, shape, constant, exact }: TfjsWeight, recipe: TfjsRecipe): EncodedWeight {
  const entry = { name, shape: [...shape], dtype };
  const bytes = constant.bytes();
  const small = bytes.byteLength < leastElements * 4;
  if (recipe === "float32" || dtype !== "float32" || small || exact === true) return { entry, bytes };
  const values = float32ValuesOf(bytes);
  // What the narrow format cannot say stays as it is.
  const limit = recipe === "float16" ? float16Limit : Number.MAX_VALUE;
  if (!values.every((value) => Math.abs(value) <= limit)) return { entry, bytes };
  if (recipe === "float16") {
    const quantization = { dtype: "float16", original_dtype: "float32" };
    return { entry: { ...entry, quantization }, bytes: encodeFloat16(values) };
  }
  const narrow = recipe === "weights-uint8" ? "uint8" : "uint16";
  const levels = narrow === "uint8" ? 256 : 65_536;
  const range = leastErrorRange(values, levels);
  const stored = narrow === "uint8" ? new Uint8Array(values.length) : new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) stored[i] = quantizeTo(values[i] ?? 0, range, levels);
  const quantization = { dtype: narrow, min: range.min, scale: range.scale, original_dtype: "float32" };
  return { entry: { ...entry, quantization }, bytes: new Uint8Array(stored.buffer) };
}
