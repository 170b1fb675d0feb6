/**
 * HTTP by Node's own fetch: no redirects, bodies bounded after decoding. A timer against silence for every transfer;
 * answers that are waited for whole, which are small, have one for the whole too, or a server that sends a byte now and
 * then could hold them up for ever (fault M4; TUF specification §1.5.2, slow retrieval).
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { HttpStream, HttpTransport } from "../ports/http-transport.ts";

export interface FetchTransportTimings {
  /** Longest silence: before the first byte, and between any two. */
  readonly stallMs: number;
  /** Longest time for a whole answer of `send`: metadata of 4 MiB over a line of 280 kbit/s. Downloads have the step's. */
  readonly answerMs: number;
}

const defaultTimings: FetchTransportTimings = { stallMs: 15_000, answerMs: 120_000 };

export function fetchTransport(serverUrl: string, timings: Partial<FetchTransportTimings> = {}): HttpTransport {
  const { stallMs, answerMs } = { ...defaultTimings, ...timings };
  const base = serverUrl.replace(/\/+$/, "");

  async function start(path: string, init: RequestInit, limitMs: number | null): Promise<HttpStream> {
    const controller = new AbortController();
    let why: string | null = null;
    let timer: NodeJS.Timeout | undefined;
    let ended = false;
    const giveUp = (reason: string): void => {
      why ??= reason;
      controller.abort();
    };
    const limit =
      limitMs === null
        ? undefined
        : setTimeout(() => giveUp(`did not end its answer in ${limitMs} ms`), limitMs).unref();
    const touch = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => giveUp(`was silent for ${stallMs} ms`), stallMs).unref();
    };
    const failure = (cause: unknown): FlotillaError =>
      why !== null
        ? new FlotillaError("TRANSPORT_TIMEOUT", `The server ${why} at ${path}.`, { cause })
        : new FlotillaError("TRANSPORT_UNREACHABLE", `The server cannot be reached at ${path}: ${reasonOf(cause)}.`, {
            cause,
          });
    const stopTimers = (): void => {
      clearTimeout(timer);
      clearTimeout(limit);
    };
    const close = (): void => {
      stopTimers();
      if (!ended) controller.abort();
    };
    touch();
    let response: Response;
    try {
      response = await fetch(`${base}${path}`, { ...init, redirect: "manual", signal: controller.signal });
    } catch (cause) {
      stopTimers();
      throw failure(cause);
    }
    async function* chunks(): AsyncGenerator<Uint8Array> {
      try {
        for await (const chunk of response.body ?? []) {
          touch();
          yield chunk;
        }
        ended = true;
      } catch (cause) {
        throw failure(cause);
      } finally {
        stopTimers();
      }
    }
    return { status: response.status, headers: Object.fromEntries(response.headers), chunks: chunks(), close };
  }

  return {
    async send({ method, path, headers = {}, body, maxBytes }) {
      const init = { method, headers, ...(body === undefined ? {} : { body: new Uint8Array(body) }) };
      const stream = await start(path, init, answerMs);
      try {
        return { status: stream.status, headers: stream.headers, body: await readBounded(stream, path, maxBytes) };
      } finally {
        stream.close();
      }
    },
    stream: (path, headers) => start(path, { method: "GET", headers }, null),
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
