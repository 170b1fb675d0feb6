/**
 * HTTP by Node's own fetch: no redirects, bodies bounded after decoding, a timer against silence in the place of one
 * for the whole transfer (fault M4).
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { HttpStream, HttpTransport } from "../ports/http-transport.ts";

/** Longest silence: before the first byte, and between any two. */
const stallMs = 15_000;

export function fetchTransport(serverUrl: string): HttpTransport {
  const base = serverUrl.replace(/\/+$/, "");

  async function start(path: string, init: RequestInit): Promise<HttpStream> {
    const controller = new AbortController();
    let stalled = false;
    let timer: NodeJS.Timeout | undefined;
    const touch = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        stalled = true;
        controller.abort();
      }, stallMs);
      timer.unref();
    };
    const failure = (cause: unknown): FlotillaError =>
      stalled
        ? new FlotillaError("TRANSPORT_TIMEOUT", `The server was silent for ${stallMs} ms at ${path}.`, { cause })
        : new FlotillaError("TRANSPORT_UNREACHABLE", `The server cannot be reached at ${path}: ${reasonOf(cause)}.`, {
            cause,
          });
    const close = (): void => {
      clearTimeout(timer);
      controller.abort();
    };
    touch();
    let response: Response;
    try {
      response = await fetch(`${base}${path}`, { ...init, redirect: "manual", signal: controller.signal });
    } catch (cause) {
      clearTimeout(timer);
      throw failure(cause);
    }
    async function* chunks(): AsyncGenerator<Uint8Array> {
      try {
        for await (const chunk of response.body ?? []) {
          touch();
          yield chunk;
        }
      } catch (cause) {
        throw failure(cause);
      } finally {
        clearTimeout(timer);
      }
    }
    return { status: response.status, headers: Object.fromEntries(response.headers), chunks: chunks(), close };
  }

  return {
    async send({ method, path, headers = {}, body, maxBytes }) {
      const init = { method, headers, ...(body === undefined ? {} : { body: new Uint8Array(body) }) };
      const stream = await start(path, init);
      try {
        return { status: stream.status, headers: stream.headers, body: await readBounded(stream, path, maxBytes) };
      } finally {
        stream.close();
      }
    },
    stream: (path, headers) => start(path, { method: "GET", headers }),
  };
}

async function readBounded(stream: HttpStream, path: string, maxBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream.chunks) {
    length += chunk.length;
    if (length > maxBytes) {
      throw new FlotillaError("TRANSPORT_LIMIT", `The answer of ${path} has more than ${maxBytes} bytes.`);
    }
    parts.push(chunk);
  }
  const body = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? cause.cause.message : cause.message;
}
