/**
 * Empties the outbox: over MQTT while it is connected, over HTTP where it is not. A message is sent again if the server's
 * own ack does not come in time; a broker's PUBACK alone never counts (design: formats.md, "Status and acknowledgement").
 * What has been sent is remembered in memory only: after a restart or a reconnect everything unacknowledged goes again.
 */

import { parseDocument } from "@flotilla/protocol/documents/document";
import { type Ack, ackDocument } from "@flotilla/protocol/documents/reports";
import { parseStrictJson } from "@flotilla/protocol/strict-json";
import { topics } from "@flotilla/protocol/topics";
import type { Clock } from "../../ports/clock.ts";
import type { MessageTransport } from "../../ports/message-transport.ts";
import { backoffMs } from "../backoff.ts";
import { helloOf } from "../reports.ts";
import type { AgentState, OutboxEntry } from "../state.ts";
import { type DeviceSession, unexpectedStatus } from "./device-session.ts";

export interface ReportSender {
  /** Something may be waiting. */
  send(): void;
  /** A session came up, or went down. */
  setConnected(connected: boolean): void;
  /** Looks after acks that are late and after HTTP; to be called every second or so. */
  tick(): void;
}

export interface ReportSenderParts {
  readonly state: () => AgentState;
  readonly messages: MessageTransport;
  readonly session: DeviceSession;
  readonly clock: Clock;
  readonly onAck: (ack: Ack) => void;
  readonly onProblem: (error: unknown) => void;
  /** How long MQTT may be down before reports go over HTTP. */
  readonly httpAfterMs: number;
  /** How long an ack may take before messages are sent again; doubles while none comes. */
  readonly ackTimeoutMs: number;
}

const keyOf = ({ document }: OutboxEntry): string => `${document.boot}/${document.sequence}`;
const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
/** Reports in one HTTP request: below the server's body limit of 1 MiB with sketches of 20 kB. */
const httpBatch = 32;
const maxAnswerBytes = 64 * 1024;

export function reportSender(parts: ReportSenderParts): ReportSender {
  const { state, messages, session, clock, onAck, onProblem } = parts;
  const sent = new Set<string>();
  let connected = false;
  let changedAtMs = clock.monotonicMs();
  let sending = false;
  let lastSentAtMs = 0;
  let silentRounds = 0;
  let retryHttpAtMs = 0;
  let httpFailures = 0;

  async function overMessages(): Promise<void> {
    const { fleet, device } = state();
    for (const entry of state().outbox) {
      if (!connected) return;
      const key = keyOf(entry);
      if (sent.has(key)) continue;
      sent.add(key);
      lastSentAtMs = clock.monotonicMs();
      await messages.publish(topics[entry.kind](fleet, device), encode(entry.document));
    }
  }

  async function overHttp(): Promise<void> {
    const current = state();
    const batch = current.outbox.slice(0, httpBatch);
    const documents = (kind: OutboxEntry["kind"]) =>
      batch.filter((one) => one.kind === kind).map((one) => one.document);
    const body = encode({
      hello: helloOf(current, clock.nowMs()),
      statuses: documents("status"),
      metrics: documents("metrics"),
    });
    const path = `/v1/devices/${current.device}/reports`;
    const headers = { "content-type": "application/json" };
    const answer = await session.send({ method: "POST", path, headers, body, maxBytes: maxAnswerBytes });
    if (answer.status !== 200) throw unexpectedStatus(path, answer.status);
    const value = parseStrictJson(answer.body);
    const acks = typeof value === "object" && value !== null && "ack" in value ? value.ack : [];
    for (const ack of Array.isArray(acks) ? acks : []) onAck(parseDocument(ackDocument, ack));
  }

  function run(work: () => Promise<void>): void {
    if (sending) return;
    sending = true;
    work().then(
      () => {
        sending = false;
        // What was queued meanwhile.
        if (connected && state().outbox.some((entry) => !sent.has(keyOf(entry)))) run(overMessages);
      },
      (error: unknown) => {
        sending = false;
        // The next attempt is the tick's, after the time for an ack: a broker that refuses is not hammered.
        sent.clear();
        onProblem(error);
      },
    );
  }

  return {
    send() {
      if (connected) run(overMessages);
    },
    setConnected(now) {
      connected = now;
      changedAtMs = clock.monotonicMs();
      sent.clear();
      silentRounds = 0;
      if (now) run(overMessages);
    },
    tick() {
      const { outbox, device } = state();
      const now = clock.monotonicMs();
      if (outbox.length === 0) {
        sent.clear();
        silentRounds = 0;
        return;
      }
      if (connected) {
        if (now - lastSentAtMs < parts.ackTimeoutMs * 2 ** Math.min(silentRounds, 6)) return;
        silentRounds++;
        sent.clear();
        run(overMessages);
        return;
      }
      if (now - changedAtMs < parts.httpAfterMs || now < retryHttpAtMs) return;
      run(async () => {
        try {
          await overHttp();
          httpFailures = 0;
        } catch (error) {
          httpFailures++;
          retryHttpAtMs = clock.monotonicMs() + backoffMs(httpFailures, device);
          throw error;
        }
      });
    },
  };
}
