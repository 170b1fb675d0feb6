/** Slices of "params" along an axis, picked by "indices". */

import { activationOrWeight, defineOp, index, sameAs } from "./define-op.ts";
import { stridesOf, takeElements } from "./evaluate/rearrange.ts";
import { pickedAlong } from "./layout/follow-axes.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { int } from "./raise/attributes.ts";
import { axisConstant } from "./raise/axes.ts";
import { need, refuse } from "./refuse.ts";
import { axisOf, integersOfConstant } from "./shape/axis.ts";
import { inputDType } from "./version-rules.ts";

export const gather = defineOp({
  kind: "GATHER",
  code: 36,
  options: "GatherOptions",
  attributes: optionsOf("GatherOptions"),
  operands: [activationOrWeight("params", { channelAxis: 0 }), index("indices")],
  results: [sameAs("params")],
  infer: (inputs, { axis, batchDims }) => {
    const params = need(inputs, 0, "params");
    const indices = need(inputs, 1, "indices");
    const at = axisOf(axis, params.shape.length);
    const batch = batchDims < 0 ? batchDims + indices.shape.length : batchDims;
    if (batch < 0 || batch > at || batch > indices.shape.length) throw refuse(`${batchDims} batch axes cannot be.`);
    return [{ dtype: params.dtype, shape: params.shape.toSpliced(at, 1, ...indices.shape.slice(batch)) }];
  },
  evaluate: ([params, indices], { axis, batchDims }) => {
    if (!params || !indices || batchDims !== 0) return null;
    const at = axisOf(axis, params.shape.length);
    const picks = integersOfConstant(indices);
    const limit = params.shape[at] ?? 0;
    if (picks.some((pick) => pick < 0 || pick >= limit))
      throw refuse(`An index is outside axis ${axis} of size ${limit}.`);
    const strides = stridesOf(params.shape);
    const pickStrides = stridesOf(indices.shape);
    const rank = indices.shape.length;
    const result = takeElements(params, params.shape.toSpliced(at, 1, ...indices.shape), (position) => {
      const pick = position.slice(at, at + rank).reduce((sum, x, k) => sum + x * (pickStrides[k] ?? 0), 0);
      return position.toSpliced(at, rank, picks[pick] ?? 0).reduce((sum, x, k) => sum + x * (strides[k] ?? 0), 0);
    });
    return result && [result];
  },
  layout: pickedAlong,
  raise: ({ attributes: { axis, batchDims }, inputs }, to) => {
    const along = axisConstant(to, axis, inputs[0]?.shape.length ?? 0);
    const batch = batchDims < 0 ? batchDims + (inputs[1]?.shape.length ?? 0) : batchDims;
    return [to.node("GatherV2", [to.operand(0), to.operand(1), along], { batch_dims: int(batch) })];
  },
  int8: true,
  int16: {},
  version: (use) => {
    const dtype = inputDType(use, 0);
    if (dtype === "int4") return 7;
    if (inputDType(use, 1) === "int16") return 6;
    if (use.attributes.batchDims !== 0) return 5;
    return dtype === "int16" ? 4 : dtype === "bool" ? 3 : dtype === "int8" ? 2 : 1;
  },
  minRuntime: { 1: "1.6.0", 2: "1.14.0", 3: "1.15.0", 4: "2.4.0", 5: "2.5.0", 6: "2.13.0", 7: "2.15.0" },
  fusedActivations: [],
  macs: noMacs,
});
