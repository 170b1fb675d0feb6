/** What every HTTP transport promises, over every adapter. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { memoryHttp } from "../../src/memory/memory-http.ts";
import { fetchTransport } from "../../src/node/fetch-transport.ts";
import type { HttpTransport } from "../../src/ports/http-transport.ts";

const big = new Uint8Array(100_000).map((_, index) => index % 251);

let server: Server;
let url: string;
beforeEach(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (request.url === "/echo") {
        response.writeHead(201, { "x-method": request.method, "x-auth": request.headers.authorization ?? "" });
        response.end(Buffer.concat(chunks));
      } else if (request.url === "/big") response.end(big);
      else if (request.url === "/cut") {
        response.writeHead(200, { "content-length": "1000" });
        response.write(Buffer.alloc(100), () => response.destroy());
      } else if (request.url === "/drip") {
        response.writeHead(200);
        const drip = setInterval(() => response.write("x"), 10);
        response.on("close", () => clearInterval(drip));
      } else if (request.url === "/silent") response.writeHead(200).write("x");
      else if (request.url === "/moved") response.writeHead(302, { location: "http://192.0.2.1/" }).end();
      else response.writeHead(404).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const inMemory = (): HttpTransport =>
  memoryHttp(({ method, path, headers, body }) => {
    if (path === "/echo") {
      const answered = { "x-method": method, "x-auth": headers?.authorization ?? "" };
      return { status: 201, headers: answered, body: body ?? new Uint8Array() };
    }
    return { status: path === "/big" ? 200 : 404, headers: {}, body: path === "/big" ? big : new Uint8Array() };
  });

const adapters: readonly (readonly [string, () => HttpTransport])[] = [
  ["memory", inMemory],
  ["fetch", () => fetchTransport(`${url}/`)],
];

describe.each(adapters)("HTTP by %s", (_name, open) => {
  it("sends method, headers and body, and answers with status, lowercase headers and body", async () => {
    const body = new TextEncoder().encode("ärger");
    const headers = { authorization: "Bearer x" };
    const answer = await open().send({ method: "POST", path: "/echo", headers, body, maxBytes: 100 });
    expect(answer).toMatchObject({ status: 201, headers: { "x-method": "POST", "x-auth": "Bearer x" } });
    expect(new TextDecoder().decode(answer.body)).toBe("ärger");
  });

  it("answers with any status, and refuses bodies beyond the bound", async () => {
    expect((await open().send({ method: "GET", path: "/nothing", maxBytes: 10 })).status).toBe(404);
    const asked = open().send({ method: "GET", path: "/big", maxBytes: big.length - 1 });
    await expect(asked).rejects.toMatchObject({ code: "TRANSPORT_LIMIT" });
  });

  it("streams a body, whole and in order", async () => {
    const stream = await open().stream("/big", {});
    const received: number[] = [];
    for await (const chunk of stream.chunks) received.push(...chunk);
    expect(received).toEqual([...big]);
    stream.close();
  });

  it("lets a stream be left early", async () => {
    const stream = await open().stream("/big", {});
    for await (const chunk of stream.chunks) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    stream.close();
    stream.close();
  });
});

describe("HTTP by fetch", () => {
  it("tells a cut line from an end", async () => {
    const stream = await fetchTransport(url).stream("/cut", {});
    const read = async (): Promise<void> => {
      for await (const _ of stream.chunks);
    };
    await expect(read()).rejects.toMatchObject({ code: "TRANSPORT_UNREACHABLE" });
  });

  it("waits for a whole answer only so long, however it drips", async () => {
    const patient = { method: "GET", path: "/drip", maxBytes: 1e6 } as const;
    const asked = fetchTransport(url, { stallMs: 10_000, answerMs: 200 }).send(patient);
    await expect(asked).rejects.toMatchObject({ code: "TRANSPORT_TIMEOUT" });
  });

  it("gives up on silence, in an answer and in a stream", async () => {
    const transport = fetchTransport(url, { stallMs: 100 });
    const asked = transport.send({ method: "GET", path: "/silent", maxBytes: 1e6 });
    await expect(asked).rejects.toMatchObject({ code: "TRANSPORT_TIMEOUT" });
    const stream = await transport.stream("/silent", {});
    const read = async (): Promise<void> => {
      for await (const _ of stream.chunks);
    };
    await expect(read()).rejects.toMatchObject({ code: "TRANSPORT_TIMEOUT" });
  });

  it("lets a stream take its time as long as bytes come", async () => {
    const stream = await fetchTransport(url, { answerMs: 50 }).stream("/drip", {});
    let received = 0;
    for await (const chunk of stream.chunks) {
      received += chunk.length;
      if (received >= 20) break;
    }
    stream.close();
    expect(received).toBeGreaterThanOrEqual(20);
  });

  it("follows no redirect", async () => {
    expect((await fetchTransport(url).send({ method: "GET", path: "/moved", maxBytes: 10 })).status).toBe(302);
  });

  it("says that nobody is there", async () => {
    const asked = fetchTransport("http://127.0.0.1:1").send({ method: "GET", path: "/", maxBytes: 10 });
    await expect(asked).rejects.toMatchObject({ code: "TRANSPORT_UNREACHABLE" });
  });
});
