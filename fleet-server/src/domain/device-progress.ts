/**
 * Where one device stands in one rollout, and how its reports move it. Statuses of one boot are ordered by sequence,
 * boots by their count, so a report that comes twice or late changes nothing (design: formats.md, "Status and
 * acknowledgement"). Deadlines run on the server's clock: a device's clock may be anywhere.
 */
import type { DeviceState, Status } from "@flotilla/protocol/documents/reports";

/** `pending`: in the stage, but nothing was heard of it yet. */
export type ProgressState = DeviceState | "pending";

/** Where a report stands among all reports of its device. */
export interface ReportPosition {
  /** Agent starts so far; 0 for a boot that never said hello (it is older than any that did). */
  readonly bootCount: number;
  readonly boot: string;
  readonly sequence: number;
  /** The device's clock: only decides between two boots that never said hello. */
  readonly atMs: number;
}

export interface DeviceProgress {
  readonly state: ProgressState;
  /** It let its deadline pass; a report lifts that again. */
  readonly timedOut: boolean;
  /** It has activated the release at some time. */
  readonly activated: boolean;
  /** It runs the release now, as far as it has told. */
  readonly holds: boolean;
  readonly position: ReportPosition | null;
  /** Null once it has come to an end. */
  readonly deadlineAtMs: number | null;
  readonly variant: string | null;
  readonly code: string | null;
  readonly detail: readonly string[];
}

/** What the deadlines of a rollout depend on. */
export interface ProgressTiming {
  readonly startMs: number;
  readonly stepMs: number;
  readonly probationMs: number;
  readonly spreadMs: number;
}

const inProgress: ReadonlySet<ProgressState> = new Set([
  "pending",
  "offered",
  "downloading",
  "verifying",
  "trialing",
  "activated",
]);
/** States that a device can only reach after it has activated the release. */
const afterActivation: ReadonlySet<ProgressState> = new Set([
  "activated",
  "healthy",
  "failed/probation",
  "rolled-back",
]);

export const isInProgress = (state: ProgressState): boolean => inProgress.has(state);

/** A device that has just been reached out to. */
export function offeredProgress(timing: ProgressTiming, nowMs: number): DeviceProgress {
  return {
    state: "pending",
    timedOut: false,
    activated: false,
    holds: false,
    position: null,
    deadlineAtMs: nowMs + timing.startMs + timing.spreadMs,
    variant: null,
    code: null,
    detail: [],
  };
}

/** Negative if `a` comes before `b`. Total: any two different positions are ordered the same way everywhere. */
export function comparePositions(a: ReportPosition, b: ReportPosition): number {
  if (a.boot === b.boot) return a.sequence - b.sequence;
  return a.bootCount - b.bootCount || a.atMs - b.atMs || (a.boot < b.boot ? -1 : 1);
}

/** Applies a status; returns the very same object if nothing changes. */
export function applyStatus(
  progress: DeviceProgress,
  status: Status,
  position: ReportPosition,
  timing: ProgressTiming,
  nowMs: number,
): DeviceProgress {
  const activated = progress.activated || afterActivation.has(status.state);
  if (progress.position !== null && comparePositions(position, progress.position) <= 0) {
    return activated === progress.activated ? progress : { ...progress, activated };
  }
  return {
    state: status.state,
    timedOut: status.state === "timed-out",
    activated,
    holds: status.running === status.release,
    position,
    deadlineAtMs: isInProgress(status.state) ? nowMs + stepOf(status.state, timing) : null,
    variant: status.variant ?? null,
    code: status.code ?? null,
    detail: status.detail ?? [],
  };
}

/** Probation has its own length; every other step has the plan's. An offered device may still wait out its spread. */
function stepOf(state: DeviceState, timing: ProgressTiming): number {
  if (state === "activated") return timing.stepMs + timing.probationMs;
  if (state === "offered") return timing.stepMs + timing.spreadMs;
  return timing.stepMs;
}
