/** Raising of RFFT2D: tfjs transforms the last axis alone, which is the same where the one before it has one element. */
import type { Attributes } from "../../ir/graph.ts";
import { need } from "../refuse.ts";
import { integersOf } from "../shape/axis.ts";
import { notRaised, type Raise } from "./tensorflow-nodes.ts";

export const raiseRfft2d: Raise<Attributes> = ({ inputs }, to) => {
  const [height, width] = integersOf(need(inputs, 1, "fftLength")) ?? [];
  const sizes = need(inputs, 0, "input").shape.slice(-2);
  if (height !== 1 || width === undefined || sizes[0] !== 1 || sizes[1] !== width)
    throw notRaised("tfjs transforms one axis only");
  return [to.node("RFFT", [to.operand(0), to.constant("int32", [width])])];
};
