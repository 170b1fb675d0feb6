/**
 * The numbers of devices in a stage, with the denominators that gates divide by (design: formats.md, "Gate").
 * A silent device is in `offered` and ages into `timedOut`; a device that cannot or will not take part is shown apart.
 */
import { isInProgress, type ProgressState } from "./device-progress.ts";

export interface StageCounts {
  /** Devices that the stage's bucket and cohorts select. */
  readonly members: number;
  /** Members that cannot or will not take part: rejected, opted out, superseded. */
  readonly rejected: number;
  readonly optedOut: number;
  readonly superseded: number;
  /** Members that the rollout reaches out to: all but those three. */
  readonly offered: number;
  /** Offered devices that were heard of. */
  readonly reached: number;
  /** Offered devices that came to an end by their own report: healthy, failed or rolled back. */
  readonly finished: number;
  /** Offered devices that let a deadline pass. */
  readonly timedOut: number;
  /** Offered devices of which an end is still awaited. */
  readonly awaited: number;
  readonly healthy: number;
  readonly trialFailures: number;
  /** All failures: of any phase, and roll-backs. */
  readonly failures: number;
  /** Devices that activated the release and left it again, on their own or on order. */
  readonly rolledBack: number;
  /** Devices that activated the release at some time. */
  readonly activated: number;
  /** Devices that run the release now. */
  readonly holding: number;
}

/** A number of devices that are alike. */
export interface StateGroup {
  readonly state: ProgressState;
  readonly timedOut: boolean;
  readonly activated: boolean;
  readonly holds: boolean;
  readonly devices: number;
}

export function countStates(groups: readonly StateGroup[]): StageCounts {
  const sum = (which: (group: StateGroup) => boolean): number =>
    groups.reduce((total, group) => (which(group) ? total + group.devices : total), 0);
  const inState = (...states: ProgressState[]): number => sum((group) => states.includes(group.state));
  const members = sum(() => true);
  const rejected = inState("rejected");
  const optedOut = inState("opted-out");
  const superseded = inState("superseded");
  const offered = members - rejected - optedOut - superseded;
  const healthy = sum((group) => group.state === "healthy" && !group.timedOut);
  const rolledBackByReport = inState("rolled-back");
  const failed = sum((group) => group.state.startsWith("failed/") && !group.timedOut);
  const timedOut = sum((group) => group.timedOut && isOffered(group.state));
  const finished = healthy + failed + sum((group) => group.state === "rolled-back" && !group.timedOut);
  return {
    members,
    rejected,
    optedOut,
    superseded,
    offered,
    reached: offered - inState("pending"),
    finished,
    timedOut,
    awaited: offered - finished - timedOut,
    healthy,
    trialFailures: inState("failed/trial"),
    failures: failed + rolledBackByReport,
    rolledBack: inState("failed/probation") + rolledBackByReport,
    activated: sum((group) => group.activated),
    holding: sum((group) => group.holds),
  };
}

/** Devices that a roll-back must still wait for: those that run the release or may yet come to. */
export function awaitedByRollback(groups: readonly StateGroup[]): number {
  return groups.reduce((total, group) => {
    const mayActivate = isInProgress(group.state) && group.state !== "pending";
    return !group.timedOut && (group.holds || mayActivate) ? total + group.devices : total;
  }, 0);
}

const isOffered = (state: ProgressState): boolean =>
  state !== "rejected" && state !== "opted-out" && state !== "superseded";
