/**
 * The rollout's reducer: (state, event) → state and effects, by the tables of rollout-state.ts.
 * Time and evidence come with the event; effects are data, committed with the state and carried out afterwards.
 * A stage without data is held, a lost gate rolls back, and nothing but an operator gets a held rollout going again.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { evaluateGate, findLostGate, type GateVerdict, type StageEvidence } from "./gate.ts";
import {
  assertAllowed,
  type BaseRelease,
  type RolloutState,
  type RolloutStatus,
  rollbackTargetOf,
  rolloutTransitions,
  type StageState,
  withStage,
} from "./rollout-state.ts";

export type RolloutEvent =
  /** `salt`: of the first attempt at this release; `base`: what the cohort runs now; `atMs`: not before. */
  | {
      readonly kind: "start";
      readonly nowMs: number;
      readonly salt: string;
      readonly base: BaseRelease | null;
      readonly atMs?: number;
    }
  | { readonly kind: "pause" | "resume" | "promote" | "rollback" | "cancel"; readonly nowMs: number }
  /** `placing`: devices remain of which it is not known whether they are in the stage. */
  | {
      readonly kind: "tick";
      readonly nowMs: number;
      readonly evidence: StageEvidence;
      readonly placing: boolean;
      readonly awaitedByRollback: number;
    };

export type RolloutEffect =
  | { readonly kind: "publish-directives"; readonly cohorts: readonly string[] }
  /** Look at every device again: is it in the stage? */
  | { readonly kind: "place-devices" }
  | { readonly kind: "extend-deadlines"; readonly byMs: number }
  /** Devices that hold or may yet activate the release are given until then to have left it. */
  | { readonly kind: "expect-rollback"; readonly deadlineAtMs: number }
  | { readonly kind: "record-event"; readonly what: string; readonly stage: number; readonly reason: string };

export interface Decision {
  readonly state: RolloutState;
  readonly effects: readonly RolloutEffect[];
}

/**
 * Decides what an event does. A tick that changes nothing returns the very same state object and no effects.
 * @throws ROLLOUT_CONFLICT if the event is not allowed now
 */
export function decide(state: RolloutState, event: RolloutEvent): Decision {
  assertAllowed(state, event.kind);
  const decision = dispatch(state, event);
  const targets = rolloutTransitions[state.status][event.kind] ?? [];
  if (!targets.includes(decision.state.status)) {
    throw new FlotillaError("INTERNAL", `${event.kind} led from ${state.status} to ${decision.state.status}.`);
  }
  return decision;
}

function dispatch(state: RolloutState, event: RolloutEvent): Decision {
  switch (event.kind) {
    case "start":
      return start(state, event);
    case "pause":
      return publish(
        { ...state, status: "paused", pausedAtMs: event.nowMs, reason: "paused by the operator" },
        "paused",
      );
    case "resume":
      return resume(state, event.nowMs);
    case "promote":
      assertNotFailed(state);
      return pass(liftPause(state), event.nowMs, [], "promoted by the operator", pauseEffects(state, event.nowMs));
    case "rollback":
      return rollBack(state, event.nowMs, [], "rolled back by the operator");
    case "cancel":
      return cancel(state, event.nowMs);
    case "tick":
      return tick(state, event);
  }
}

function start(state: RolloutState, event: Extract<RolloutEvent, { kind: "start" }>): Decision {
  const prepared = { ...state, salt: event.salt, base: event.base };
  if (event.atMs !== undefined && event.atMs > event.nowMs) {
    return record(
      { ...prepared, status: "scheduled", startAtMs: event.atMs, reason: "waits for its start" },
      "scheduled",
    );
  }
  return openStage({ ...prepared, startAtMs: event.nowMs, startedAtMs: event.nowMs }, 1, event.nowMs, "started");
}

function resume(state: RolloutState, nowMs: number): Decision {
  const effects = pauseEffects(state, nowMs);
  assertNotFailed(state);
  const going = liftPause(stageOf(state).status === "held" ? soak(state, nowMs) : state);
  return publish({ ...going, reason: "resumed by the operator" }, "resumed", effects);
}

function assertNotFailed(state: RolloutState): void {
  if (stageOf(state).status !== "failed") return;
  throw new FlotillaError(
    "ROLLOUT_CONFLICT",
    `Stage ${state.current} of ${state.plan.rollout} has failed; all that is left is to roll it back or cancel it.`,
    { details: { rollout: state.plan.rollout, stage: state.current, possible: ["rollback", "cancel"] } },
  );
}

