/**
 * Whether a rollout plan makes sense, before anything is stored. All problems of a kind are told at once.
 * Refused at creation, never at the gate: an unknown metric, an impossible bound, shares that go down, a last stage
 * that leaves devices behind, cohorts whose priorities leave open which directive wins (design: formats.md).
 */
import type { CohortEntry } from "@flotilla/protocol/documents/control";
import type { Gate, PlanStage, RolloutPlan } from "@flotilla/protocol/documents/rollout-plan";
import { type ErrorCode, FlotillaError } from "@flotilla/protocol/errors";
import { metricRules } from "./gate.ts";

/** What a plan is checked against. */
export interface PlanContext {
  readonly cohorts: readonly CohortEntry[];
  /** Cohorts whose directives name the plan's model now. */
  readonly cohortsNamingModel: readonly string[];
}

/** @throws CONFIG_GATE_INVALID or CONFIG_PLAN_INVALID, listing every problem with its place in the plan */
export function validatePlan(plan: RolloutPlan, context: PlanContext): void {
  const gateProblems = plan.stages.flatMap((stage, i) =>
    stage.gates.flatMap((gate, k) => checkGate(gate, plan).map((why) => `stages[${i}].gates[${k}]: ${why}`)),
  );
  refuse("CONFIG_GATE_INVALID", "a gate that makes no sense", plan, gateProblems);
  refuse("CONFIG_PLAN_INVALID", "a plan that contradicts itself", plan, [
    ...checkShares(plan),
    ...checkCohorts(plan, context),
  ]);
}

function refuse(code: ErrorCode, what: string, plan: RolloutPlan, problems: readonly string[]): void {
  if (problems.length === 0) return;
  throw new FlotillaError(code, `Rollout ${plan.rollout} has ${what}: ${problems.join("; ")}.`, {
    details: { rollout: plan.rollout, problems },
  });
}

function checkGate(gate: Gate, plan: RolloutPlan): string[] {
  const rule = metricRules[gate.metric];
  const problems: string[] = [];
  if (rule === undefined) return [`there is no metric ${String(gate.metric)}`];
  if (!Number.isFinite(gate.bound)) problems.push("the bound is not a number");
  if (rule.better === "lower" && gate.comparison !== "<=") problems.push(`${gate.metric} is better low: use <=`);
  if (rule.better === "higher" && gate.comparison !== ">=") problems.push(`${gate.metric} is better high: use >=`);
  if (gate.against === "absolute") {
    if (rule.kind !== "positive" && (gate.bound < 0 || gate.bound > 1)) {
      problems.push(`${gate.metric} is a fraction, so a bound of ${gate.bound} is impossible: give 0 to 1`);
    }
    if (rule.kind === "positive" && gate.bound <= 0) problems.push(`a bound of ${gate.bound} is impossible`);
  } else {
    if (rule.kind === "device-rate") problems.push(`${gate.metric} exists for the rollout's own devices only`);
    if (gate.bound <= 0) problems.push(`a ratio of ${gate.bound} to ${gate.against} is impossible`);
    if (gate.against === "control" && plan.control === undefined) problems.push("the plan has no control arm");
  }
  return problems;
}

function checkShares(plan: RolloutPlan): string[] {
  const problems: string[] = [];
  const controlBp = plan.control?.shareBp ?? 0;
  plan.stages.forEach((stage, i) => {
    const before = plan.stages[i - 1]?.shareBp ?? 0;
    const isLast = i === plan.stages.length - 1;
    if (stage.shareBp < before) {
      problems.push(`stages[${i}]: its share of ${stage.shareBp} is below the ${before} of the stage before`);
    }
    if (stage.shareBp === 0 && (stage.include ?? []).length === 0) problems.push(`stages[${i}]: it reaches no device`);
    if (!isLast && stage.shareBp + controlBp > 10_000) {
      problems.push(`stages[${i}]: its share and the control arm's are more than the whole (10000)`);
    }
    if (isLast && stage.shareBp !== 10_000 && stage.shareBp !== 10_000 - controlBp) {
      problems.push(`stages[${i}]: the last stage's share is 10000, or what the control arm leaves of it`);
    }
  });
  if (plan.control !== undefined && (controlBp === 0 || controlBp >= 10_000)) {
    problems.push(`control: a share of ${controlBp} is no control arm`);
  }
  if (plan.rollout === "pinned") problems.push("rollout: devices report pinned releases under this id; choose another");
  if (plan.rollbackTo === plan.release) problems.push("rollbackTo: that is the release of the plan itself");
  if (plan.control?.release === plan.release) problems.push("control: that is the release of the plan itself");
  return problems;
}

function checkCohorts(plan: RolloutPlan, context: PlanContext): string[] {
  const known = new Map(context.cohorts.map((cohort) => [cohort.id, cohort]));
  const included = plan.stages.flatMap((stage: PlanStage) => stage.include ?? []);
  const problems = [plan.cohort, ...included]
    .filter((id) => !known.has(id))
    .map((id) => `there is no cohort ${id}; create it first`);
  const own = known.get(plan.cohort);
  if (own === undefined) return problems;
  if (new Set(included).size !== included.length) problems.push("include: a cohort is named twice");
  for (const id of included) {
    const cohort = known.get(id);
    if (cohort === undefined) continue;
    if (id === plan.cohort) problems.push(`include: ${id} is the plan's own cohort`);
    else if (cohort.priority <= own.priority) {
      problems.push(
        `include: ${id} needs a higher priority than ${own.id} (${own.priority}), it has ${cohort.priority}`,
      );
    }
  }
  const users = new Set([plan.cohort, ...included, ...context.cohortsNamingModel]);
  const byPriority = new Map<number, string>();
  for (const cohort of context.cohorts.filter(({ id }) => users.has(id))) {
    const other = byPriority.get(cohort.priority);
    if (other !== undefined) {
      problems.push(`cohorts ${other} and ${cohort.id} both have priority ${cohort.priority} for ${plan.model}`);
    }
    byPriority.set(cohort.priority, cohort.id);
  }
  return problems;
}
