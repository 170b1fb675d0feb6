/**
 * One step of the reducer in the making: the state so far and the effects asked for. Mutable inside a step and thrown
 * away behind it; nothing outside core/ ever sees one.
 */
import type { DeviceState } from "@flotilla/protocol/documents/reports";
import type { Effect } from "./effects.ts";
import { queueStatus } from "./reports.ts";
import {
  type AgentState,
  type Candidate,
  emptyModel,
  type FinishedTarget,
  type Installed,
  type ModelState,
  stateLimits,
} from "./state.ts";

export interface Turn {
  state: AgentState;
  readonly effects: Effect[];
  readonly nowMs: number;
}

export const modelOf = (turn: Turn, name: string): ModelState => turn.state.models[name] ?? emptyModel;

export function setModel(turn: Turn, name: string, model: ModelState): void {
  if (model === turn.state.models[name]) return;
  turn.state = { ...turn.state, models: { ...turn.state.models, [name]: model } };
}

export function patchModel(turn: Turn, name: string, patch: Partial<ModelState>): void {
  setModel(turn, name, { ...modelOf(turn, name), ...patch });
}

export function patchCandidate(turn: Turn, name: string, patch: Partial<Candidate>): void {
  const { candidate } = modelOf(turn, name);
  if (candidate !== null) patchModel(turn, name, { candidate: { ...candidate, ...patch } });
}

/** What a status is about. */
export interface Subject {
  readonly rollout: string;
  readonly release: string;
  readonly variant?: { readonly name: string } | null;
}

/** Queues a status; `running` is what the state says by now, so call it last. */
export function report(
  turn: Turn,
  name: string,
  subject: Subject,
  state: DeviceState,
  why: { readonly code?: string; readonly detail?: readonly string[] } = {},
): void {
  const active = modelOf(turn, name).active;
  const facts = {
    model: name,
    rollout: subject.rollout,
    release: subject.release,
    ...(subject.variant ? { variant: subject.variant.name } : {}),
    state,
    running: active?.release ?? null,
    ...(active === null ? {} : { runningVariant: active.variant.name }),
    ...why,
  };
  turn.state = queueStatus(turn.state, facts, turn.nowMs);
}

/** A candidate's status: its target and, once chosen, its variant. */
export const subjectOf = ({ target, variant }: Candidate): Subject => ({
  rollout: target.rollout,
  release: target.release,
  variant,
});

export const isFinished = (model: ModelState, subject: Subject): boolean =>
  model.finished.some((one) => one.rollout === subject.rollout && one.release === subject.release);

export function finish(turn: Turn, name: string, subject: Subject, state: DeviceState): void {
  const model = modelOf(turn, name);
  if (isFinished(model, subject)) return;
  const entry: FinishedTarget = { rollout: subject.rollout, release: subject.release, state };
  patchModel(turn, name, { finished: [...model.finished, entry].slice(-stateLimits.finished) });
}

export function block(turn: Turn, name: string, digest: string, code: string): void {
  const { blocked } = modelOf(turn, name);
  if (blocked.some((entry) => entry.digest === digest)) return;
  patchModel(turn, name, { blocked: [...blocked, { digest, code }].slice(-stateLimits.blocked) });
}

export function activateEffect(turn: Turn, name: string, candidate: number | null, installed: Installed): void {
  turn.effects.push({ kind: "activate", model: name, candidate, installed });
}

/** Time passed; a clock that went back counts as none. */
export const since = (nowMs: number, thenMs: number): number => Math.max(0, nowMs - thenMs);
