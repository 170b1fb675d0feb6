/** A rollout as operators see it: its state, its current numbers with their denominators, and what the gates say now. */
import type { RolloutPlan } from "@flotilla/protocol/documents/rollout-plan";
import { evaluateGate, type GateVerdict } from "../domain/gate.ts";
import { type RolloutState, type RolloutStatus, rollbackTargetOf, type StageStatus } from "../domain/rollout-state.ts";
import type { StageCounts } from "../domain/stage-counts.ts";
import type { RolloutEventRecord, TickSnapshot } from "../ports/rollout-store.ts";

export interface RolloutSummary {
  readonly rollout: string;
  readonly plan: Pick<RolloutPlan, "model" | "release" | "cohort">;
  readonly state: RolloutStatus;
  readonly reason: string;
  /** From 1; 0 before the start. */
  readonly stage: number;
  readonly stages: number;
  readonly createdAtMs: number;
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
}

export interface RolloutView extends RolloutSummary {
  readonly plan: RolloutPlan;
  readonly base: { readonly rollout: string; readonly release: string } | null;
  readonly rollbackTo: string | null;
  readonly stageList: readonly {
    readonly number: number;
    readonly shareBp: number;
    readonly state: StageStatus;
    readonly openedAtMs: number | null;
    readonly soakFromMs: number | null;
    readonly decidedAtMs: number | null;
    readonly verdicts: readonly GateVerdict[];
  }[];
  /** Whether devices are still being looked at for the current stage: then `counts` will grow. */
  readonly placing: boolean;
  /** Over all stages up to the current one: a stage holds the devices of those before it. */
  readonly counts: StageCounts;
  /** What the current stage's gates say on the evidence of now. */
  readonly gates: readonly GateVerdict[];
  readonly events: readonly RolloutEventRecord[];
}

export function summaryOf(state: RolloutState): RolloutSummary {
  const { plan, status, reason, current, createdAtMs, startedAtMs, endedAtMs } = state;
  return {
    rollout: plan.rollout,
    plan: { model: plan.model, release: plan.release, cohort: plan.cohort },
    state: status,
    reason,
    stage: current,
    stages: state.stages.length,
    createdAtMs,
    startedAtMs,
    endedAtMs,
  };
}

export function viewOf({
  state,
  evidence,
  placing,
  events,
}: TickSnapshot & { readonly events: readonly RolloutEventRecord[] }): RolloutView {
  const current = state.plan.stages[state.current - 1];
  return {
    ...summaryOf(state),
    plan: state.plan,
    base: state.base,
    rollbackTo: rollbackTargetOf(state),
    stageList: state.stages.map(({ status, ...stage }, i) => ({
      number: i + 1,
      shareBp: state.plan.stages[i]?.shareBp ?? 0,
      state: status,
      ...stage,
    })),
    placing,
    counts: evidence.counts,
    gates: current?.gates.map((gate) => evaluateGate(gate, evidence)) ?? [],
    events,
  };
}
