/**
 * The message broker as the server uses it (design: architecture.md, "Topics"). Messages are hints: what counts is
 * committed in the store, and every document is served over HTTP too, so a broker may lose whatever it likes.
 */

/** A message of a device, as it came: authenticated and on one of its own topics, otherwise unchecked. */
export interface DeviceMessage {
  readonly device: string;
  readonly kind: "hello" | "status" | "metrics" | "presence";
  readonly payload: Uint8Array;
}

export interface Broker {
  /** Where devices connect: `mqtt://host:port`. */
  readonly url: string;
  /** Replaces the retained message of a topic. */
  publishRetained(topic: string, payload: Uint8Array): Promise<void>;
  /** Sends a message to those who are there. */
  publish(topic: string, payload: Uint8Array): Promise<void>;
  /** Ends a device's connection, if it has one. */
  disconnect(device: string): Promise<void>;
  close(): Promise<void>;
}

/** What the server gives a broker to work with. */
export interface BrokerHooks {
  /** Resolves to the device that this password (a device token) proves, or null. */
  authenticate(clientId: string, username: string, password: string): Promise<boolean>;
  onMessage(message: DeviceMessage): void;
  /** A refused or broken connection, publish or subscription; for counting and the log. */
  onRefusal(reason: string, client: string): void;
}
