/**
 * Which of a model's two slots is written next, and what an activation or a fall-back does to them. The active slot is
 * never written. The previous release stays in the other one, as the way back, until a candidate needs that slot; what
 * came with the device lies apart and is always there.
 * Activation is one change of state: the pointer on disk and the loaded model follow from it. Pure.
 */
import type { Candidate, Installed, ModelState, SlotName } from "./state.ts";

/** The slot that a new candidate is written to: the one that does not run. */
export function freeSlot(model: ModelState): SlotName {
  return model.active?.slot === "a" ? "b" : "a";
}

/** The candidate becomes active. What ran stays as the way back if it had proven itself or nothing else did. */
export function activate(model: ModelState, candidate: Candidate, nowMs: number): ModelState {
  const { active, previous } = model;
  const next = installedFrom(model, candidate, nowMs);
  if (next === null) return { ...model, candidate: null };
  const others = [active, previous].filter((one): one is Installed => one !== null && one.slot !== next.slot);
  // What a rollback leaves is no way back, and neither is an unproven release that the previous one replaces.
  const kept = others.find((one) => one.committed) ?? (candidate.reuse ? undefined : others[0]);
  const way = candidate.target.intent === "restore" ? null : (kept ?? null);
  return { ...model, active: next, previous: way, candidate: null, windows: [] };
}

/** What the candidate will be once it is active; null if it lacks what that takes. */
export function installedFrom(model: ModelState, candidate: Candidate, nowMs: number): Installed | null {
  const { target, slot, variant, trial, reuse } = candidate;
  if (reuse) {
    const previous = model.previous;
    if (previous === null || previous.slot !== slot) return null;
    // A way back under a rollback keeps its old name; an install puts it under the new rollout's.
    const named = target.intent === "restore" ? {} : { rollout: target.rollout, watch: target.watch };
    return { ...previous, ...named, unprovenStarts: 0 };
  }
  if (variant === null || trial === null) return null;
  return {
    slot,
    rollout: target.rollout,
    release: target.release,
    variant,
    watch: target.watch,
    committed: false,
    reported: true,
    activatedAtMs: nowMs,
    unprovenStarts: 0,
    runs: 0,
    trial,
    live: null,
  };
}

/** What would run if the active release were left: the previous one, else what came with the device, else nothing. */
export function wayBack({ active, previous, factory }: ModelState): Installed | null {
  return previous ?? (active?.slot === "factory" ? null : factory);
}

/** The active release is left for what there is to fall back on. */
export function fallBack(model: ModelState): ModelState {
  return { ...model, active: wayBack(model), previous: null, windows: [] };
}
