/** Raising of ONE_HOT. The WASM kernel of tfjs knows only integers: it tells where, and a selection what. */
import { axisOf } from "../shape/axis.ts";
import { int, type } from "./attributes.ts";
import type { Raise } from "./tensorflow-nodes.ts";

export const raiseOneHot: Raise<{ readonly axis: number }> = ({ attributes: { axis }, inputs }, to) => {
  const [one, zero] = [to.constant("int32", 1), to.constant("int32", 0)];
  const hot = to.node("OneHot", [to.operand(0), to.operand(1), one, zero], { T: type("int32"), axis: int(-1) });
  const where = to.node("Cast", [hot], { SrcT: type("int32"), DstT: type("bool") });
  const last = to.node("SelectV2", [where, to.operand(2), to.operand(3)]);
  const rank = (inputs[0]?.shape.length ?? 0) + 1;
  const at = axisOf(axis, rank);
  if (at === rank - 1) return [last];
  const order = Array.from({ length: rank }, (_, i) => (i < at ? i : i === at ? rank - 1 : i - 1));
  return [to.node("Transpose", [last, to.constant("int32", order)])];
};
