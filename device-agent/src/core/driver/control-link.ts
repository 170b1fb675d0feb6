/**
 * The line on which orders come in: MQTT subscriptions that follow the cohorts, HTTP polls for when MQTT is down or
 * silent, acks, presence. Every message is only bytes until control-intake.ts has verified it.
 */

import { bucketOf } from "@flotilla/protocol/bucket";
import { parseDocument } from "@flotilla/protocol/documents/document";
import { ackDocument } from "@flotilla/protocol/documents/reports";
import { parseStrictJson } from "@flotilla/protocol/strict-json";
import { parseTopic, topics } from "@flotilla/protocol/topics";
import type { Clock } from "../../ports/clock.ts";
import type { MessageLogin, MessageTransport } from "../../ports/message-transport.ts";
import { backoffMs } from "../backoff.ts";
import type { AgentEvent } from "../events.ts";
import { helloOf } from "../reports.ts";
import { matchingCohorts } from "../select.ts";
import type { AgentState } from "../state.ts";
import type { AgentTimings } from "./agent-driver.ts";
import { type ControlKind, controlKeysOf, readControl } from "./control-intake.ts";
import { type DeviceSession, unexpectedStatus } from "./device-session.ts";
import type { TrustSession } from "./trust-session.ts";

export interface ControlLink {
  open(login: MessageLogin): void;
  isConnected(): boolean;
  /** Follows exactly these cohorts' directives, besides the device's own topics. */
  follow(cohorts: readonly string[]): Promise<void>;
  sayHello(): Promise<void>;
  /** Fetches index, own document and the followed directives over HTTP. */
  poll(): Promise<void>;
  tick(): void;
}

export interface ControlLinkParts {
  readonly messages: MessageTransport;
  readonly session: DeviceSession;
  readonly trust: TrustSession;
  readonly clock: Clock;
  readonly state: () => AgentState;
  readonly dispatch: (event: AgentEvent) => void;
  readonly onConnected: (connected: boolean) => void;
  readonly onProblem: (error: unknown) => void;
  readonly timings: Pick<AgentTimings, "pollMs" | "pollOfflineMs">;
}

const maxControlBytes = 4 * 1024 * 1024;
/** How long a start waits for MQTT before it polls. */
const firstPollMs = 3_000;

export function controlLink(parts: ControlLinkParts): ControlLink {
  const { messages, session, trust, clock, state, dispatch, onConnected, onProblem, timings } = parts;
  let connected = false;
  let followed = new Set<string>();
  let working: Promise<void> = Promise.resolve();
  let pollAtMs = clock.monotonicMs() + firstPollMs;
  let polling = false;
  let failures = 0;
  /** Devices that start together do not go on asking together. */
  const spread = (ms: number): number => ms * (0.75 + 0.5 * bucketOf("poll", state().device));

  /** Documents are verified one after the other: a directive is only known once its index is. */
  function take(kind: ControlKind, bytes: Uint8Array): Promise<void> {
    const mine = working.then(async () => {
      const event = await readControl(kind, bytes, trust, clock.nowMs());
      const keys = controlKeysOf(trust.directiveAuthority());
      if (keys !== state().floors.controlKeys) dispatch({ kind: "control-keys", nowMs: clock.nowMs(), keys });
      dispatch(event);
    });
    working = mine.catch(onProblem);
    return mine;
  }

  function onMessage(topic: string, payload: Uint8Array): void {
    const parsed = parseTopic(topic);
    switch (parsed?.kind) {
      case "index":
      case "directive":
      case "document":
        take(parsed.kind, payload).catch(() => {});
        return;
      case "ack":
        try {
          const ack = parseDocument(ackDocument, parseStrictJson(payload, { maxBytes: 4096 }));
          dispatch({ kind: "ack-received", nowMs: clock.nowMs(), ack });
        } catch (error) {
          onProblem(error);
        }
        return;
      default:
        return;
    }
  }

  async function fetchControl(kind: ControlKind, path: string): Promise<void> {
    const answer = await session.send({ method: "GET", path, maxBytes: maxControlBytes });
    if (answer.status === 404) return;
    if (answer.status !== 200) throw unexpectedStatus(path, answer.status);
    await take(kind, answer.body);
  }

  async function poll(): Promise<void> {
    if (polling) return;
    polling = true;
    pollAtMs = clock.monotonicMs() + spread(connected ? timings.pollMs : timings.pollOfflineMs);
    try {
      const { device } = state();
      await fetchControl("document", `/v1/devices/${device}/document`);
      await fetchControl("index", "/v1/fleet/index");
      for (const cohort of matchingCohorts(state())) {
        await fetchControl("directive", `/v1/cohorts/${encodeURIComponent(cohort)}/directive`);
      }
      failures = 0;
    } catch (error) {
      failures++;
      pollAtMs = clock.monotonicMs() + Math.min(timings.pollMs, backoffMs(failures, state().device));
      onProblem(error);
    } finally {
      polling = false;
    }
  }

  return {
    isConnected: () => connected,
    open(login) {
      const { fleet, device } = state();
      messages.open(login, {
        connected() {
          connected = true;
          // MQTT brings the same documents; polling is for what it may have lost.
          pollAtMs = clock.monotonicMs() + spread(timings.pollMs);
          followed = new Set();
          messages
            .subscribe([topics.ack(fleet, device), topics.document(fleet, device), topics.index(fleet)])
            .catch(onProblem);
          onConnected(true);
        },
        disconnected() {
          connected = false;
          pollAtMs = Math.min(pollAtMs, clock.monotonicMs() + spread(timings.pollOfflineMs));
          onConnected(false);
        },
        message: onMessage,
      });
    },
    async follow(cohorts) {
      if (!connected) return;
      const { fleet } = state();
      const wanted = new Set(cohorts);
      const added = [...wanted].filter((cohort) => !followed.has(cohort));
      const removed = [...followed].filter((cohort) => !wanted.has(cohort));
      followed = wanted;
      const topicOf = (cohort: string): string => topics.directive(fleet, cohort);
      if (removed.length > 0) await messages.unsubscribe(removed.map(topicOf));
      if (added.length > 0) await messages.subscribe(added.map(topicOf));
    },
    async sayHello() {
      if (!connected) return;
      const current = state();
      const hello = new TextEncoder().encode(JSON.stringify(helloOf(current, clock.nowMs())));
      await messages.publish(topics.hello(current.fleet, current.device), hello);
      const online = new TextEncoder().encode('{"online":true}');
      await messages.publish(topics.presence(current.fleet, current.device), online);
    },
    poll,
    tick() {
      if (clock.monotonicMs() >= pollAtMs) poll().catch(onProblem);
    },
  };
}
