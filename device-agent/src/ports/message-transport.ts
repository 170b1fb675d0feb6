/**
 * MQTT 3.1.1 as the agent needs it: one clean session that comes back by itself, QoS 1, a last will. Nothing is queued
 * while it is down: what must arrive stays in the agent's own outbox.
 */
export interface MessageHandlers {
  /** A session is up; called again after every reconnect. Nothing is subscribed then. */
  connected(): void;
  disconnected(): void;
  message(topic: string, payload: Uint8Array): void;
}

export interface MessageLogin {
  readonly url: string;
  /** Client id and user name. */
  readonly device: string;
  /** A fresh password for every attempt to connect. */
  password(): Promise<string>;
  readonly will: { readonly topic: string; readonly payload: Uint8Array };
}

export interface MessageTransport {
  /** Begins to connect and goes on trying, with jittered back-off. Called once. */
  open(login: MessageLogin, handlers: MessageHandlers): void;
  /** @throws TRANSPORT_UNREACHABLE while it is down or if the broker refuses. */
  subscribe(topics: readonly string[]): Promise<void>;
  unsubscribe(topics: readonly string[]): Promise<void>;
  /** QoS 1; resolves with the broker's acknowledgement. @throws TRANSPORT_UNREACHABLE while it is down. */
  publish(topic: string, payload: Uint8Array): Promise<void>;
  /** Ends the session in good order. Idempotent. */
  close(): Promise<void>;
}
