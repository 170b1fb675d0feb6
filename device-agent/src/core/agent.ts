/**
 * The agent's reducer: (state, event) → (state, effects). The whole behaviour of a device is here and in the files it
 * names; the driver only stores the state, then does what the effects say. An event that fits nothing changes nothing:
 * the old model goes on running. Pure: no clock, no chance, no waiting.
 *
 *   event            → handled by         behind every event
 *   started            start.ts           watch.ts      is what runs well?
 *   …-received         documents.ts       reconcile.ts  is it what should run?
 *   results            candidate.ts       then: were reports queued, did the cohorts change?
 *   run-recorded       watch.ts
 */
import { failStep, onActivated, onDownloaded, onResolved, onTrialPassed, onVerified } from "./candidate.ts";
import { type Intake, takeControlKeys, takeDirective, takeDocument, takeIndex } from "./documents.ts";
import type { Effect } from "./effects.ts";
import type { AgentEvent } from "./events.ts";
import { reconcile } from "./reconcile.ts";
import { takeAck } from "./reports.ts";
import { matchingCohorts } from "./select.ts";
import { onStarted } from "./start.ts";
import type { AgentState, Candidate, CandidatePhase } from "./state.ts";
import { modelOf, patchCandidate, patchModel, type Turn } from "./turn.ts";
import { onLoadFailed, onRunRecorded, watchActive } from "./watch.ts";

export interface Step {
  readonly state: AgentState;
  readonly effects: readonly Effect[];
}

/** A clock this far behind the last change was set back. */
const clockToleranceMs = 60_000;

/** One step. The same object is returned as state if nothing changed. */
export function step(state: AgentState, event: AgentEvent): Step {
  const turn: Turn = { state, effects: [], nowMs: event.nowMs };
  if (event.nowMs < state.clockMs - clockToleranceMs) rebaseClock(turn);
  handle(turn, event);
  if (event.kind !== "stopping") {
    for (const name of Object.keys(turn.state.models)) watchActive(turn, name);
    reconcile(turn);
  }
  if (turn.state.outbox !== state.outbox && turn.state.nextSequence !== state.nextSequence) {
    turn.effects.push({ kind: "send-reports" });
  }
  if (turn.state.index !== state.index || turn.state.document !== state.document || event.kind === "started") {
    turn.effects.push({ kind: "subscribe", cohorts: matchingCohorts(turn.state) });
  }
  if (turn.state !== state) turn.state = { ...turn.state, clockMs: event.nowMs };
  return { state: turn.state, effects: turn.effects };
}

function handle(turn: Turn, event: AgentEvent): void {
  switch (event.kind) {
    case "started":
      onStarted(turn, event);
      return;
    case "stopping":
      turn.state = { ...turn.state, cleanStop: true };
      return;
    case "tick":
      return;
    case "connected":
      turn.effects.push({ kind: "subscribe", cohorts: matchingCohorts(turn.state) });
      turn.effects.push({ kind: "say-hello" }, { kind: "send-reports" });
      return;
    case "control-keys":
      turn.state = takeControlKeys(turn.state, event.keys);
      return;
    case "index-received":
      take(turn, takeIndex(turn.state, event.document));
      return;
    case "directive-received":
      take(turn, takeDirective(turn.state, event.document));
      return;
    case "document-received":
      take(turn, takeDocument(turn.state, event.document));
      return;
    case "ack-received":
      turn.state = takeAck(turn.state, event.ack);
      return;
    case "run-recorded":
      onRunRecorded(turn, event);
      return;
    case "load-failed":
      onLoadFailed(turn, event);
      return;
    case "resolved":
      forCandidate(turn, event, ["resolving"], (candidate) => onResolved(turn, event, candidate));
      return;
    case "downloaded":
      forCandidate(turn, event, ["downloading"], (one) => onDownloaded(turn, event.model, one));
      return;
    case "verified":
      forCandidate(turn, event, ["verifying"], (one) => onVerified(turn, event.model, one));
      return;
    case "trial-passed":
      forCandidate(turn, event, ["trialing"], () => onTrialPassed(turn, event));
      return;
    case "activated":
      forCandidate(turn, event, ["activating"], (one) => onActivated(turn, event.model, one));
      return;
    case "step-failed": {
      const working = ["resolving", "downloading", "verifying", "trialing", "activating"] as const;
      forCandidate(turn, event, working, (candidate) => failStep(turn, event.model, candidate, event));
      return;
    }
    default:
      // An event of a later version: nothing is known of it, so nothing changes.
      event satisfies never;
  }
}

function take(turn: Turn, intake: Intake): void {
  if ("state" in intake) turn.state = intake.state;
}

/** Results of a candidate that is no more, or of a phase that is over, are ignored. */
function forCandidate(
  turn: Turn,
  event: { readonly model: string; readonly candidate: number },
  phases: readonly CandidatePhase[],
  then: (candidate: Candidate) => void,
): void {
  const { candidate } = modelOf(turn, event.model);
  if (candidate !== null && candidate.id === event.candidate && phases.includes(candidate.phase)) then(candidate);
}

/** The clock was set back: whatever was being timed is timed from now, or it would never end (fault G3). */
function rebaseClock(turn: Turn): void {
  for (const name of Object.keys(turn.state.models)) {
    const { active } = modelOf(turn, name);
    const { nowMs } = turn;
    patchCandidate(turn, name, { phaseSinceMs: nowMs, notBeforeMs: nowMs, retryAtMs: nowMs });
    patchModel(turn, name, {
      windows: [],
      ...(active === null ? {} : { active: { ...active, activatedAtMs: nowMs } }),
    });
  }
  turn.state = { ...turn.state, clockMs: turn.nowMs };
}
