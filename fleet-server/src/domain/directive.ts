/**
 * From the rollouts of a fleet to what each cohort's directive says about each model: one entry per model, of the
 * rollout that was started last for the cohort (design: formats.md, "Fleet index, directive, device document").
 * A cohort that a stage includes is wholly in from that stage on; its entry lasts until the plan's own cohort starts
 * another rollout of the model, so that no canary stays behind.
 */
import type { ModelDirective } from "@flotilla/protocol/documents/control";
import { cohortsOf } from "./rollout.ts";
import { type RolloutState, rollbackTargetOf } from "./rollout-state.ts";

/** What the directive of `cohort` says, by model. Pure: the same rollouts give the same entries. */
export function directiveModels(cohort: string, rollouts: readonly RolloutState[]): Record<string, ModelDirective> {
  const started = rollouts.filter((state) => state.startedAtMs !== null).sort(byStart);
  const latestOfPlan = new Map(started.map((state) => [`${state.plan.cohort}/${state.plan.model}`, state]));
  const models: Record<string, ModelDirective> = {};
  for (const state of started) {
    const { plan } = state;
    const isCurrent = latestOfPlan.get(`${plan.cohort}/${plan.model}`) === state;
    if (!isCurrent || !cohortsOf(state).includes(cohort)) continue;
    models[plan.model] = modelDirective(state, cohort);
  }
  return models;
}

/** Cohorts whose directive may name the model: those that lose an entry when another rollout starts need theirs anew. */
export function cohortsNaming(model: string, rollouts: readonly RolloutState[]): string[] {
  const cohorts = rollouts
    .filter((state) => state.plan.model === model && state.startedAtMs !== null)
    .flatMap((state) => cohortsOf(state));
  return [...new Set(cohorts)];
}

function byStart(a: RolloutState, b: RolloutState): number {
  return (a.startedAtMs ?? 0) - (b.startedAtMs ?? 0) || (a.plan.rollout < b.plan.rollout ? -1 : 1);
}

function modelDirective(state: RolloutState, cohort: string): ModelDirective {
  const { plan } = state;
  const isRollback = state.status === "rolling-back" || state.status === "rolled-back";
  const target = isRollback ? rollbackTargetOf(state) : null;
  const share = plan.stages[state.current - 1]?.shareBp ?? 0;
  const thresholdBp = isRollback || cohort !== plan.cohort ? 10_000 : share;
  return {
    rollout: plan.rollout,
    action: target === null ? "install" : "rollback",
    release: target ?? plan.release,
    salt: state.salt,
    stage: { number: Math.max(1, state.current), thresholdBp },
    ...(state.base !== null && !isRollback ? { base: state.base } : {}),
    ...(plan.control !== undefined && thresholdBp < 10_000 ? { control: plan.control } : {}),
    paused: state.status === "paused" || state.status === "cancelled",
    ...(plan.rate === undefined ? {} : { rate: plan.rate }),
    deadlines: plan.deadlines,
    retries: plan.retries,
    probation: plan.probation,
    stopRule: plan.stopRule,
  };
}
