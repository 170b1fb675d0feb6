/**
 * The outbox: every status and metrics message with its (boot, sequence), on disk with the state that caused it, until
 * the server's own ack covers it (design: formats.md, "Status and acknowledgement"). Statuses are never dropped; the
 * oldest metrics are when the bound is reached, so that a device offline for a month still has room. Pure.
 */
import type { Ack, DeviceState, Hello, Metrics, Status } from "@flotilla/protocol/documents/reports";
import type { AgentState, OutboxEntry } from "./state.ts";

/** Metrics kept for a server that does not answer, in JSON characters: some hundred windows. */
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
  const { device, boot, nextSequence: sequence } = state;
  const document: Metrics = { type: "flotilla/metrics", version: 1, device, boot, sequence, ...facts };
  return queue(state, { kind: "metrics", document });
}

function queue(state: AgentState, entry: OutboxEntry): AgentState {
  return { ...state, nextSequence: state.nextSequence + 1, outbox: bound([...state.outbox, entry]) };
}

function bound(outbox: readonly OutboxEntry[]): readonly OutboxEntry[] {
  const sizes = outbox.map((entry) => (entry.kind === "metrics" ? JSON.stringify(entry.document).length : 0));
  let excess = sizes.reduce((sum, size) => sum + size, 0) - outboxMetricsLimit;
  if (excess <= 0) return outbox;
  return outbox.filter((entry, index) => {
    if (entry.kind !== "metrics" || excess <= 0) return true;
    excess -= sizes[index] ?? 0;
    return false;
  });
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
