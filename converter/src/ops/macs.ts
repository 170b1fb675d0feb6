/** Multiply-accumulate counts. Dynamic sizes count as 1, as the runtimes set them. */
import type { Shape } from "../ir/graph.ts";
import type { OperatorUse } from "./define-op.ts";

export const noMacs = (): number => 0;

const count = (shape: Shape): number => shape.reduce((product, size) => product * Math.max(size, 1), 1);

/** Every output element takes the whole filter but for its channel axis. */
export const convolutionMacs =
  (filterPosition: number, channelAxis: number) =>
  (use: OperatorUse): number => {
    const filter = use.inputs[filterPosition]?.shape ?? [];
    return count(use.outputs[0]?.shape ?? []) * count(filter.filter((_, axis) => axis !== channelAxis));
  };
