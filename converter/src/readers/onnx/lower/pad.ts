/** Pad. Zeros and other constants are TFLite's PAD and PADV2, "reflect" its MIRROR_PAD; edges are repeated by slices. */
import type { TensorId } from "../../../ir/graph.ts";
import { concatenation } from "../../../ops/concatenation.ts";
import { mirrorPad } from "../../../ops/mirror-pad.ts";
import type { NodeBuilder } from "../node-builder.ts";
import { block, indices, padded, part } from "./compose.ts";
import type { OnnxLowering } from "./lowering.ts";
import { broadcastBy } from "./rearrange.ts";

type Pads = readonly (readonly [number, number])[];

function padsOf(node: NodeBuilder, rank: number): Pads {
  const given = node.ints("pads") ?? node.ints("paddings") ?? node.numbers(node.input(1), "pads");
  const third = node.optional(3);
  const axes = third === null ? indices(rank) : node.numbers(third, "axes").map((axis) => node.axis(axis, rank));
  if (given.length !== 2 * axes.length) throw node.refusal(`it has ${given.length} pads for ${axes.length} axes`);
  return indices(rank).map((axis) => {
    const at = axes.indexOf(axis);
    return at < 0 ? [0, 0] : [given[at] ?? 0, given[at + axes.length] ?? 0];
  });
}

function paddingValue(node: NodeBuilder): number {
  if (node.has("value")) return node.float("value", 0);
  const id = node.optional(2);
  return id === null ? 0 : (node.numbers(id, "padding value")[0] ?? 0);
}

const padLowering: OnnxLowering = {
  operators: ["Pad"],
  lower: (node) => {
    const x = node.input(0);
    const pads = padsOf(node, node.rank(x));
    const outwards: Pads = pads.map(([before, after]) => [Math.max(before, 0), Math.max(after, 0)]);
    const mode = node.string("mode", "constant");
    const cropped = inwards(node, x, pads);
    if (outwards.every(([before, after]) => before === 0 && after === 0)) return cropped;
    switch (mode) {
      case "constant":
        return padded(node, "pad", cropped, outwards, paddingValue(node));
      case "reflect":
        return node.emit(mirrorPad, "mirror", [cropped, node.integers("pads", outwards.flat(), [outwards.length, 2])], {
          mode: "REFLECT",
        });
      case "edge":
      case "wrap":
        return repeated(node, cropped, outwards, mode);
      default:
        throw node.refusal(`its mode is "${mode}"`);
    }
  },
};

/** Negative pads take away. */
function inwards(node: NodeBuilder, x: TensorId, pads: Pads): TensorId {
  const begin = pads.map(([before]) => Math.max(-before, 0));
  const sizes = node.shape(x).map((size, axis) => size - (begin[axis] ?? 0) - Math.max(-(pads[axis]?.[1] ?? 0), 0));
  return block(node, "crop", x, begin, sizes);
}

/** An axis with what continues it on both sides: its edges over and over, or its other end. */
function repeated(node: NodeBuilder, x: TensorId, pads: Pads, mode: "edge" | "wrap"): TensorId {
  return pads.reduce((whole, [before, after], axis) => {
    if (before === 0 && after === 0) return whole;
    const shape = node.shape(whole);
    const size = shape[axis] ?? 1;
    if (mode === "wrap" && Math.max(before, after) > size) throw node.refusal("it wraps around more than once");
    const side = (role: string, count: number, edge: number, wrapped: number): TensorId[] => {
      if (count === 0) return [];
      if (mode === "wrap") return [part(node, role, whole, axis, wrapped, count)];
      return [broadcastBy(node, `${role}s`, part(node, role, whole, axis, edge, 1), shape.with(axis, count))];
    };
    const parts = [
      ...side(`axis${axis}/first`, before, 0, size - before),
      whole,
      ...side(`axis${axis}/last`, after, size - 1, 0),
    ];
    return node.emit(concatenation, `axis${axis}`, parts, { axis });
  }, x);
}

export const pads: readonly OnnxLowering[] = [padLowering];
