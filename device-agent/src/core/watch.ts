/**
 * Watching what runs: windows of live runs come in, the stop rule is applied, the probation is passed or ends in a
 * fall-back to the last good release, without asking anyone (design: architecture.md, step 5). Pure.
 */
import type { DeviceState } from "@flotilla/protocol/documents/reports";
import type { EventOf } from "./events.ts";
import { findIllness, growProfile, isProven } from "./health.ts";
import { queueMetrics } from "./reports.ts";
import { fallBack, wayBack } from "./slots.ts";
import { stateLimits } from "./state.ts";
import { activateEffect, finish, isFinished, modelOf, patchModel, report, setModel, type Turn } from "./turn.ts";

export function onRunRecorded(turn: Turn, event: EventOf<"run-recorded">): void {
  const { model: name, release, variant, window, confidence, memoryBytes } = event;
  turn.state = queueMetrics(turn.state, {
    model: name,
    release,
    variant,
    fromMs: window.fromMs,
    toMs: window.toMs,
    runs: window.runs,
    errors: window.errors,
    latencyMs: window.latency,
    ...(confidence === null ? {} : { confidence }),
    ...(window.labelled === 0 ? {} : { labelled: { runs: window.labelled, correct: window.correct } }),
    ...(memoryBytes === null ? {} : { memoryBytes }),
  });
  const model = modelOf(turn, name);
  const { active } = model;
  // A late window of a release that was left is a measurement, but says nothing of what runs now.
  if (active === null || active.release !== release || active.variant.name !== variant) return;
  const windows = [...model.windows, window].slice(-stateLimits.windows);
  const live = growProfile(active.live, window);
  patchModel(turn, name, { windows, active: { ...active, live, runs: active.runs + window.runs } });
}

/** Behind every event: is what runs well, and has it proven itself? */
export function watchActive(turn: Turn, name: string): void {
  const model = modelOf(turn, name);
  const { active, previous, windows } = model;
  if (active === null || isFinished(model, active)) return;
  const illness = findIllness(active, previous, windows, turn.nowMs);
  if (illness !== null) {
    const state = active.committed ? "rolled-back" : "failed/probation";
    // With nothing to fall back on, a slow or doubtful model is better than none; one that kills the agent is not.
    const leave = wayBack(model) !== null || illness.code === "HEALTH_RESTARTS";
    const why = { code: illness.code, detail: [illness.detail] };
    finish(turn, name, active, state);
    if (leave) leaveActive(turn, name, state, why);
    else report(turn, name, active, state, why);
    return;
  }
  if (!active.committed && isProven(active, turn.nowMs)) {
    patchModel(turn, name, { active: { ...active, committed: true, unprovenStarts: 0 } });
    if (active.reported) report(turn, name, active, "healthy");
  }
}

/** Leaves the active release for the previous one (or for none), and says why. */
export function leaveActive(
  turn: Turn,
  name: string,
  state: DeviceState,
  why: { readonly code?: string; readonly detail?: readonly string[] } = {},
): void {
  const left = modelOf(turn, name).active;
  if (left === null) return;
  setModel(turn, name, fallBack(modelOf(turn, name)));
  runActive(turn, name);
  report(turn, name, left, state, why);
}

/** Asks for what the state says is active to be loaded and pointed to. */
export function runActive(turn: Turn, name: string): void {
  const { active } = modelOf(turn, name);
  if (active !== null) activateEffect(turn, name, null, active);
  else turn.effects.push({ kind: "deactivate", model: name });
}

/** The active model's file turned out unusable: the previous one runs, and the target may be fetched anew. */
export function onLoadFailed(turn: Turn, event: EventOf<"load-failed">): void {
  const { active } = modelOf(turn, event.model);
  if (active === null || active.variant.model.digest !== event.digest) return;
  leaveActive(turn, event.model, "failed/activate", { code: event.code });
}
