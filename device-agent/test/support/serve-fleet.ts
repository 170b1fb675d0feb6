/** The tiny fleet over real sockets: node:http with enrolment, and aedes. Port 0 on the loopback; stopped in good order. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { Aedes } from "aedes";
import { fleetId, type TinyFleet } from "./tiny-fleet.ts";

export interface ServedFleet {
  readonly url: string;
  readonly mqttUrl: string;
  /** Cuts all MQTT sessions. */
  dropSessions(): void;
  /** Answers of this path prefix are delayed until it is called again with null. */
  hold(prefix: string | null): void;
  close(): Promise<void>;
}

export async function serveFleet(fleet: TinyFleet): Promise<ServedFleet> {
  const broker = await Aedes.createBroker();
  const mqtt = createTcpServer(broker.handle);
  const sockets = new Set<Socket>();
  mqtt.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await listen(mqtt);
  const publish = (retain: boolean) => (topic: string, payload: Uint8Array) =>
    broker.publish({ cmd: "publish", topic, payload: Buffer.from(payload), qos: 1, retain, dup: false }, () => {});
  fleet.onRetained(publish(true));
  fleet.onAck(publish(false));
  broker.on("publish", ({ topic, payload }, client) => {
    if (client !== null) fleet.takeMessage(topic, new Uint8Array(Buffer.from(payload)));
  });

  let held: string | null = null;
  const waiting: (() => void)[] = [];
  const mqttUrl = `mqtt://127.0.0.1:${portOf(mqtt)}`;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const path = request.url ?? "/";
    if (held !== null && path.startsWith(held)) await new Promise<void>((resolve) => waiting.push(resolve));
    const known = enrolment(path);
    if (known !== null) {
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(known));
      return;
    }
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
    );
    const method = request.method === "POST" ? "POST" : "GET";
    const found = await fleet.handle({ method, path, headers, body: new Uint8Array(Buffer.concat(chunks)) });
    response.writeHead(found.status, { ...found.headers }).end(found.body);
  }

  function enrolment(path: string): object | null {
    if (path === "/v1/fleet") return { fleet: fleetId, mqttUrl };
    if (path === "/v1/enrolment/challenge") return { nonce: "nonce", expiresAtMs: Date.now() + 60_000 };
    if (path === "/v1/enrolment") return { device: "?", fleet: fleetId, mqttUrl };
    return null;
  }

  const http = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await listen(http);
  return {
    url: `http://127.0.0.1:${portOf(http)}`,
    mqttUrl,
    dropSessions() {
      for (const socket of sockets) socket.destroy();
    },
    hold(prefix) {
      held = prefix;
      if (prefix === null) for (const go of waiting.splice(0)) go();
    },
    async close() {
      for (const go of waiting.splice(0)) go();
      for (const socket of sockets) socket.destroy();
      http.closeAllConnections();
      await Promise.all([
        new Promise((resolve) => http.close(resolve)),
        new Promise((resolve) => mqtt.close(resolve)),
        new Promise<void>((resolve) => broker.close(resolve)),
      ]);
    },
  };
}

const listen = (server: Server): Promise<void> =>
  new Promise((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
const portOf = (server: Server): number => (server.address() as AddressInfo).port;
