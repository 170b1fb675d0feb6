/**
 * The plan of a rollout: which release goes to which cohort, in which stages, past which gates.
 * Gates fail closed: no data is `hold`, an unknown metric or impossible bound is refused at creation
 * (design: formats.md, "Gate"; architecture.md, "Rollout state machine").
 */
import { type Static, Type } from "typebox";
import { StopRule } from "./control.ts";
import { defineDocument, head, Id, ShareBp } from "./document.ts";

/**
 * What a gate can measure, over the devices of the stage. Rates name their denominator:
 * `…-of-offered`: all devices that the stage reaches out to; `…-of-finished`: those that came to an end state.
 */
export const gateMetrics = [
  "healthy-of-offered",
  "failures-of-finished",
  "trial-failures-of-finished",
  "rollbacks-of-finished",
  "timed-out-of-offered",
  "error-rate",
  "latency-p50-ms",
  "latency-p95-ms",
  "confidence-p50",
  "accuracy",
] as const;
export type GateMetric = (typeof gateMetrics)[number];

export const Gate = Type.Object({
  metric: Type.Enum(gateMetrics),
  /** absolute: against `bound`; previous, control: ratio to the base release's or the control arm's value. */
  against: Type.Union([Type.Literal("absolute"), Type.Literal("previous"), Type.Literal("control")]),
  comparison: Type.Union([Type.Literal("<="), Type.Literal(">=")]),
  bound: Type.Number(),
  /** Devices (rates of devices) or runs (metrics of runs) below which there is no verdict but `hold`. */
  minSamples: Type.Integer({ minimum: 1 }),
  maxWaitS: Type.Integer({ minimum: 1 }),
  onNoData: Type.Literal("hold"),
  onFail: Type.Union([Type.Literal("hold"), Type.Literal("rollback")]),
});
export type Gate = Static<typeof Gate>;

export const PlanStage = Type.Object({
  shareBp: ShareBp,
  /** Cohorts that are wholly in from this stage on (canaries by tag). */
  include: Type.Optional(Type.Array(Id, { maxItems: 16 })),
  /** Time to wait after the stage's devices have finished before the gates decide. */
  soakS: Type.Number({ minimum: 0 }),
  gates: Type.Array(Gate, { minItems: 1, maxItems: 32 }),
});
export type PlanStage = Static<typeof PlanStage>;

export const RolloutPlan = Type.Object({
  ...head("rollout-plan"),
  rollout: Id,
  model: Id,
  release: Id,
  cohort: Id,
  stages: Type.Array(PlanStage, { minItems: 1, maxItems: 32 }),
  control: Type.Optional(Type.Object({ shareBp: ShareBp, release: Id })),
  deadlines: Type.Object({ startMs: Type.Integer({ minimum: 1 }), stepMs: Type.Integer({ minimum: 1 }) }),
  retries: Type.Integer({ minimum: 0, maximum: 10 }),
  probation: Type.Object({ minRuns: Type.Integer({ minimum: 0 }), minMs: Type.Integer({ minimum: 0 }) }),
  stopRule: StopRule,
  rate: Type.Optional(Type.Object({ spreadMs: Type.Integer({ minimum: 0 }) })),
  /** Release to go back to; default: the cohort's last completed one. */
  rollbackTo: Type.Optional(Id),
  allowUnproven: Type.Optional(Type.Boolean()),
});
export type RolloutPlan = Static<typeof RolloutPlan>;
export const rolloutPlanDocument = defineDocument("rollout-plan", 1, RolloutPlan);
