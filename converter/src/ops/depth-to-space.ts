/** Lays channels out as blocks of pixels. */

import { activation, defineOp, sameAs, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { int, text } from "./raise/attributes.ts";
import { needRank, refuse } from "./refuse.ts";
import { byInput } from "./version-rules.ts";

export const depthToSpace = defineOp({
  kind: "DEPTH_TO_SPACE",
  code: 5,
  options: "DepthToSpaceOptions",
  attributes: optionsOf("DepthToSpaceOptions", { blockSize: 2 }),
  operands: [activation("input")],
  results: [sameAs("input")],
  infer: (inputs, { blockSize }) => {
    const input = needRank(inputs, 0, "input", 4);
    const [batch = 0, height = 0, width = 0, channels = 0] = input.shape;
    const block = blockSize * blockSize;
    if (blockSize < 1 || (channels !== -1 && channels % block !== 0))
      throw refuse(`${channels} channels cannot be laid out in blocks of ${blockSize}.`);
    const grown = (size: number): number => (size === -1 ? -1 : size * blockSize);
    return [
      { dtype: input.dtype, shape: [batch, grown(height), grown(width), channels === -1 ? -1 : channels / block] },
    ];
  },
  evaluate: unsupported("left to the runtime"),
  layout: barrier,
  raise: ({ attributes }, to) => [
    to.node("DepthToSpace", [to.operand(0)], { block_size: int(attributes.blockSize), data_format: text("NHWC") }),
  ],
  int8: true,
  version: byInput(0, { int8: 2 }),
  minRuntime: { 1: "2.1.0", 2: "2.5.0" },
  fusedActivations: [],
  macs: noMacs,
});
