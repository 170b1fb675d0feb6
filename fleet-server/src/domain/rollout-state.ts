/**
 * The states of a rollout and of its stages, and every legal transition, as one table each (design: architecture.md,
 * "Rollout state machine"). A change that is not in these tables is a bug and is refused.
 */
import type { RolloutPlan } from "@flotilla/protocol/documents/rollout-plan";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { GateVerdict } from "./gate.ts";

export const rolloutStatuses = [
  "draft",
  "scheduled",
  "running",
  "paused",
  "completed",
  "rolling-back",
  "rolled-back",
  "cancelled",
] as const;
export type RolloutStatus = (typeof rolloutStatuses)[number];
export type StageStatus = "pending" | "offering" | "soaking" | "passed" | "held" | "failed";
export type RolloutEventKind = "start" | "pause" | "resume" | "promote" | "rollback" | "cancel" | "tick";

/** From each status, what each event may lead to. An event that is not named is a conflict. */
export const rolloutTransitions: Readonly<
  Record<RolloutStatus, Readonly<Partial<Record<RolloutEventKind, readonly RolloutStatus[]>>>>
> = {
  draft: { start: ["running", "scheduled"], cancel: ["cancelled"], tick: ["draft"] },
  scheduled: { start: ["running"], cancel: ["cancelled"], tick: ["scheduled", "running"] },
  running: {
    pause: ["paused"],
    promote: ["running", "completed"],
    rollback: ["rolling-back"],
    cancel: ["cancelled"],
    tick: ["running", "paused", "completed", "rolling-back"],
  },
  paused: {
    resume: ["running"],
    promote: ["running", "completed"],
    rollback: ["rolling-back"],
    cancel: ["cancelled"],
    tick: ["paused", "rolling-back"],
  },
  completed: { rollback: ["rolling-back"], tick: ["completed"] },
  "rolling-back": { tick: ["rolling-back", "rolled-back"] },
  "rolled-back": { tick: ["rolled-back"] },
  cancelled: { tick: ["cancelled"] },
};

export const stageTransitions: Readonly<Record<StageStatus, readonly StageStatus[]>> = {
  pending: ["offering"],
  offering: ["soaking", "passed", "held", "failed"],
  soaking: ["passed", "held", "failed"],
  held: ["soaking", "passed", "failed"],
  passed: ["failed"],
  failed: [],
};

export interface StageState {
  readonly status: StageStatus;
  readonly openedAtMs: number | null;
  readonly soakFromMs: number | null;
  readonly decidedAtMs: number | null;
  /** What the gates said when the stage was last decided. */
  readonly verdicts: readonly GateVerdict[];
}

/** A release that a cohort runs because of a rollout. */
export interface BaseRelease {
  readonly rollout: string;
  readonly release: string;
}

export interface RolloutState {
  readonly plan: RolloutPlan;
  readonly status: RolloutStatus;
  readonly stages: readonly StageState[];
  /** Number of the current stage, from 1; 0 before the start. */
  readonly current: number;
  readonly createdAtMs: number;
  readonly startAtMs: number | null;
  readonly startedAtMs: number | null;
  readonly pausedAtMs: number | null;
  readonly endedAtMs: number | null;
  /** Fixed at the start. */
  readonly salt: string;
  readonly base: BaseRelease | null;
  /** Why it is in this status, in words; for the operator. */
  readonly reason: string;
}

/** Statuses in which the rollout still has something to do. */
export const isActive = (status: RolloutStatus): boolean =>
  status === "scheduled" || status === "running" || status === "paused" || status === "rolling-back";

export function createRollout(plan: RolloutPlan, nowMs: number): RolloutState {
  const stage: StageState = { status: "pending", openedAtMs: null, soakFromMs: null, decidedAtMs: null, verdicts: [] };
  return {
    plan,
    status: "draft",
    stages: plan.stages.map(() => stage),
    current: 0,
    createdAtMs: nowMs,
    startAtMs: null,
    startedAtMs: null,
    pausedAtMs: null,
    endedAtMs: null,
    salt: plan.rollout,
    base: null,
    reason: "created",
  };
}

/** The release to which a rollback of this rollout leads, or null if there is none. */
export const rollbackTargetOf = (state: RolloutState): string | null =>
  state.plan.rollbackTo ?? state.base?.release ?? null;

/** @throws ROLLOUT_CONFLICT if the event is not allowed in this status, naming those that are */
export function assertAllowed(state: RolloutState, event: RolloutEventKind): void {
  const allowed = rolloutTransitions[state.status];
  if (allowed[event] !== undefined) return;
  const others = Object.keys(allowed).filter((kind) => kind !== "tick");
  throw new FlotillaError(
    "ROLLOUT_CONFLICT",
    `Rollout ${state.plan.rollout} is ${state.status}, so it cannot ${event}. ` +
      (others.length === 0 ? "Nothing more can be done to it." : `Possible now: ${others.join(", ")}.`),
    { details: { rollout: state.plan.rollout, status: state.status, event, possible: others } },
  );
}

/** A state with one stage replaced. @throws INTERNAL for a transition that is not in the table */
export function withStage(state: RolloutState, number: number, change: Partial<StageState>): RolloutState {
  const stage = state.stages[number - 1];
  if (stage === undefined) throw new FlotillaError("INTERNAL", `Rollout ${state.plan.rollout} has no stage ${number}.`);
  if (change.status !== undefined && !stageTransitions[stage.status].includes(change.status)) {
    throw new FlotillaError("INTERNAL", `Stage ${number} cannot go from ${stage.status} to ${change.status}.`);
  }
  return { ...state, stages: state.stages.map((old, index) => (index === number - 1 ? { ...old, ...change } : old)) };
}
