/**
 * Raising of PRELU. The WASM kernel of tfjs repeats alpha along the last axes and so is right only for an alpha that
 * covers them whole; any other is spelt `relu(x) - alpha · relu(-x)`.
 */
import type { Attributes, Shape } from "../../ir/graph.ts";
import type { Raise } from "./tensorflow-nodes.ts";

export const raisePrelu: Raise<Attributes> = ({ inputs }, to) => {
  const [x, alpha] = [inputs[0]?.shape ?? [], withoutLeadingOnes(inputs[1]?.shape ?? [])];
  const value = to.operand(0);
  const whole = alpha.every((size, i) => size === x[x.length - alpha.length + i]);
  if (whole && alpha.length > 0) return [to.node("Prelu", [value, to.arranged(1, { shape: alpha })])];
  const negative = to.node("Relu", [to.node("Neg", [value])]);
  return [to.node("Sub", [to.node("Relu", [value]), to.node("Mul", [to.operand(1), negative])])];
};

function withoutLeadingOnes(shape: Shape): Shape {
  const first = shape.findIndex((size) => size !== 1);
  return first === -1 ? [] : shape.slice(first);
}
