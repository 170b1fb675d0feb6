/** `input · weightsᵀ + bias`. Weights [out, in]; the input is flattened to [n, in] unless `keepNumDims`. */

import type { Shape } from "../ir/graph.ts";
import { clamps } from "./activation.ts";
import { activation, bias, defineOp, free, unsupported, weight } from "./define-op.ts";
import { rowsOf } from "./layout/follow-fully-connected.ts";
import { convolutionMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseFullyConnected } from "./raise/fully-connected.ts";
import { need, needRank, refuse } from "./refuse.ts";
import { knownCount } from "./shape/axis.ts";
import { inputDType, isHybrid, isPerChannel } from "./version-rules.ts";

/** The rows of an input with dynamic sizes: known only if the last axis is exactly one row and one axis is left. */
const dynamicRows = (shape: Shape, depth: number): number =>
  shape.length === 2 && shape[1] === depth ? (shape[0] ?? -1) : -1;

export const fullyConnected = defineOp({
  kind: "FULLY_CONNECTED",
  code: 9,
  options: "FullyConnectedOptions",
  attributes: optionsOf("FullyConnectedOptions"),
  operands: [activation("input"), weight("weights", { channelAxis: 0 }), bias("bias", { of: ["input", "weights"] })],
  results: [free],
  reach: "row",
  infer: (inputs, { keepNumDims }) => {
    const input = need(inputs, 0, "input");
    const [units = 0, depth = 0] = needRank(inputs, 1, "weights", 2).shape;
    if (depth < 1) throw refuse("The weights have no input channels.");
    if (keepNumDims) {
      const last = input.shape.at(-1);
      if (last !== depth && last !== -1) throw refuse(`The weights take ${depth} values and the input has ${last}.`);
      return [{ dtype: input.dtype, shape: [...input.shape.slice(0, -1), units] }];
    }
    const count = knownCount(input.shape);
    if (count !== -1 && count % depth !== 0)
      throw refuse(`An input of ${count} values cannot be cut into rows of ${depth}.`);
    return [{ dtype: input.dtype, shape: [count === -1 ? dynamicRows(input.shape, depth) : count / depth, units] }];
  },
  evaluate: unsupported("heavy: left to the runtime"),
  layout: rowsOf,
  raise: raiseFullyConnected,
  int8: true,
  int16: {},
  hybrid: {
    weights: ["weights"],
    perChannel: true,
    int4: { blocks: true },
    attributes: { asymmetricQuantizeInputs: true },
  },
  version: (use) => {
    const [input, weights] = [inputDType(use, 0), inputDType(use, 1)];
    const { quantizedBiasType, keepNumDims, asymmetricQuantizeInputs, weightsFormat } = use.attributes;
    // The order of the tests is op_version.cc's.
    if (weights === "int2") return 14;
    if (input === "int16" && weights === "int4") return 13;
    if (isHybrid(use) && isPerChannel(use, 1)) return 12;
    if (input === "int16" && weights === "int8" && quantizedBiasType !== "FLOAT32") return 11;
    if (input === "int16" && weights === "int16") return 7;
    if (use.inputs.length === 2) return 6;
    if (keepNumDims) return 5;
    if (weights === "int4") return 10; // op_version.cc says 1 beside float, which no old runtime would refuse in time
    if (input === "int8") return 4;
    if (isHybrid(use)) return asymmetricQuantizeInputs ? 9 : 3;
    return weightsFormat === "SHUFFLED4x16INT8" ? 2 : 1;
  },
  minRuntime: {
    1: "1.5.0",
    2: "1.10.0",
    3: "1.14.0",
    4: "1.14.0",
    5: "2.0.0",
    6: "2.1.0",
    7: "2.3.0",
    9: "2.3.0",
    10: "2.11.0",
    11: "2.15.0",
    12: "2.17.0",
    13: "2.18.0",
    14: "2.21.0",
  },
  fusedActivations: clamps,
  macs: convolutionMacs(1, 0),
});
