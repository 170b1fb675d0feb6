/**
 * Cohorts, rollouts and where devices stand in them. A change and its effects are one transaction: what is to be
 * published goes into the outbox with it. Callbacks are pure and run inside the transaction.
 */
import type { CohortEntry } from "@flotilla/protocol/documents/control";
import type { DeviceProgress } from "../domain/device-progress.ts";
import type { StageEvidence } from "../domain/gate.ts";
import type { PlacedDevice, Placement } from "../domain/placement.ts";
import type { Decision } from "../domain/rollout.ts";
import type { RolloutState } from "../domain/rollout-state.ts";

/** What a tick looks at besides the state. */
export interface TickSnapshot {
  readonly state: RolloutState;
  readonly evidence: StageEvidence;
  readonly placing: boolean;
  readonly awaitedByRollback: number;
}

export interface RolloutEventRecord {
  readonly atMs: number;
  readonly what: string;
  readonly stage: number;
  readonly reason: string;
}

export interface RolloutStore {
  /** Adds a cohort and orders the index to be published. The same again changes nothing. @throws ROLLOUT_EXISTS */
  addCohort(cohort: CohortEntry): Promise<void>;
  cohorts(): Promise<readonly CohortEntry[]>;
  /** Adds a draft. The same plan again changes nothing and gives what is stored. @throws ROLLOUT_EXISTS */
  addRollout(state: RolloutState): Promise<RolloutState>;
  /** All rollouts, or one model's, oldest first. */
  rollouts(model?: string): Promise<readonly RolloutState[]>;
  /** Lets the operator's event decide, given all rollouts of the same model. @throws ROLLOUT_NOT_FOUND */
  change(
    rollout: string,
    nowMs: number,
    decide: (state: RolloutState, rollouts: readonly RolloutState[]) => Decision,
  ): Promise<RolloutState>;
  /** Ages silent devices, takes the evidence and lets a tick decide; tells whether anything changed. */
  tick(rollout: string, nowMs: number, decide: (snapshot: TickSnapshot) => Decision): Promise<boolean>;
  /** The evidence as it stands, for looking at. @throws ROLLOUT_NOT_FOUND */
  look(rollout: string): Promise<TickSnapshot & { readonly events: readonly RolloutEventRecord[] }>;
  /** Places up to `limit` devices that are not placed yet, by the cohorts and rollouts of now; gives their number. */
  place(
    limit: number,
    nowMs: number,
    prepare: (
      cohorts: readonly CohortEntry[],
      rollouts: readonly RolloutState[],
    ) => (device: PlacedDevice) => readonly Placement[],
  ): Promise<number>;
  /** Where a device stands in a rollout, or null. */
  progressOf(rollout: string, device: string): Promise<(DeviceProgress & Placement) | null>;
}
