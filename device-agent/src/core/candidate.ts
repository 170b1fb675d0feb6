/**
 * The way of one candidate: each result of an effect moves it one phase on or ends it. Retries are counted and bounded
 * by the directive; a digest that fails its trial is blocked for good (design: formats.md, "States a device reports").
 *
 *   waiting ─ resolving ─ downloading ─ verifying ─ trialing ─ ready ─ activating ─→ active
 *                 ↑________________ backoff ________________|            (reuse: waiting ─→ activating)
 */
import type { DeviceState } from "@flotilla/protocol/documents/reports";
import { admit } from "./admit.ts";
import { backoffMs } from "./backoff.ts";
import { raiseCounter } from "./documents.ts";
import type { EventOf } from "./events.ts";
import { activate, freeSlot, installedFrom } from "./slots.ts";
import type { Candidate, CandidatePhase, Target } from "./state.ts";
import {
  activateEffect,
  block,
  finish,
  modelOf,
  patchCandidate,
  patchModel,
  report,
  setModel,
  subjectOf,
  type Turn,
} from "./turn.ts";
import { runActive } from "./watch.ts";

/** Trials or activations that the agent did not survive, after which the digest is blocked. */
export const maxRiskyStarts = 3;

/** What a failure in each phase is reported as. */
const failureOf: Readonly<Record<CandidatePhase, DeviceState>> = {
  waiting: "failed/download",
  resolving: "failed/download",
  downloading: "failed/download",
  verifying: "failed/verify",
  trialing: "failed/trial",
  ready: "failed/activate",
  activating: "failed/activate",
  backoff: "failed/download",
};

/** The steps of a rollback are not news; its end is. */
const isReported = (candidate: Candidate): boolean => candidate.target.intent === "install";

function reportStep(turn: Turn, name: string, state: DeviceState): void {
  const { candidate } = modelOf(turn, name);
  if (candidate !== null && isReported(candidate)) report(turn, name, subjectOf(candidate), state);
}

export function beginCandidate(turn: Turn, name: string, target: Target): void {
  const model = modelOf(turn, name);
  const reuse = model.previous?.release === target.release;
  const candidate: Candidate = {
    id: turn.state.nextCandidate,
    target,
    phase: "waiting",
    slot: reuse && model.previous !== null ? model.previous.slot : freeSlot(model),
    reuse,
    variant: reuse ? (model.previous?.variant ?? null) : null,
    trial: null,
    notBeforeMs: turn.nowMs + target.delayMs,
    phaseSinceMs: turn.nowMs,
    failures: 0,
    riskyStarts: 0,
    retryAtMs: 0,
  };
  turn.state = { ...turn.state, nextCandidate: turn.state.nextCandidate + 1 };
  patchModel(turn, name, { candidate });
  reportStep(turn, name, "offered");
}

function enter(turn: Turn, name: string, phase: CandidatePhase, patch: Partial<Candidate> = {}): void {
  patchCandidate(turn, name, { phase, phaseSinceMs: turn.nowMs, ...patch });
}

export function startResolving(turn: Turn, name: string, { id, target }: Candidate): void {
  enter(turn, name, "resolving");
  turn.effects.push({ kind: "resolve", model: name, candidate: id, release: target.release });
}

/** Leaves the activation to the driver; the state follows when it has been done. */
export function startActivating(turn: Turn, name: string, candidate: Candidate): void {
  const installed = installedFrom(modelOf(turn, name), candidate, turn.nowMs);
  if (installed === null) {
    endCandidate(turn, name, "failed/activate", { code: "INTERNAL" });
    return;
  }
  enter(turn, name, "activating", { riskyStarts: candidate.riskyStarts + 1 });
  activateEffect(turn, name, candidate.id, installed);
}

export function onResolved(turn: Turn, event: EventOf<"resolved">, candidate: Candidate): void {
  const name = event.model;
  const model = modelOf(turn, name);
  turn.state = { ...turn.state, floors: raiseCounter(turn.state.floors, name, event.custom.minCounter) };
  const verdict = admit(event.release, event.custom, {
    attributes: turn.state.attributes,
    storageBytes: event.storageBytes,
    counterFloor: turn.state.floors.counters[name] ?? 0,
    blocked: model.blocked,
  });
  switch (verdict.kind) {
    case "rejected": {
      const code = verdict.code === undefined ? {} : { code: verdict.code };
      endCandidate(turn, name, "rejected", { ...code, detail: verdict.reasons });
      return;
    }
    case "blocked":
      endCandidate(turn, name, "failed/trial", {
        code: verdict.code,
        detail: [`${verdict.variant}: this digest failed its trial here before`],
      });
      return;
    case "take": {
      // From here on the slot is written: what was in it is no way back any more.
      if (model.previous?.slot === candidate.slot) patchModel(turn, name, { previous: null });
      const { variant } = verdict;
      enter(turn, name, "downloading", { variant });
      const { id, slot } = candidate;
      const files = { file: variant.model, golden: variant.golden };
      turn.effects.push({ kind: "download", model: name, candidate: id, slot, ...files });
      reportStep(turn, name, "downloading");
      return;
    }
  }
}

