/** Broadcasting as in NumPy: sizes are matched from the last axis on, a size of 1 stretches. -1 is a dynamic size. */
import type { Shape } from "../../ir/graph.ts";
import { refuse } from "../refuse.ts";

export function broadcastShapes(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left === right || right === 1) return left;
    if (left === 1) return right;
    if (left === -1) return right;
    if (right === -1) return left;
    throw refuse(`The shapes [${a.join(", ")}] and [${b.join(", ")}] do not go together.`);
  });
}
