/** A dense layer over time of low rank: weights over features, then over a memory of past steps (streaming keyword models). */
import { activation, bias, defineOp, free, unsupported, weight } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { optionsOf } from "./options.ts";
import { hybridVersion } from "./recurrent.ts";
import { needRank, refuse } from "./refuse.ts";

export const svdf = defineOp({
  kind: "SVDF",
  code: 27,
  options: "SVDFOptions",
  attributes: optionsOf("SVDFOptions", { rank: 1 }),
  operands: [
    activation("input"),
    weight("featureWeights", { channelAxis: null }),
    weight("timeWeights", { channelAxis: null }),
    bias("bias", { of: ["input", "featureWeights"] }),
    activation("state"),
  ],
  results: [free],
  infer: (inputs, { rank }) => {
    const { dtype, shape } = needRank(inputs, 0, "input", 2);
    const [filters = -1] = needRank(inputs, 1, "featureWeights", 2).shape;
    if (rank < 1 || filters % rank !== 0) throw refuse(`${filters} filters of rank ${rank}.`);
    return [{ dtype, shape: [shape[0] ?? -1, filters / rank] }];
  },
  evaluate: unsupported("heavy: left to the runtime"),
  layout: barrier,
  raise: unsupported("tfjs graphs have no cells that run over a sequence"),
  int8: unsupported("its integer form needs ranges of values inside it, which no run shows"),
  version: (use) => (use.inputs[0]?.dtype === "int8" ? 3 : hybridVersion(1, [1, 2, 4])(use)),
  minRuntime: { 1: "1.5.0", 2: "1.14.0", 3: "2.2.0", 4: "2.3.0" },
  fusedActivations: [],
  macs: (use) => {
    const [filters = 1, features = 1] = use.inputs[1]?.shape ?? [];
    const memory = use.inputs[2]?.shape[1] ?? 1;
    return Math.max(use.inputs[0]?.shape[0] ?? 1, 1) * filters * (features + memory);
  },
});
