/**
 * An agent starts: what the state says is compared with what the slots really hold, unproven starts are counted BEFORE
 * anything is loaded, and interrupted work is taken up again from its beginning (faults G1, G5, G6, A1). Pure.
 */
import { endCandidate, maxRiskyStarts, startResolving } from "./candidate.ts";
import type { EventOf, Inventory } from "./events.ts";
import { installedFrom } from "./slots.ts";
import type { AgentState, Candidate, Installed, ModelState } from "./state.ts";
import { activateEffect, block, modelOf, patchCandidate, patchModel, report, type Turn } from "./turn.ts";
import { runActive, watchActive } from "./watch.ts";

export function onStarted(turn: Turn, event: EventOf<"started">): void {
  const before = turn.state;
  const bootCount = Math.max(before.bootCount, before.floors.boots) + 1;
  turn.state = {
    ...before,
    boot: event.boot,
    bootCount,
    floors: { ...before.floors, boots: bootCount },
    nextSequence: 1,
    attributes: event.attributes,
    cleanStop: false,
  };
  for (const [name, factory] of event.factory) patchModel(turn, name, { factory });
  for (const name of Object.keys(turn.state.models)) restartModel(turn, name, event.inventory, before);
}

/** Ends that a new start may see differently: another network, other attributes. */
const reopened = new Set(["failed/download", "timed-out", "rejected"]);

function restartModel(turn: Turn, name: string, inventory: readonly Inventory[], before: AgentState): void {
  const model = modelOf(turn, name);
  const sound = (one: Installed | null): Installed | null =>
    one !== null &&
    inventory.some(
      ({ model: of, slot, digest }) => of === name && slot === one.slot && digest === one.variant.model.digest,
    )
      ? one
      : null;
  const active = sound(model.active);
  const previous = sound(model.previous);
  const factory = sound(model.factory);
  const next: ModelState = {
    ...model,
    active: active ?? previous ?? factory,
    factory,
    previous: active === null ? null : previous,
    finished: model.finished.filter(({ state }) => !reopened.has(state)),
    windows: [],
  };
  patchModel(turn, name, next);
  if (model.active !== null && active === null) {
    report(turn, name, model.active, "failed/activate", {
      code: "IO_STATE_CORRUPT",
      detail: [`the file in slot ${model.active.slot} is missing or changed`],
    });
  }
  if (active !== null && !active.committed && !before.cleanStop) {
    patchModel(turn, name, { active: { ...active, unprovenStarts: active.unprovenStarts + 1 } });
  }
  // The stop rule speaks first: a release that was started too often must not be loaded once more.
  const asked = turn.effects.length;
  watchActive(turn, name);
  if (turn.effects.length === asked) runActive(turn, name);
  const { candidate } = modelOf(turn, name);
  if (candidate !== null) restartCandidate(turn, name, candidate, before.cleanStop);
}

function restartCandidate(turn: Turn, name: string, candidate: Candidate, cleanStop: boolean): void {
  const { phase, variant, riskyStarts } = candidate;
  if (candidate.reuse && modelOf(turn, name).previous?.slot !== candidate.slot) {
    patchModel(turn, name, { candidate: null }); // its file is gone; reconcile begins anew
    return;
  }
  const risky = phase === "trialing" || phase === "activating";
  if (risky && !cleanStop && riskyStarts >= maxRiskyStarts) {
    if (variant !== null) block(turn, name, variant.model.digest, "TRIAL_CRASHED");
    const state = phase === "trialing" ? "failed/trial" : "failed/activate";
    const detail = [`the agent ended ${riskyStarts} times in the middle of it`];
    endCandidate(turn, name, state, { code: "TRIAL_CRASHED", detail });
    return;
  }
  switch (phase) {
    case "waiting":
    case "backoff":
      return;
    case "resolving":
    case "downloading":
    case "verifying":
    case "trialing":
    case "ready":
      // From the beginning: every step finds its work done if it was, and a proof is never older than the start.
      startResolving(turn, name, candidate);
      return;
    case "activating": {
      const installed = installedFrom(modelOf(turn, name), candidate, turn.nowMs);
      if (installed === null) {
        startResolving(turn, name, candidate);
        return;
      }
      patchCandidate(turn, name, { phaseSinceMs: turn.nowMs, riskyStarts: riskyStarts + 1 });
      activateEffect(turn, name, candidate.id, installed);
      return;
    }
  }
}
