/** What every message transport promises, over every adapter: memory, and mqtt.js against a real broker. */
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { Aedes } from "aedes";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { memoryBroker } from "../../src/memory/memory-messages.ts";
import { mqttTransport } from "../../src/node/mqtt-transport.ts";
import type { MessageTransport } from "../../src/ports/message-transport.ts";

interface Bench {
  readonly url: string;
  /** What devices have published: `topic text`. */
  readonly published: string[];
  readonly passwords: string[];
  transport(): MessageTransport;
  send(topic: string, text: string, retain: boolean): void;
  /** Cuts all sessions; the broker stays. */
  cut(): void;
  /** Called behind everything that happens. */
  changed: () => void;
  close(): Promise<void>;
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

async function inMemory(): Promise<Bench> {
  const published: string[] = [];
  const broker = memoryBroker((topic, payload) => {
    published.push(`${topic} ${decode(payload)}`);
    bench.changed();
  });
  const bench: Bench = {
    url: "memory:",
    published,
    passwords: [],
    transport: () => broker.transport(),
    send: (topic, text, retain) => broker.publish(topic, encode(text), retain),
    cut() {
      broker.setUp(false);
      broker.setUp(true);
    },
    changed: () => {},
    close: async () => {},
  };
  return bench;
}

async function overMqtt(): Promise<Bench> {
  const broker = await Aedes.createBroker({
    authenticate: (_client, _name, password, done) => {
      bench.passwords.push(String(password));
      done(null, true);
    },
  });
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    broker.handle(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const published: string[] = [];
  broker.on("publish", ({ topic, payload }) => {
    if (topic.startsWith("$SYS")) return;
    published.push(`${topic} ${payload.toString()}`);
    bench.changed();
  });
  const bench: Bench = {
    url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`,
    published,
    passwords: [],
    transport: mqttTransport,
    send: (topic, text, retain) =>
      broker.publish({ cmd: "publish", topic, payload: Buffer.from(text), qos: 1, retain, dup: false }, () => {}),
    cut() {
      for (const socket of sockets) socket.destroy();
      sockets.clear();
    },
    changed: () => {},
    async close() {
      bench.cut();
      await new Promise((resolve) => server.close(resolve));
      await new Promise<void>((resolve) => broker.close(resolve));
    },
  };
  return bench;
}

describe.each([
  ["memory", inMemory],
  ["MQTT", overMqtt],
] as const)("messages over %s", (_name, open) => {
  let bench: Bench;
  let transport: MessageTransport;
  const received: string[] = [];
  let sessions = 0;
  let losses = 0;
  let logins = 0;
  const watchers = new Set<() => void>();
  const changed = (): void => {
    for (const look of watchers) look();
  };
  const until = (test: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!test()) return;
        watchers.delete(look);
        resolve();
      };
      watchers.add(look);
      look();
    });

  beforeEach(async () => {
    bench = await open();
    bench.changed = changed;
    transport = bench.transport();
    received.length = 0;
    sessions = losses = logins = 0;
    transport.open(
      {
        url: bench.url,
        device: "device-1",
        password: async () => `password ${++logins}`,
        will: { topic: "presence", payload: encode("gone") },
      },
      {
        connected() {
          sessions++;
          changed();
        },
        disconnected() {
          losses++;
          changed();
        },
        message(topic, payload) {
          received.push(`${topic} ${decode(payload)}`);
          changed();
        },
      },
    );
    await until(() => sessions === 1);
  });
  afterEach(async () => {
    await transport.close();
    await bench.close();
  });

  it("delivers what is subscribed, retained messages at once, nothing else", async () => {
    bench.send("kept", "1", true);
    bench.send("passing", "2", false);
    await transport.subscribe(["kept", "passing"]);
    await until(() => received.length === 1);
    bench.send("other", "3", false);
    bench.send("passing", "4", false);
    await until(() => received.length === 2);
    expect(received).toEqual(["kept 1", "passing 4"]);
    await transport.unsubscribe(["passing"]);
    bench.send("passing", "5", false);
    bench.send("kept", "6", false);
    await until(() => received.length === 3);
    expect(received[2]).toBe("kept 6");
  });

  it("publishes, and resolves when the broker has it", async () => {
    await transport.publish("status", encode("hello"));
    expect(bench.published).toEqual(["status hello"]);
  });

  it("comes back after a cut with a fresh password, has nothing subscribed, and its will was sent", async () => {
    await transport.subscribe(["orders"]);
    bench.cut();
    await until(() => sessions === 2);
    expect(losses).toBe(1);
    expect(logins).toBe(2);
    expect(bench.published).toContain("presence gone");
    bench.send("orders", "1", false);
    await transport.subscribe(["orders"]);
    bench.send("orders", "2", false);
    await until(() => received.length === 1);
    expect(received).toEqual(["orders 2"]);
  });

  it("refuses to publish or subscribe when it is closed, and sends no will then", async () => {
    await transport.close();
    await transport.close();
    await expect(transport.publish("x", encode("y"))).rejects.toMatchObject({ code: "TRANSPORT_UNREACHABLE" });
    await expect(transport.subscribe(["x"])).rejects.toMatchObject({ code: "TRANSPORT_UNREACHABLE" });
    expect(bench.published).not.toContain("presence gone");
  });
});
