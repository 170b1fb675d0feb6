/**
 * MQTT by mqtt.js: clean sessions, a fresh token as the password of every attempt, our own jittered back-off, nothing
 * queued while the line is down (what must arrive is in the agent's outbox).
 */
import { randomInt } from "node:crypto";
import { FlotillaError } from "@flotilla/protocol/errors";
import mqtt, { type MqttClient } from "mqtt";
import type { MessageHandlers, MessageLogin, MessageTransport } from "../ports/message-transport.ts";

const keepaliveS = 30;
const connectTimeoutMs = 10_000;
/** Back-off between attempts: doubling from the first to the longest, half of it by chance (fault S3). */
const firstRetryMs = 250;
const longestRetryMs = 60_000;

export function mqttTransport(): MessageTransport {
  let client: MqttClient | null = null;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let failures = 0;

  function connect(login: MessageLogin, handlers: MessageHandlers): void {
    if (closed) return;
    login.password().then(
      (password) => {
        if (!closed) attach(open(login, password), login, handlers);
      },
      () => retry(login, handlers),
    );
  }

  function attach(next: MqttClient, login: MessageLogin, handlers: MessageHandlers): void {
    client = next;
    let up = false;
    next.on("connect", () => {
      up = true;
      failures = 0;
      handlers.connected();
    });
    next.on("message", (topic, payload) => handlers.message(topic, new Uint8Array(payload)));
    // Every failure ends in `close`; an unheard error would end the process.
    next.on("error", () => next.end(true));
    next.on("close", () => {
      if (client !== next) return;
      client = null;
      next.end(true);
      if (up) handlers.disconnected();
      retry(login, handlers);
    });
  }

  function retry(login: MessageLogin, handlers: MessageHandlers): void {
    if (closed) return;
    const whole = Math.min(longestRetryMs, firstRetryMs * 2 ** failures++);
    timer = setTimeout(() => connect(login, handlers), whole / 2 + randomInt(Math.ceil(whole / 2)));
    timer.unref();
  }

  function online(): MqttClient {
    if (client?.connected) return client;
    throw new FlotillaError("TRANSPORT_UNREACHABLE", "There is no MQTT session.");
  }

  const asTransportError = (cause: unknown): FlotillaError =>
    cause instanceof FlotillaError
      ? cause
      : new FlotillaError("TRANSPORT_UNREACHABLE", `MQTT: ${cause instanceof Error ? cause.message : String(cause)}`, {
          cause,
        });

  return {
    open: connect,
    async subscribe(topics) {
      try {
        const granted = await online().subscribeAsync([...topics], { qos: 1 });
        const refused = granted.filter(({ qos }) => qos === 128).map(({ topic }) => topic);
        if (refused.length > 0) throw new FlotillaError("ROLLOUT_REFUSED", `The broker refuses ${refused.join(", ")}.`);
      } catch (cause) {
        throw asTransportError(cause);
      }
    },
    async unsubscribe(topics) {
      try {
        await online().unsubscribeAsync([...topics]);
      } catch (cause) {
        throw asTransportError(cause);
      }
    },
    async publish(topic, payload) {
      try {
        await online().publishAsync(topic, Buffer.from(payload), { qos: 1 });
      } catch (cause) {
        throw asTransportError(cause);
      }
    },
    async close() {
      if (closed) return;
      closed = true;
      clearTimeout(timer);
      const last = client;
      client = null;
      await last?.endAsync(!last.connected);
    },
  };
}

function open({ url, device, will }: MessageLogin, password: string): MqttClient {
  return mqtt.connect(url, {
    clientId: device,
    username: device,
    password,
    clean: true,
    keepalive: keepaliveS,
    connectTimeout: connectTimeoutMs,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    protocolVersion: 4,
    will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1, retain: false },
  });
}
