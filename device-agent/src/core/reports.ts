/**
 * The outbox: every status and metrics message with its (boot, sequence), on disk with the state that caused it, until
 * the server's own ack covers it (design: formats.md, "Status and acknowledgement"). Nothing in it is dropped: acks are
 * cumulative without gaps, so every sequence must arrive. Once metrics fill their share, further windows are merged into
 * the newest one of their release, and a device that is offline for a month still has room. Pure.
 */
import type { Ack, DeviceState, Hello, Metrics, Status } from "@flotilla/protocol/documents/reports";
import { decodeSketch, encodeSketch, mergeSketch } from "@flotilla/protocol/sketch";
import type { AgentState, OutboxEntry } from "./state.ts";

/** Metrics kept for a server that does not answer, in characters of JSON: some hundred windows. */
export const outboxMetricsLimit = 262_144;
/** Version in `hello`. */
export const agentVersion = "0.1.0";

export interface StatusFacts {
  readonly model: string;
  readonly rollout: string;
  readonly release: string;
  readonly variant?: string;
  readonly state: DeviceState;
  readonly running: string | null;
  readonly runningVariant?: string;
  readonly code?: string;
  readonly detail?: readonly string[];
}

export function queueStatus(state: AgentState, facts: StatusFacts, nowMs: number): AgentState {
  const { detail, ...rest } = facts;
  const document: Status = {
    type: "flotilla/status",
    version: 1,
    device: state.device,
    boot: state.boot,
    sequence: state.nextSequence,
    ...rest,
    ...(detail === undefined || detail.length === 0
      ? {}
      : { detail: detail.slice(0, 64).map((line) => line.slice(0, 512)) }),
    atMs: nowMs,
  };
  return queue(state, { kind: "status", document });
}

export type MetricsFacts = Omit<Metrics, "type" | "version" | "device" | "boot" | "sequence">;

export function queueMetrics(state: AgentState, facts: MetricsFacts): AgentState {
  const { device, boot, nextSequence: sequence, outbox } = state;
  const waiting = outbox.reduce((sum, entry) => sum + (entry.kind === "metrics" ? sizeOf(entry.document) : 0), 0);
  if (waiting >= outboxMetricsLimit) {
    const at = outbox.findLastIndex((entry) => entry.kind === "metrics" && isSameRelease(entry.document, facts));
    const found = outbox[at];
    if (found?.kind === "metrics") {
      const merged: OutboxEntry = { kind: "metrics", document: mergeMetrics(found.document, facts) };
      return { ...state, outbox: outbox.with(at, merged) };
    }
  }
  const document: Metrics = { type: "flotilla/metrics", version: 1, device, boot, sequence, ...facts };
  return queue(state, { kind: "metrics", document });
}

function queue(state: AgentState, entry: OutboxEntry): AgentState {
  return { ...state, nextSequence: state.nextSequence + 1, outbox: [...state.outbox, entry] };
}

/** About: the sketches, and what is around them. */
const sizeOf = ({ latencyMs, confidence = "" }: Metrics): number => latencyMs.length + confidence.length + 400;

const isSameRelease = (a: MetricsFacts, b: MetricsFacts): boolean =>
  a.model === b.model && a.release === b.release && a.variant === b.variant;

/**
 * One message for both windows, under the older one's sequence. If the server has that sequence already (only its ack
 * was lost), the newer window is lost with it; counted twice it can never be.
 */
function mergeMetrics(older: Metrics, newer: MetricsFacts): Metrics {
  const { confidence, labelled, memoryBytes } = older;
  return {
    ...older,
    fromMs: Math.min(older.fromMs, newer.fromMs),
    toMs: Math.max(older.toMs, newer.toMs),
    runs: older.runs + newer.runs,
    errors: older.errors + newer.errors,
    latencyMs: mergeText(older.latencyMs, newer.latencyMs),
    ...(newer.confidence === undefined
      ? {}
      : { confidence: confidence === undefined ? newer.confidence : mergeText(confidence, newer.confidence) }),
    ...(newer.labelled === undefined
      ? {}
      : {
          labelled: {
            runs: (labelled?.runs ?? 0) + newer.labelled.runs,
            correct: (labelled?.correct ?? 0) + newer.labelled.correct,
          },
        }),
    ...(newer.memoryBytes === undefined ? {} : { memoryBytes: Math.max(memoryBytes ?? 0, newer.memoryBytes) }),
  };
}

function mergeText(a: string, b: string): string {
  const sketch = decodeSketch(a);
  mergeSketch(sketch, decodeSketch(b));
  return encodeSketch(sketch);
}

/** Cumulative: all of that boot's messages up to and including the sequence are safe. */
export function takeAck(state: AgentState, ack: Ack): AgentState {
  if (ack.device !== state.device) return state;
  const outbox = state.outbox.filter(({ document }) => document.boot !== ack.boot || document.sequence > ack.sequence);
  return outbox.length === state.outbox.length ? state : { ...state, outbox };
}

/** What the device says of itself on every connection. */
export function helloOf(state: AgentState, nowMs: number): Hello {
  const models = Object.entries(state.models).flatMap(([model, { active }]) =>
    active === null ? [] : [[model, { release: active.release, variant: active.variant.name }] as const],
  );
  return {
    type: "flotilla/hello",
    version: 1,
    device: state.device,
    boot: state.boot,
    bootCount: state.bootCount,
    agentVersion,
    attributes: state.attributes,
    models: Object.fromEntries(models),
    atMs: nowMs,
  };
}
