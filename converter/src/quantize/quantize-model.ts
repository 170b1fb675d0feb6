/**
 * From a recipe and observations to a rewritten model: assignment → plan → better plan → apply.
 * Pure; calibration itself, which runs the model, is `runtimes/calibrate.ts`.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Graph, Model, TensorId } from "../ir/graph.ts";
import { type AppliedPlan, applyPlan } from "./apply.ts";
import { type Assignment, assignAll, withOverrides } from "./assignment.ts";
import { correctBiases } from "./bias-correction.ts";
import { widenCarriedState } from "./carried-state.ts";
import { chooseScales } from "./choose-scales.ts";
import type { Improvements } from "./improvements.ts";
import type { KernelLimits } from "./kernel-limits.ts";
import { channelMeans, channelPowers, type Observation, rangeOf } from "./observers.ts";
import { floatOperatorsOf, isInteger, type QuantizationPlan } from "./plan.ts";
import { planQuantization } from "./plan-quantization.ts";
import { type CalibrationMethod, type IoDType, needsCalibration, type Recipe } from "./recipe.ts";
import type { Range } from "./scales.ts";

export interface QuantizationRequest {
  readonly model: Model;
  readonly recipe: Recipe;
  readonly limits: KernelLimits;
  /** None for recipes that need no calibration. */
  readonly observations: ReadonlyMap<TensorId, Observation>;
  readonly method: CalibrationMethod;
  readonly io: IoDType;
  readonly improvements: Improvements;
}

export interface QuantizationResult extends AppliedPlan {
  /** Of the main graph. */
  readonly plan: QuantizationPlan;
}

/**
 * Integers are for the main graph, which calibration sees; weights are narrowed in all graphs.
 * @throws QUANT_OPTION when nothing can run in the integers asked for, or an input or output cannot have its dtype
 * @throws QUANT_SELECTOR for an override that selects no operator
 */
export const quantizeModel = (request: QuantizationRequest): QuantizationResult =>
  finishPlan(request, draftPlan(request));

/** The plan of the main graph up to the step that needs the model to be run again: rounding by data. */
export function draftPlan(request: QuantizationRequest): QuantizationPlan {
  const { model, recipe, limits, observations, io } = request;
  const [graph] = model.graphs;
  if (!graph) throw new FlotillaError("GRAPH_INVALID", "The model has no graph.");
  const assignment = assignmentOf(graph, recipe, request.improvements.has("carried-state") ? limits : null);
  const ranges = rangesOf(observations, request.method);
  const plan = planQuantization({ graph, assignment, ranges, io, limits });
  if (needsCalibration(recipe) && !plan.nodes.some(isInteger)) throw nothingToQuantize(plan, recipe);
  if (!request.improvements.has("weight-scales") || observations.size === 0) return plan;
  return chooseScales(graph, perTensor(observations, channelPowers), plan);
}

/** The steps behind rounding, and the model rewritten. */
export function finishPlan(request: QuantizationRequest, draft: QuantizationPlan): QuantizationResult {
  const { model, recipe, limits, observations } = request;
  const [graph, ...others] = model.graphs;
  if (!graph) throw new FlotillaError("GRAPH_INVALID", "The model has no graph.");
  if (!needsCalibration(recipe)) {
    const more = others.map((other) => {
      const assignment = { ...assignmentOf(other, { ...recipe, overrides: [] }) };
      return planQuantization({ graph: other, assignment, ranges: new Map(), io: "float32", limits });
    });
    return { ...applyPlan(model, draft, ...more), plan: draft };
  }
  const corrects = request.improvements.has("bias-correction");
  const plan = corrects ? correctBiases(graph, perTensor(observations, channelMeans), draft) : draft;
  return { ...applyPlan(model, plan), plan };
}

const perTensor = <T>(
  observations: ReadonlyMap<TensorId, Observation>,
  of: (observation: Observation) => T,
): ReadonlyMap<TensorId, T> => new Map([...observations].map(([id, observation]) => [id, of(observation)]));

/** `limits`: carried states are widened where these have int16; null: they are not. Overrides have the last word. */
export function assignmentOf(
  graph: Graph,
  { precision, overrides, blockSize }: Recipe,
  limits: KernelLimits | null = null,
): Assignment {
  const base = assignAll(graph, precision === "as-is" ? "float32" : precision, blockSize);
  const widens = limits !== null && limits.refuses("int16x8") === null;
  return withOverrides(graph, widens ? widenCarriedState(graph, base) : base, overrides);
}

function rangesOf(
  observations: ReadonlyMap<TensorId, Observation>,
  method: CalibrationMethod,
): ReadonlyMap<TensorId, Range> {
  const ranges = new Map<TensorId, Range>();
  for (const [id, observation] of observations) {
    const range = rangeOf(observation, method);
    if (range) ranges.set(id, range);
  }
  return ranges;
}

function nothingToQuantize(plan: QuantizationPlan, { name }: Recipe): FlotillaError {
  const floats = floatOperatorsOf(plan);
  const why =
    floats.length === 0
      ? "it computes on integers already"
      : `all ${floats.length} operators stay float, the first (${floats[0]?.operator}) because ${floats[0]?.reason}`;
  return new FlotillaError("QUANT_OPTION", `No operator of this model can be quantized to ${name}: ${why}.`, {
    details: floats.map((one) => ({ ...one })),
  });
}
