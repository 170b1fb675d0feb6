/**
 * Integers narrower than 32 bits, which are int32 here: what goes beyond their range comes in at the other end, as in
 * TensorFlow. Only results that can go beyond are brought back.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { floorMod } from "../../../ops/floor-mod.ts";
import { sub } from "../../../ops/sub.ts";
import { type NarrowInteger, narrowResultOf } from "../narrow-results.ts";
import type { NodeLowering } from "../node-lowering.ts";

/** The results of a node, within the range of the type that TensorFlow gives them. */
export function withinRange(
  node: NodeLowering,
  results: readonly (TensorId | "dead")[],
): readonly (TensorId | "dead")[] {
  const narrow = narrowResultOf(node.node);
  if (!narrow) return results;
  return results.map((result) => (typeof result === "number" ? wrapped(node, result, narrow) : result));
}

function wrapped(node: NodeLowering, result: TensorId, { bits, signed }: NarrowInteger): TensorId {
  if (node.dtypeOf(result) !== "int32") return result;
  const [span, half] = [2 ** bits, 2 ** (bits - 1)];
  const divisor = node.intsConstant("span", [span], []);
  if (!signed) return node.emit(floorMod, [result, divisor], {}, "wrapped");
  const middle = node.intsConstant("half", [half], []);
  const up = node.emit(floorMod, [node.emit(add, [result, middle], {}, "up"), divisor], {}, "wrapped");
  return node.emit(sub, [up, middle], {}, "down");
}
