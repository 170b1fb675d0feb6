/** Constants stored in another order of their axes, computed when they are asked for. */
import type { Constant, Shape } from "../../ir/graph.ts";
import { lazyConstant } from "../../ir/lazy-constant.ts";
import { permuteBytes } from "../../ir/permute-elements.ts";
import type { Order } from "../../ops/layout/layout-rule.ts";

/** `size`: bytes of one element. */
export const permutedConstant = (constant: Constant, shape: Shape, order: Order, size: number): Constant =>
  lazyConstant(constant.byteLength, () => permuteBytes(constant.bytes(), shape, order, size));
