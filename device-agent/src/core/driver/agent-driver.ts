/**
 * Drives the reducer: one event after the other, the new state on disk BEFORE any of its effects runs. Isomorphic: what
 * it touches are ports. If the state cannot be written (disk full) the event did not happen: nothing is done, the old
 * model goes on running, and the next tick tries again.
 */
import type { DeviceAttributes } from "@flotilla/protocol/documents/reports";
import { asFlotillaError, type FlotillaError } from "@flotilla/protocol/errors";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { topics } from "@flotilla/protocol/topics";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Clock } from "../../ports/clock.ts";
import type { DeviceStorage } from "../../ports/device-storage.ts";
import type { Entropy } from "../../ports/entropy.ts";
import type { MessageTransport } from "../../ports/message-transport.ts";
import type { TfliteRuntime } from "../../ports/tflite-runtime.ts";
import type { TrialRuntimes } from "../../ports/trial-runtimes.ts";
import { step } from "../agent.ts";
import type { AgentEvent } from "../events.ts";
import type { AgentState, CandidatePhase } from "../state.ts";
import type { TrustClient } from "../trust/trust-client.ts";
import { type Baseline, installBaselines } from "./baseline.ts";
import { controlLink } from "./control-link.ts";
import type { DeviceSession } from "./device-session.ts";
import { createExecutors, perform } from "./executors.ts";
import { liveModels, type RunReport } from "./live-models.ts";
import { reportSender } from "./report-sender.ts";
import { stateStore } from "./state-store.ts";
import { trustSession } from "./trust-session.ts";

/** How often the agent looks around, and how patient it is. */
export interface AgentTimings {
  readonly tickMs: number;
  /** A window of live runs is closed, reported and judged after this time or this many runs. */
  readonly windowMs: number;
  readonly windowRuns: number;
  /** Control documents are fetched over HTTP this often; sooner, `pollOfflineMs`, while MQTT is down. */
  readonly pollMs: number;
  readonly pollOfflineMs: number;
  readonly httpAfterMs: number;
  readonly ackTimeoutMs: number;
  /** Longest trial, whatever the directive's step deadline. */
  readonly maxTrialMs: number;
}

export const defaultTimings: AgentTimings = {
  tickMs: 1_000,
  windowMs: 10_000,
  windowRuns: 1_000,
  pollMs: 900_000,
  pollOfflineMs: 60_000,
  httpAfterMs: 10_000,
  ackTimeoutMs: 20_000,
  maxTrialMs: 60_000,
};

export interface AgentPorts {
  readonly storage: DeviceStorage;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly messages: MessageTransport;
  readonly session: DeviceSession;
  readonly trust: TrustClient;
  /** Runs what is active. */
  readonly runtime: TfliteRuntime;
  readonly trials: TrialRuntimes;
}

/** Something worth a line in a log. */
export type AgentNote =
  | { readonly kind: "event"; readonly event: AgentEvent["kind"]; readonly model?: string; readonly phase?: string }
  | { readonly kind: "problem"; readonly code: string; readonly message: string };

export interface AgentOptions {
  readonly fleet: string;
  readonly device: string;
  readonly mqttUrl: string;
  readonly attributes: DeviceAttributes;
  /** Models that came with the device. */
  readonly baselines?: readonly Baseline[];
  readonly timings?: Partial<AgentTimings>;
  readonly onRun?: (run: RunReport) => void;
  readonly onNote?: (note: AgentNote) => void;
}

export interface ModelStatus {
  readonly release: string | null;
  readonly variant: string | null;
  readonly rollout: string | null;
  readonly committed: boolean;
  readonly previous: string | null;
  readonly candidate: { readonly release: string; readonly phase: CandidatePhase } | null;
}

export interface AgentStatus {
  readonly device: string;
  readonly fleet: string;
  readonly connected: boolean;
  readonly models: Readonly<Record<string, ModelStatus>>;
  /** Reports that the server has not acknowledged. */
  readonly waiting: number;
}

export interface AgentHandle {
  /**
   * One run of the active release of `model`, measured and watched. Inputs and outputs by the names of the release.
   * @param options.label the right class, where the app knows it
   */
  infer(
    model: string,
    inputs: ReadonlyMap<string, NdArray>,
    options?: { readonly label?: number },
  ): Promise<ReadonlyMap<string, NdArray>>;
  status(): AgentStatus;
  /** Resolves as soon as `test` holds for the status, looked at behind every event. */
  until(test: (status: AgentStatus) => boolean): Promise<AgentStatus>;
  stop(): Promise<void>;
}