export function onDownloaded(turn: Turn, name: string, { id, slot, variant }: Candidate): void {
  if (variant === null) return;
  enter(turn, name, "verifying");
  turn.effects.push({
    kind: "verify",
    model: name,
    candidate: id,
    slot,
    file: variant.model,
    golden: variant.golden,
  });
  reportStep(turn, name, "verifying");
}

export function onVerified(turn: Turn, name: string, candidate: Candidate): void {
  const { id, slot, variant, target } = candidate;
  if (variant === null) return;
  enter(turn, name, "trialing", { riskyStarts: candidate.riskyStarts + 1 });
  turn.effects.push({ kind: "trial", model: name, candidate: id, slot, variant, timeoutMs: target.stepMs });
  reportStep(turn, name, "trialing");
}

export function onTrialPassed(turn: Turn, event: EventOf<"trial-passed">): void {
  enter(turn, event.model, "ready", { trial: event.profile });
}

export function onActivated(turn: Turn, name: string, candidate: Candidate): void {
  const left = modelOf(turn, name).active;
  setModel(turn, name, activate(modelOf(turn, name), candidate, turn.nowMs));
  const { active } = modelOf(turn, name);
  if (active === null) return;
  const { ends } = candidate.target;
  const wentBack = left !== null && (left.rollout === ends || left.variant.counter > active.variant.counter);
  if (ends !== null && left !== null && wentBack) {
    patchModel(turn, name, { active: { ...active, reported: false } });
    report(turn, name, { rollout: ends, release: left.release, variant: left.variant }, "rolled-back");
    return;
  }
  if (ends !== null) {
    // A newcomer during a rollback: the server's rollout is not about what it took; `hello` tells.
    patchModel(turn, name, { active: { ...active, reported: false } });
    return;
  }
  report(turn, name, active, "activated");
  if (active.committed) report(turn, name, active, "healthy");
}

export interface Failure {
  readonly code: string;
  readonly detail: readonly string[];
  readonly final: boolean;
}

/** A step went wrong: again later, as often as the directive says, or never. A failed trial is never tried again. */
export function failStep(turn: Turn, name: string, candidate: Candidate, { code, detail, final }: Failure): void {
  const digest = candidate.variant?.model.digest;
  const trialFailed = candidate.phase === "trialing" && code.startsWith("TRIAL_");
  if (trialFailed && digest !== undefined) block(turn, name, digest, code);
  // A failed activation may have got as far as the pointer: what ran is activated again.
  if (candidate.phase === "activating") runActive(turn, name);
  const failures = candidate.failures + 1;
  if (final || trialFailed || failures > candidate.target.retries) {
    const integrity = code.startsWith("INTEGRITY_") && failureOf[candidate.phase] === "failed/download";
    endCandidate(turn, name, integrity ? "failed/verify" : failureOf[candidate.phase], { code, detail });
    return;
  }
  const delayMs = backoffMs(failures, `${turn.state.device}\n${candidate.id}`);
  enter(turn, name, "backoff", { failures, retryAtMs: turn.nowMs + delayMs });
}

/** The candidate ends here and its target is not begun again. */
export function endCandidate(
  turn: Turn,
  name: string,
  state: DeviceState,
  why: { readonly code?: string; readonly detail?: readonly string[] } = {},
): void {
  const { candidate, active } = modelOf(turn, name);
  if (candidate === null) return;
  patchModel(turn, name, { candidate: null });
  finish(turn, name, subjectOf(candidate), state);
  // A rollback that cannot be done is news of the release that it should have ended.
  const { ends } = candidate.target;
  if (ends === null) report(turn, name, subjectOf(candidate), state, why);
  else if (active?.rollout === ends) report(turn, name, active, state, why);
}

/** The candidate makes way for another target; it may come again. */
export function supersede(turn: Turn, name: string): void {
  const { candidate } = modelOf(turn, name);
  if (candidate === null) return;
  patchModel(turn, name, { candidate: null });
  turn.effects.push({ kind: "cancel", model: name, candidate: candidate.id });
  if (isReported(candidate)) report(turn, name, subjectOf(candidate), "superseded");
}