function cancel(state: RolloutState, nowMs: number): Decision {
  const cancelled: RolloutState = {
    ...state,
    status: "cancelled",
    endedAtMs: nowMs,
    reason: "cancelled by the operator",
  };
  return state.startedAtMs === null ? record(cancelled, "cancelled") : publish(cancelled, "cancelled");
}

function tick(state: RolloutState, event: Extract<RolloutEvent, { kind: "tick" }>): Decision {
  switch (state.status) {
    case "scheduled":
      if (state.startAtMs === null || event.nowMs < state.startAtMs) return unchanged(state);
      return openStage({ ...state, startedAtMs: event.nowMs }, 1, event.nowMs, "started");
    case "running":
      return tickRunning(state, event);
    case "paused":
      return tickPaused(state, event);
    case "rolling-back":
      if (event.awaitedByRollback > 0) return unchanged(state);
      return record({ ...state, status: "rolled-back", endedAtMs: event.nowMs }, "rolled-back");
    default:
      return unchanged(state);
  }
}

function tickRunning(state: RolloutState, event: Extract<RolloutEvent, { kind: "tick" }>): Decision {
  const { nowMs, evidence } = event;
  const stage = stageOf(state);
  const plan = state.plan.stages[state.current - 1];
  if (plan === undefined) return unchanged(state);
  const lost = findLostGate(plan.gates, evidence);
  if (lost !== null) {
    const verdicts = plan.gates.map((gate) => evaluateGate(gate, evidence));
    return lost.verdict === "rollback"
      ? rollBack(state, nowMs, verdicts, describe(lost))
      : hold(state, nowMs, verdicts, describe(lost));
  }
  if (stage.status === "offering") {
    if (event.placing || evidence.counts.awaited > 0) return unchanged(state);
    return record({ ...soak(state, nowMs), reason: "all devices of the stage have finished" }, "soaking");
  }
  if (stage.status !== "soaking" || stage.soakFromMs === null) return unchanged(state);
  const waitedMs = nowMs - stage.soakFromMs - plan.soakS * 1000;
  if (waitedMs < 0) return unchanged(state);
  const verdicts = plan.gates.map((gate) => evaluateGate(gate, evidence));
  const missed = verdicts.filter((verdict) => verdict.finding === "missed");
  const worst = missed.find((verdict) => verdict.verdict === "rollback") ?? missed[0];
  if (worst?.verdict === "rollback") return rollBack(state, nowMs, verdicts, describe(worst));
  if (worst !== undefined) return hold(state, nowMs, verdicts, describe(worst));
  const unknown = verdicts.findIndex((verdict) => verdict.finding === "no-data");
  if (unknown === -1) return pass(state, nowMs, verdicts, "all gates are met", []);
  const overdue = plan.gates.find((gate, i) => verdicts[i]?.finding === "no-data" && waitedMs >= gate.maxWaitS * 1000);
  if (overdue === undefined) return unchanged(state);
  return hold(state, nowMs, verdicts, `no data for ${overdue.metric} after ${overdue.maxWaitS} s`);
}

/** A pause stops offers, not the watch over what already runs. */
function tickPaused(state: RolloutState, event: Extract<RolloutEvent, { kind: "tick" }>): Decision {
  const plan = state.plan.stages[state.current - 1];
  if (plan === undefined || stageOf(state).status === "failed") return unchanged(state);
  const lost = findLostGate(plan.gates, event.evidence);
  if (lost?.verdict !== "rollback" || rollbackTargetOf(state) === null) return unchanged(state);
  const verdicts = plan.gates.map((gate) => evaluateGate(gate, event.evidence));
  return rollBack(state, event.nowMs, verdicts, describe(lost));
}

function openStage(
  state: RolloutState,
  number: number,
  nowMs: number,
  what: string,
  first: RolloutEffect[] = [],
): Decision {
  const opened = withStage(state, number, { status: "offering", openedAtMs: nowMs });
  return publish(
    { ...opened, status: "running", current: number, reason: `offering stage ${number} of ${state.stages.length}` },
    what,
    [...first, { kind: "place-devices" }],
  );
}

function pass(
  state: RolloutState,
  nowMs: number,
  verdicts: readonly GateVerdict[],
  reason: string,
  first: RolloutEffect[],
): Decision {
  const passed = withStage(state, state.current, { status: "passed", decidedAtMs: nowMs, verdicts });
  const note: RolloutEffect = { kind: "record-event", what: "stage-passed", stage: state.current, reason };
  if (state.current < state.stages.length) {
    return openStage(passed, state.current + 1, nowMs, "stage-opened", [...first, note]);
  }
  return publish({ ...passed, status: "completed", endedAtMs: nowMs, reason }, "completed", [...first, note]);
}

