/** Rollout plans for tests, with defaults that a test changes where it matters. */
import type { Gate, PlanStage, RolloutPlan } from "@flotilla/protocol/documents/rollout-plan";
import { model } from "./engineer.ts";

export const gate = (overrides: Partial<Gate> = {}): Gate => ({
  metric: "failures-of-finished",
  against: "absolute",
  comparison: "<=",
  bound: 0.1,
  minSamples: 1,
  maxWaitS: 60,
  onNoData: "hold",
  onFail: "rollback",
  ...overrides,
});

export const stage = (shareBp: number, overrides: Partial<PlanStage> = {}): PlanStage => ({
  shareBp,
  soakS: 0,
  gates: [gate()],
  ...overrides,
});

export const plan = (overrides: Partial<RolloutPlan> = {}): RolloutPlan => ({
  type: "flotilla/rollout-plan",
  version: 1,
  rollout: "rollout-1",
  model,
  release: "r-1",
  cohort: "everyone",
  stages: [stage(10_000)],
  deadlines: { startMs: 60_000, stepMs: 60_000 },
  retries: 1,
  probation: { minRuns: 0, minMs: 0 },
  stopRule: { windowS: 60, minRuns: 10, maxErrorRate: 0.5, maxLatencyRatio: 3, maxRestarts: 3 },
  ...overrides,
});
