/**
 * Brings what the device does in line with what it should run: behind every event, for every model, the selection is
 * compared with the state, and a candidate is begun, moved on, given up or ended. The only place that begins one. Pure.
 */
import { beginCandidate, endCandidate, failStep, startActivating, startResolving, supersede } from "./candidate.ts";
import { type Selection, selectTargets } from "./select.ts";
import { freeSlot } from "./slots.ts";
import type { Candidate, Target } from "./state.ts";
import { finish, isFinished, modelOf, patchCandidate, patchModel, report, since, type Turn } from "./turn.ts";
import { leaveActive } from "./watch.ts";

export function reconcile(turn: Turn): void {
  const selections = selectTargets(turn.state, turn.nowMs);
  for (const name of new Set([...Object.keys(turn.state.models), ...selections.keys()])) {
    reconcileModel(turn, name, selections.get(name) ?? null);
  }
}

const sameTarget = (a: Target, b: Target | undefined): boolean =>
  b !== undefined && a.rollout === b.rollout && a.release === b.release && a.intent === b.intent;

function reconcileModel(turn: Turn, name: string, selection: Selection | null): void {
  const { candidate } = modelOf(turn, name);
  if (candidate !== null && candidate.phase !== "activating" && !sameTarget(candidate.target, selection?.target)) {
    supersede(turn, name);
  }
  if (selection?.optedOut && !isFinished(modelOf(turn, name), selection.optedOut)) {
    finish(turn, name, selection.optedOut, "opted-out");
    report(turn, name, selection.optedOut, "opted-out", { detail: [`pinned to ${selection.target.release}`] });
  }
  leaveActiveSlot(turn, name);
  if (selection !== null && modelOf(turn, name).candidate === null) consider(turn, name, selection);
  const current = modelOf(turn, name).candidate;
  if (current !== null) advance(turn, name, current, selection);
}

/**
 * The slot of a candidate that has written nothing yet was the way back's. If the device has gone that way meanwhile,
 * that slot runs now and is not to be written; and a candidate that was the way back itself has nothing left to do.
 */
function leaveActiveSlot(turn: Turn, name: string): void {
  const { active, candidate } = modelOf(turn, name);
  if (active === null || candidate === null || candidate.slot !== active.slot) return;
  if (candidate.reuse) patchModel(turn, name, { candidate: null });
  else patchCandidate(turn, name, { slot: freeSlot(modelOf(turn, name)) });
}

/** No candidate: is there to be one? */
function consider(turn: Turn, name: string, { target, mayStart }: Selection): void {
  const model = modelOf(turn, name);
  const { active, previous } = model;
  if (isFinished(model, target)) return;
  if (active?.release === target.release) {
    if (mayStart && target.intent === "install") adopt(turn, name, target);
    return;
  }
  if (!mayStart) return;
  const floor = turn.state.floors.counters[name] ?? 0;
  if (previous?.release === target.release && previous.variant.counter < floor) {
    finish(turn, name, target, "rejected");
    const detail = [`counter ${previous.variant.counter} is below the floor ${floor}`];
    report(turn, name, target, "rejected", { code: "INTEGRITY_ROLLBACK", detail });
    return;
  }
  beginCandidate(turn, name, target);
}

/** What should run runs already, installed by another rollout: this one has nothing to do and says so. */
function adopt(turn: Turn, name: string, target: Target): void {
  const { active } = modelOf(turn, name);
  if (active === null || active.rollout === target.rollout) return;
  patchModel(turn, name, { active: { ...active, rollout: target.rollout, watch: target.watch, reported: true } });
  const subject = { ...target, variant: active.variant };
  report(turn, name, subject, "activated");
  if (active.committed) report(turn, name, subject, "healthy");
}

function advance(turn: Turn, name: string, candidate: Candidate, selection: Selection | null): void {
  const { target } = candidate;
  const { nowMs } = turn;
  switch (candidate.phase) {
    case "waiting":
      if (selection === null || nowMs < candidate.notBeforeMs) return;
      startIfPossible(turn, name, candidate, selection);
      return;
    case "backoff":
      if (nowMs >= candidate.retryAtMs && selection?.mayActivate === true) startResolving(turn, name, candidate);
      return;
    case "ready":
      if (selection?.mayActivate === true) startActivating(turn, name, candidate);
      return;
    case "resolving":
    case "downloading":
    case "verifying":
    case "trialing":
    case "activating": {
      if (since(nowMs, candidate.phaseSinceMs) <= target.stepMs) return;
      turn.effects.push({ kind: "cancel", model: name, candidate: candidate.id });
      const code = candidate.phase === "trialing" ? "TRIAL_TIMEOUT" : "TRANSPORT_TIMEOUT";
      const detail = [`${candidate.phase} took longer than ${target.stepMs} ms`];
      failStep(turn, name, candidate, { code, detail, final: false });
      return;
    }
  }
}

function startIfPossible(turn: Turn, name: string, candidate: Candidate, selection: Selection): void {
  const { active, previous } = modelOf(turn, name);
  const late = since(turn.nowMs, candidate.notBeforeMs) > candidate.target.startMs;
  // An active release in probation needs its way back, and the way back needs the slot that the candidate would take.
  const needsWayBack =
    !candidate.reuse && active !== null && !active.committed && previous !== null && previous.slot === candidate.slot;
  if (!selection.mayStart) {
    if (late)
      endCandidate(turn, name, "timed-out", { detail: [`not allowed to start for ${candidate.target.startMs} ms`] });
    return;
  }
  if (needsWayBack && !late && candidate.target.intent === "install") return;
  if (needsWayBack) {
    // It could not be proven in time, or is to be rolled back: what is known to be good runs meanwhile.
    leaveActive(turn, name, candidate.target.ends === active.rollout ? "rolled-back" : "superseded");
    patchCandidate(turn, name, { slot: freeSlot(modelOf(turn, name)) });
  }
  const current = modelOf(turn, name).candidate;
  if (current === null) return;
  if (current.reuse) startActivating(turn, name, current);
  else startResolving(turn, name, current);
}