export async function startDriver(ports: AgentPorts, options: AgentOptions): Promise<AgentHandle> {
  const { storage, clock, entropy, messages, session, runtime, trials } = ports;
  const { fleet, device, mqttUrl, attributes, onNote, onRun } = options;
  const timings = { ...defaultTimings, ...options.timings };
  const factory = await installBaselines(storage, options.baselines ?? []);
  const store = stateStore(storage);
  const { state: loadedState, inventory, broken } = await store.load(fleet, device);
  let state: AgentState = loadedState;
  let stopped = false;
  let started = false;
  const queue: AgentEvent[] = [];
  let draining: Promise<void> | null = null;
  const watchers = new Set<() => void>();

  const problem = (thrown: unknown): FlotillaError => {
    const error = asFlotillaError(thrown);
    onNote?.({ kind: "problem", code: error.code, message: error.message });
    return error;
  };
  if (broken > 0) onNote?.({ kind: "problem", code: "IO_STATE_CORRUPT", message: `${broken} state files set aside` });

  const trust = trustSession(ports.trust, clock, () => state.floors.timeMs);
  const live = liveModels({
    storage,
    runtime,
    clock,
    windowMs: timings.windowMs,
    windowRuns: timings.windowRuns,
    onWindow: (event) => dispatch(event),
    ...(onRun === undefined ? {} : { onRun }),
  });
  const sender = reportSender({
    state: () => state,
    messages,
    session,
    clock,
    onAck: (ack) => dispatch({ kind: "ack-received", nowMs: clock.nowMs(), ack }),
    onProblem: problem,
    httpAfterMs: timings.httpAfterMs,
    ackTimeoutMs: timings.ackTimeoutMs,
  });
  const link = controlLink({
    messages,
    session,
    trust,
    clock,
    state: () => state,
    dispatch,
    onConnected: (connected) => {
      sender.setConnected(connected);
      if (connected) dispatch({ kind: "connected", nowMs: clock.nowMs() });
      for (const look of watchers) look();
    },
    onProblem: problem,
    timings,
  });
  const executors = createExecutors({
    storage,
    clock,
    session,
    trust,
    trials,
    live,
    store,
    link,
    sender,
    dispatch,
    onProblem: problem,
    maxTrialMs: timings.maxTrialMs,
  });

  function dispatch(event: AgentEvent): void {
    if (stopped) return;
    queue.push(event);
    draining ??= drain().finally(() => {
      draining = null;
    });
  }

  async function drain(): Promise<void> {
    for (let event = queue.shift(); event !== undefined; event = queue.shift()) await take(event);
  }

  async function take(event: AgentEvent): Promise<void> {
    try {
      const next = step(state, event);
      if (next.state !== state) await store.save(next.state);
      state = next.state;
      if (event.kind === "started") started = true;
      if (event.kind !== "tick") onNote?.(noteOf(event));
      if (!stopped) for (const effect of next.effects) perform(executors, effect);
    } catch (error) {
      problem(error);
      // A disk that takes nothing is no reason to run nothing.
      if (event.kind === "started") await loadActive();
    }
    for (const look of watchers) look();
  }

  async function loadActive(): Promise<void> {
    for (const [model, { active }] of Object.entries(state.models)) {
      if (active !== null) await live.activate(model, active).catch(problem);
    }
  }

  const boot = bytesToHex(entropy.bytes(8));
  const start = (): void => dispatch({ kind: "started", nowMs: clock.nowMs(), boot, attributes, inventory, factory });
  function tick(): void {
    if (stopped) return;
    live.closeWindows(false);
    // A start that could not be written down is tried again; until then nothing else is.
    if (started) dispatch({ kind: "tick", nowMs: clock.nowMs() });
    else start();
    sender.tick();
    link.tick();
    stopTimer = clock.after(timings.tickMs, tick);
  }
  let stopTimer = clock.after(timings.tickMs, tick);
  start();
  await draining;
  const will = { topic: topics.presence(fleet, device), payload: new TextEncoder().encode('{"online":false}') };
  link.open({ url: mqttUrl, device, password: () => session.token(), will });

  const status = (): AgentStatus => statusOf(state, link.isConnected());
  return {
    infer: (model, inputs, inferOptions) => live.infer(model, inputs, inferOptions),
    status,
    until(test) {
      return new Promise((resolve) => {
        const look = (): void => {
          const current = status();
          if (!test(current)) return;
          watchers.delete(look);
          resolve(current);
        };
        watchers.add(look);
        look();
      });
    },
    async stop() {
      if (stopped) return;
      stopTimer();
      live.closeWindows(true);
      dispatch({ kind: "stopping", nowMs: clock.nowMs() });
      stopped = true;
      await draining;
      await executors.end();
      await messages.close();
      live.close();
    },
  };
}

function noteOf(event: AgentEvent): AgentNote {
  return { kind: "event", event: event.kind, ...("model" in event ? { model: event.model } : {}) };
}

function statusOf(state: AgentState, connected: boolean): AgentStatus {
  const models: Record<string, ModelStatus> = {};
  for (const [name, { active, previous, candidate }] of Object.entries(state.models)) {
    models[name] = {
      release: active?.release ?? null,
      variant: active?.variant.name ?? null,
      rollout: active?.rollout ?? null,
      committed: active?.committed ?? false,
      previous: previous?.release ?? null,
      candidate: candidate === null ? null : { release: candidate.target.release, phase: candidate.phase },
    };
  }
  return { device: state.device, fleet: state.fleet, connected, models, waiting: state.outbox.length };
}
