/** Shapes of SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND: batch, the axes in blocks, the rest (`space_to_batch_nd.cc`). */
import type { Shape } from "../../ir/graph.ts";
import { refuse } from "../refuse.ts";

function checkBlocks(shape: Shape, block: readonly number[], edges: readonly number[]): void {
  const sound =
    block.length >= 1 &&
    block.length < shape.length &&
    edges.length === block.length * 2 &&
    block.every((size) => size >= 1) &&
    edges.every((size) => size >= 0);
  if (!sound)
    throw refuse(`Blocks of [${block.join(", ")}] with [${edges.join(", ")}] do not fit [${shape.join(", ")}].`);
}

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);
const sizeAt = (shape: Shape, axis: number): number => shape[axis] ?? -1;

/** `paddings` holds [in front, behind] for every axis in blocks. */
export function blockedShape(shape: Shape, block: readonly number[], paddings: readonly number[]): Shape {
  checkBlocks(shape, block, paddings);
  const inner = block.map((size, i) => {
    const whole = sizeAt(shape, i + 1);
    if (whole === -1) return -1;
    const padded = whole + (paddings[i * 2] ?? 0) + (paddings[i * 2 + 1] ?? 0);
    if (padded % size !== 0) throw refuse(`${padded} cannot be cut into blocks of ${size}.`);
    return padded / size;
  });
  const batch = sizeAt(shape, 0);
  return [batch === -1 ? -1 : batch * product(block), ...inner, ...shape.slice(block.length + 1)];
}

/** `crops` holds [in front, behind] for every axis in blocks. */
export function unblockedShape(shape: Shape, block: readonly number[], crops: readonly number[]): Shape {
  checkBlocks(shape, block, crops);
  const batch = sizeAt(shape, 0);
  if (batch !== -1 && batch % product(block) !== 0)
    throw refuse(`A batch of ${batch} cannot be spread over blocks of [${block.join(", ")}].`);
  const inner = block.map((size, i) => {
    const whole = sizeAt(shape, i + 1);
    if (whole === -1) return -1;
    const left = whole * size - (crops[i * 2] ?? 0) - (crops[i * 2 + 1] ?? 0);
    if (left < 1) throw refuse(`Cropping leaves ${left} of ${whole * size}.`);
    return left;
  });
  return [batch === -1 ? -1 : batch / product(block), ...inner, ...shape.slice(block.length + 1)];
}
