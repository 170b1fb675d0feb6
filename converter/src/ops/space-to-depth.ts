/** Gathers blocks of pixels into channels. */

import { activation, defineOp, sameAs, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { reshapeTarget, staticShape } from "./raise/axes.ts";
import { needRank, refuse } from "./refuse.ts";
import { byInput } from "./version-rules.ts";

export const spaceToDepth = defineOp({
  kind: "SPACE_TO_DEPTH",
  code: 26,
  options: "SpaceToDepthOptions",
  attributes: optionsOf("SpaceToDepthOptions", { blockSize: 2 }),
  operands: [activation("input")],
  results: [sameAs("input")],
  infer: (inputs, { blockSize }) => {
    const input = needRank(inputs, 0, "input", 4);
    const [batch = 0, height = 0, width = 0, channels = 0] = input.shape;
    if (blockSize < 1 || [height, width].some((size) => size !== -1 && size % blockSize !== 0))
      throw refuse(`[${height}, ${width}] cannot be cut into blocks of ${blockSize}.`);
    const shrunk = (size: number): number => (size === -1 ? -1 : size / blockSize);
    const depth = channels === -1 ? -1 : channels * blockSize * blockSize;
    return [{ dtype: input.dtype, shape: [batch, shrunk(height), shrunk(width), depth] }];
  },
  evaluate: unsupported("left to the runtime"),
  layout: barrier,
  raise: ({ attributes: { blockSize: b }, inputs, outputs }, to) => {
    const [n = 0, h = 0, w = 0, c = 0] = staticShape(inputs[0], "operand");
    const blocks = to.node("Reshape", [to.operand(0), to.constant("int32", [n, h / b, b, w / b, b, c])]);
    const together = to.node("Transpose", [blocks, to.constant("int32", [0, 1, 3, 2, 4, 5])]);
    return [to.node("Reshape", [together, reshapeTarget(to, outputs[0])])];
  },
  int8: true,
  version: byInput(0, { int8: 2 }),
  minRuntime: { 1: "1.5.0", 2: "1.14.0" },
  fusedActivations: [],
  macs: noMacs,
});
