/**
 * Raising of BATCH_MATMUL. tfjs 4.22 counts through the matrices of each side and begins anew where they end: that broadcasts
 * only if the front axes of one side end in those of the other; else both sides are spread out.
 */
import type { Shape } from "../../ir/graph.ts";
import { need } from "../refuse.ts";
import { broadcastShapes } from "../shape/broadcast.ts";
import { flag } from "./attributes.ts";
import type { Raise, Ref } from "./tensorflow-nodes.ts";

export const raiseBatchMatmul: Raise<{ readonly adjX: boolean; readonly adjY: boolean }> = (
  { attributes: { adjX, adjY }, inputs },
  to,
) => {
  const shapes = [need(inputs, 0, "a").shape, need(inputs, 1, "b").shape];
  const [a = [], b = []] = shapes.map((shape) => shape.slice(0, -2));
  const front = broadcastShapes(a, b);
  const spread = (index: number): Ref => {
    const { shape } = need(inputs, index, "operand");
    const target = [...front, ...shape.slice(-2)];
    if (repeats(a, b) || target.join() === shape.join() || target.includes(-1)) return to.operand(index);
    return to.node("BroadcastTo", [to.operand(index), to.constant("int32", target)]);
  };
  return [to.node("BatchMatMulV2", [spread(0), spread(1)], { adj_x: flag(adjX), adj_y: flag(adjY) })];
};

/** Whether one, ones at its front left out, is the end of the other. */
function repeats(a: Shape, b: Shape): boolean {
  const [short = [], long = []] = [a, b].map(withoutOnes).sort((one, other) => one.length - other.length);
  return short.every((size, at) => size === long[long.length - short.length + at]);
}

function withoutOnes(shape: Shape): Shape {
  const first = shape.findIndex((size) => size !== 1);
  return first < 0 ? [] : shape.slice(first);
}
