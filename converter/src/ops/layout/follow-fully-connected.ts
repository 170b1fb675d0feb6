/**
 * How a matrix of weights follows an order: where operand 0 is flattened into rows, the axes that make up a row may lie in
 * any order if the columns of constant weights do too:
 *
 *     FULLY_CONNECTED(x[N, C, H, W], w[out, C·H·W])  →  FULLY_CONNECTED(x[N, H, W, C], w[out, H·W·C])
 */
import type { Follow } from "./layout-rule.ts";
import { identityOrder, isIdentity } from "./order.ts";

export const rowsOf: Follow<{ readonly keepNumDims: boolean }> = (use, end, order) => {
  const [input, weights] = use.inputs;
  const rank = input?.shape.length ?? 0;
  if (!input || !weights) return null;
  const others = use.inputs.slice(1).map(() => null);
  if (use.attributes.keepNumDims) {
    return order.at(-1) === rank - 1 ? { operands: [order, ...others], results: [order] } : null;
  }
  const results = [identityOrder(use.outputs[0]?.shape.length ?? 0)];
  if (end.side === "result") return isIdentity(order) ? { operands: [identityOrder(rank), ...others], results } : null;
  const [units = 0, depth = 0] = weights.shape;
  const row = rowAxes(input.shape, depth);
  if (row === null || !order.every((axis, at) => (at < row ? axis === at : axis >= row))) return null;
  if (isIdentity(order)) return { operands: [order, ...others], results };
  if (!weights.bytes) return null;
  const view = [units, ...input.shape.slice(row)];
  const columns = order.slice(row).map((axis) => axis - row + 1);
  return { operands: [order, ...others], results, constants: { 1: { view, order: [0, ...columns] } } };
};

/** The first of the axes that make up a row of so many values. */
function rowAxes(shape: readonly number[], depth: number): number | null {
  let product = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (product === depth && shape[axis] !== 1) return axis + 1;
    product *= shape[axis] ?? 1;
    if (product > depth || product < 1) return product === depth ? axis : null;
  }
  return product === depth ? 0 : null;
}
