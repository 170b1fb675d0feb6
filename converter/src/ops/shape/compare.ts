/** `infer` of comparisons: a boolean of the broadcast shape. */
import type { Operands, ResultFacts } from "../define-op.ts";
import { broadcastOfTwo } from "./same.ts";

export const inferComparison = (inputs: Operands): readonly ResultFacts[] =>
  broadcastOfTwo(inputs).map(({ shape }) => ({ dtype: "bool", shape }));
