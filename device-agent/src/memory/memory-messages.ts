/**
 * A broker in memory and the devices' way to it: retained messages, exact topics, acknowledged publishes, a last will.
 * For tests and for fleets without a network. Deliveries are made in a later turn, as a network's are.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { MessageHandlers, MessageLogin, MessageTransport } from "../ports/message-transport.ts";

export interface MemoryBroker {
  /** A device's transport. */
  transport(): MessageTransport;
  /** Sends to whoever has subscribed to exactly this topic. */
  publish(topic: string, payload: Uint8Array, retain?: boolean): void;
  /** Cuts every session; `up` false refuses new ones until it is true again. */
  setUp(up: boolean): void;
}

interface Session {
  readonly login: MessageLogin;
  readonly handlers: MessageHandlers;
  readonly topics: Set<string>;
  up: boolean;
}

/** @param onPublish what devices publish comes here, wills too; a rejection is the publisher's failure */
export function memoryBroker(
  onPublish: (topic: string, payload: Uint8Array, device: string) => void | Promise<void>,
): MemoryBroker {
  const retained = new Map<string, Uint8Array>();
  const sessions = new Set<Session>();
  let isUp = true;

  /** To whoever is subscribed now; it arrives a moment later. */
  function deliver(session: Session, topic: string, payload: Uint8Array): void {
    if (!session.up || !session.topics.has(topic)) return;
    queueMicrotask(() => {
      if (session.up) session.handlers.message(topic, payload);
    });
  }

  function raise(session: Session): void {
    if (!isUp || session.up || !sessions.has(session)) return;
    void session.login.password().then(() => {
      if (!isUp || session.up || !sessions.has(session)) return;
      session.up = true;
      session.handlers.connected();
    });
  }

  function drop(session: Session, withWill: boolean): void {
    if (!session.up) return;
    session.up = false;
    session.topics.clear();
    const { will, device } = session.login;
    if (withWill) void onPublish(will.topic, will.payload, device);
    session.handlers.disconnected();
  }

  function transport(): MessageTransport {
    let own: Session | null = null;
    const online = (): Session => {
      if (own?.up) return own;
      throw new FlotillaError("TRANSPORT_UNREACHABLE", "There is no session.");
    };
    return {
      open(login, handlers) {
        own = { login, handlers, topics: new Set(), up: false };
        sessions.add(own);
        raise(own);
      },
      async subscribe(topics) {
        const session = online();
        for (const topic of topics) {
          session.topics.add(topic);
          const payload = retained.get(topic);
          if (payload !== undefined) deliver(session, topic, payload);
        }
      },
      async unsubscribe(topics) {
        const session = online();
        for (const topic of topics) session.topics.delete(topic);
      },
      async publish(topic, payload) {
        await onPublish(topic, payload, online().login.device);
      },
      async close() {
        if (own === null) return;
        sessions.delete(own);
        own.up = false;
      },
    };
  }

  return {
    transport,
    publish(topic, payload, retain = false) {
      if (retain) retained.set(topic, payload);
      for (const session of sessions) deliver(session, topic, payload);
    },
    setUp(up) {
      isUp = up;
      for (const session of sessions) {
        if (up) raise(session);
        else drop(session, true);
      }
    },
  };
}