function hold(state: RolloutState, nowMs: number, verdicts: readonly GateVerdict[], reason: string): Decision {
  const held = withStage(state, state.current, { status: "held", decidedAtMs: nowMs, verdicts });
  return publish({ ...held, status: "paused", pausedAtMs: nowMs, reason }, "stage-held");
}

/** Without a release to go back to, what is left is to stop. */
function rollBack(state: RolloutState, nowMs: number, verdicts: readonly GateVerdict[], reason: string): Decision {
  const target = rollbackTargetOf(state);
  const decided = verdicts.length === 0 ? {} : { verdicts };
  const failed =
    stageOf(state).status === "failed"
      ? state
      : withStage(state, state.current, { status: "failed", decidedAtMs: nowMs, ...decided });
  if (target === null) {
    if (verdicts.length === 0) {
      throw new FlotillaError(
        "ROLLOUT_CONFLICT",
        `Rollout ${state.plan.rollout} has no release to go back to: the cohort had none before, and the plan names none.`,
        { details: { rollout: state.plan.rollout } },
      );
    }
    const why = `${reason}; there is no release to go back to`;
    return publish({ ...failed, status: "paused", pausedAtMs: nowMs, reason: why }, "stage-failed");
  }
  const { startMs, stepMs } = state.plan.deadlines;
  const deadlineAtMs = nowMs + startMs + stepMs + (state.plan.rate?.spreadMs ?? 0);
  return publish({ ...failed, status: "rolling-back", pausedAtMs: null, endedAtMs: null, reason }, "rolling-back", [
    { kind: "expect-rollback", deadlineAtMs },
  ]);
}

const soak = (state: RolloutState, nowMs: number): RolloutState =>
  withStage(state, state.current, { status: "soaking", soakFromMs: nowMs });

const liftPause = (state: RolloutState): RolloutState => ({ ...state, status: "running", pausedAtMs: null });

const pauseEffects = (state: RolloutState, nowMs: number): RolloutEffect[] =>
  state.pausedAtMs === null ? [] : [{ kind: "extend-deadlines", byMs: Math.max(0, nowMs - state.pausedAtMs) }];

function stageOf(state: RolloutState): StageState {
  const stage = state.stages[state.current - 1];
  if (stage === undefined) throw new FlotillaError("INTERNAL", `Rollout ${state.plan.rollout} is in no stage.`);
  return stage;
}

/** The plan's cohort and all cohorts that its stages up to the current one include. */
export function cohortsOf(state: RolloutState): string[] {
  const included = state.plan.stages.slice(0, state.current).flatMap((stage) => stage.include ?? []);
  return [...new Set([state.plan.cohort, ...included])];
}

const unchanged = (state: RolloutState): Decision => ({ state, effects: [] });

const record = (state: RolloutState, what: string, first: RolloutEffect[] = []): Decision => ({
  state,
  effects: [...first, { kind: "record-event", what, stage: state.current, reason: state.reason }],
});

const publish = (state: RolloutState, what: string, first: RolloutEffect[] = []): Decision =>
  record(state, what, [...first, { kind: "publish-directives", cohorts: cohortsOf(state) }]);

function describe(verdict: GateVerdict): string {
  const of = verdict.against === "absolute" ? "" : ` times ${verdict.against} (${verdict.reference})`;
  return `${verdict.metric} is ${verdict.value}, the gate asks for ${verdict.comparison} ${verdict.bound}${of}`;
}

/** What a cohort runs for a model by its rollouts so far: the base of the next one. */
export function effectiveRelease(rollouts: readonly RolloutState[], cohort: string, model: string): BaseRelease | null {
  const ended = (status: RolloutStatus): boolean => status === "completed" || status === "rolled-back";
  const latest = rollouts
    .filter((state) => state.plan.cohort === cohort && state.plan.model === model && ended(state.status))
    .sort((a, b) => (b.startedAtMs ?? 0) - (a.startedAtMs ?? 0))[0];
  if (latest === undefined) return null;
  if (latest.status === "completed") return { rollout: latest.plan.rollout, release: latest.plan.release };
  const target = rollbackTargetOf(latest);
  if (target === null) return null;
  return target === latest.base?.release ? latest.base : { rollout: latest.plan.rollout, release: target };
}
