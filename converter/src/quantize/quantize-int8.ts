/**
 * The int8 recipe from observations to a rewritten model: ranges → plan → better plan → apply.
 * Pure; calibration itself, which runs the model, is `runtimes/calibrate.ts`.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Model, TensorId } from "../ir/graph.ts";
import { type AppliedPlan, applyPlan } from "./apply.ts";
import { assignAll } from "./assignment.ts";
import { correctBiases } from "./bias-correction.ts";
import { channelMeans, type Observation, rangeOf } from "./observers.ts";
import { floatOperatorsOf, type QuantizationPlan } from "./plan.ts";
import { planQuantization } from "./plan-quantization.ts";
import type { CalibrationMethod, IoDType } from "./recipe.ts";
import type { Range } from "./scales.ts";

export interface Int8Request {
  readonly model: Model;
  readonly observations: ReadonlyMap<TensorId, Observation>;
  readonly method: CalibrationMethod;
  readonly io: IoDType;
  readonly biasCorrection: boolean;
}

export interface Int8Result extends AppliedPlan {
  readonly plan: QuantizationPlan;
}

/** @throws QUANT_OPTION when nothing can run in int8, or an input or output cannot have the dtype asked for. */
export function quantizeInt8Model({ model, observations, method, io, biasCorrection }: Int8Request): Int8Result {
  const [graph] = model.graphs;
  if (!graph) throw new FlotillaError("GRAPH_INVALID", "The model has no graph.");
  const ranges = new Map<TensorId, Range>();
  for (const [id, observation] of observations) {
    const range = rangeOf(observation, method);
    if (range) ranges.set(id, range);
  }
  const draft = planQuantization({ graph, assignment: assignAll(graph, "int8"), ranges, io });
  if (!draft.nodes.some(({ mode }) => mode === "int8")) throw nothingToQuantize(draft);
  const means = new Map([...observations].map(([id, observation]) => [id, channelMeans(observation)]));
  const plan = biasCorrection ? correctBiases(graph, means, draft) : draft;
  return { ...applyPlan(model, plan), plan };
}

function nothingToQuantize(plan: QuantizationPlan): FlotillaError {
  const floats = floatOperatorsOf(plan);
  const why =
    floats.length === 0
      ? "it computes on integers already"
      : `all ${floats.length} operators stay float, the first (${floats[0]?.operator}) because ${floats[0]?.reason}`;
  return new FlotillaError("QUANT_OPTION", `No operator of this model can be quantized to int8: ${why}.`, {
    details: floats.map((one) => ({ ...one })),
  });
}
