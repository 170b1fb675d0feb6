/** Which nodes give integers of less than 32 bits that may have gone beyond their range while they were computed in 32. */
import { attrOf, type TfNode } from "./graph.ts";
import { withoutRef } from "./tensor-types.ts";

export interface NarrowInteger {
  readonly bits: number;
  readonly signed: boolean;
}

const narrow: ReadonlyMap<string, NarrowInteger> = new Map([
  ["DT_UINT8", { bits: 8, signed: false }],
  ["DT_INT8", { bits: 8, signed: true }],
  ["DT_UINT16", { bits: 16, signed: false }],
  ["DT_INT16", { bits: 16, signed: true }],
]);

const arithmetic = new Set([
  "Abs", "Add", "AddN", "AddV2", "BiasAdd", "Cumsum", "Mul", "Neg", "Pow", "Prod", "Square", "SquaredDifference", "Sub",
  "Sum",
]); // biome-ignore format: a list

const narrowOf = (node: TfNode, name: string): NarrowInteger | undefined =>
  narrow.get(withoutRef(attrOf(node, name, "type") ?? ""));

/**
 * Casts of floats are left out: what TensorFlow makes of those beyond the range is not defined, and one more operator
 * behind every image that a model gives would be for nothing.
 */
export function narrowResultOf(node: TfNode): NarrowInteger | undefined {
  if (arithmetic.has(node.op)) return narrowOf(node, "T");
  if (node.op !== "Cast") return undefined;
  const [from, to] = [narrowOf(node, "SrcT"), narrowOf(node, "DstT")];
  if (!to || !/INT/.test(attrOf(node, "SrcT", "type") ?? "")) return undefined;
  const holds = from && (from.signed === to.signed ? from.bits <= to.bits : to.signed && from.bits < to.bits);
  return holds ? undefined : to;
}
