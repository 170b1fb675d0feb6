/**
 * The embedded broker: aedes 1.2 behind the packet guard. Devices authenticate with their token, may only do what
 * access.ts allows, and are dropped when they try anything else. Sessions are clean: retained documents and our own
 * acknowledgements make up for what a disconnected device misses, and queues for absent devices would have no bound.
 */
import { createServer, type Server, type Socket } from "node:net";
import { FlotillaError } from "@flotilla/protocol/errors";
import { Aedes, type AuthenticateError, type Client } from "aedes";
import type { Broker, BrokerHooks } from "../../ports/broker.ts";
import { judgePublish, judgeSubscribe, judgeWill } from "./access.ts";
import { PacketGuard } from "./packet-guard.ts";

export interface AedesBrokerOptions extends BrokerHooks {
  readonly fleet: string;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** From the first byte to a whole CONNECT. */
const connectTimeoutMs = 5000;
/** A board may be slow, a socket that takes nothing for this long is gone. */
const drainTimeoutMs = 15_000;
const maxConnections = 20_000;
/** An agent needs five and one per cohort that it is in. */
const maxSubscriptions = 256;
/** Messages per device: a burst, and then a second's worth. An outbox of 500 goes out at once. */
const publishBurst = 1000;
const publishPerSecond = 100;

interface ClientFacts {
  subscriptions: number;
  tokens: number;
  refilledAtMs: number;
}

/** Starts the broker; it listens when this resolves, and has no retained messages yet. */
export async function startAedesBroker(options: AedesBrokerOptions): Promise<Broker> {
  const { fleet, onRefusal } = options;
  const facts = new WeakMap<Client, ClientFacts>();
  const factsOf = (client: Client): ClientFacts => {
    const known = facts.get(client) ?? { subscriptions: 0, tokens: publishBurst, refilledAtMs: Date.now() };
    facts.set(client, known);
    return known;
  };
  const clients = new Map<string, Client>();

  const aedes = await Aedes.createBroker({
    connectTimeout: connectTimeoutMs,
    drainTimeout: drainTimeoutMs,
    maxClientsIdLength: 64,
    maxTopicLevels: 6,
    preConnect(client, packet, done) {
      const { clientId, username, clean, will } = packet;
      const reason =
        clientId === "" || clientId !== username
          ? "the client id is not the user name"
          : clean === false
            ? "only clean sessions are offered"
            : will === undefined
              ? null
              : judgeWill(fleet, clientId, {
                  topic: will.topic,
                  retain: will.retain === true,
                  qos: will.qos ?? 0,
                  payloadBytes: Buffer.byteLength(will.payload),
                });
      if (reason === null) return done(null, true);
      onRefusal(reason, clientId);
      done(refusal(reason), false);
      client.close();
    },
    authenticate(client, username, password, done) {
      const id = client.id;
      options
        .authenticate(id, username ?? "", password?.toString("utf8") ?? "")
        .then((isKnown) => {
          if (!isKnown) {
            onRefusal("the token is not valid", id);
            return done(refusal("not authorized"), false);
          }
          if (client.conn instanceof PacketGuard) client.conn.authenticated();
          done(null, true);
        })
        .catch((error: unknown) => {
          onRefusal(`authentication failed: ${String(error)}`, id);
          done(refusal("not available"), false);
        });
    },
    authorizePublish(client, packet, done) {
      if (client === null) return done(refusal("nobody sends this"));
      const verdict = judgePublish(fleet, client.id, packet);
      const reason = "refusal" in verdict ? verdict.refusal : mayPublish(factsOf(client)) ? null : "too many messages";
      if (reason === null) return done(null);
      onRefusal(reason, client.id);
      done(refusal(reason));
    },
    authorizeSubscribe(client, subscription, done) {
      const known = factsOf(client);
      const reason =
        judgeSubscribe(fleet, client.id, subscription.topic) ??
        (++known.subscriptions > maxSubscriptions ? "too many subscriptions" : null);
      if (reason === null) return done(null, { ...subscription, qos: subscription.qos === 0 ? 0 : 1 });
      onRefusal(reason, client.id);
      done(null, null);
    },
    published(packet, client, done) {
      done();
      // Null for what the server sends itself.
      if (client === null || packet.topic.startsWith("$SYS/")) return;
      const verdict = judgePublish(fleet, client.id, { topic: packet.topic, retain: false, qos: packet.qos });
      if ("refusal" in verdict) return;
      const payload = typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload;
      options.onMessage({ device: client.id, kind: verdict.kind, payload });
    },
  });
  aedes.on("clientReady", (client) => void clients.set(client.id, client));
  aedes.on("clientDisconnect", (client) => {
    if (clients.get(client.id) === client) clients.delete(client.id);
  });
  aedes.on("clientError", (client, error) => onRefusal(error.message, client.id));
  aedes.on("connectionError", (client, error) => onRefusal(error.message, client.id ?? ""));

  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.setNoDelay(true);
    aedes.handle(new PacketGuard(socket, (reason) => onRefusal(reason, "")));
  });
  server.maxConnections = maxConnections;
  const port = await listen(server, options.host, options.port);

  const publish = (topic: string, payload: Uint8Array, retain: boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const packet = { cmd: "publish", topic, payload: Buffer.from(payload), qos: 1, retain, dup: false } as const;
      aedes.publish(packet, (error) => {
        if (error === undefined || error === null) resolve();
        else reject(new FlotillaError("TRANSPORT_UNREACHABLE", `The broker did not take ${topic}.`, { cause: error }));
      });
    });

  return {
    url: `mqtt://${options.host.includes(":") ? `[${options.host}]` : options.host}:${port}`,
    publishRetained: (topic, payload) => publish(topic, payload, true),
    publish: (topic, payload) => publish(topic, payload, false),
    disconnect: (device) =>
      new Promise((resolve) => {
        const client = clients.get(device);
        if (client === undefined) resolve();
        else client.close(() => resolve());
      }),
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Aedes wants an error with MQTT's return code: 5, not authorized. */
function refusal(reason: string): AuthenticateError {
  return Object.assign(new FlotillaError("ROLLOUT_UNAUTHORIZED", reason), { returnCode: 5 });
}

function mayPublish(known: ClientFacts): boolean {
  const nowMs = Date.now();
  known.tokens = Math.min(publishBurst, known.tokens + ((nowMs - known.refilledAtMs) * publishPerSecond) / 1000);
  known.refilledAtMs = nowMs;
  if (known.tokens < 1) return false;
  known.tokens -= 1;
  return true;
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      reject(
        new FlotillaError("IO_FAILED", `The broker cannot listen on ${host}:${port}: ${cause.message}`, { cause }),
      );
    });
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}
