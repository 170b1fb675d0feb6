/**
 * The operator's HTTP client: one method per verb, error bodies turned back into the FlotillaError they were,
 * network trouble into TRANSPORT_*. Paths are those of the OpenAPI page at `/docs`.
 */
import { type ErrorCode, type ErrorDetails, errorCodes, FlotillaError } from "@flotilla/protocol/errors";

const requestLimitMs = 30_000;
const uploadLimitMs = 600_000;
const answerLimitBytes = 64 * 2 ** 20;

export interface FleetClient {
  readonly url: string;
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body?: unknown): Promise<T>;
  put<T>(path: string, body: unknown): Promise<T>;
  /** Uploads a blob under its digest; one that the server has already is not sent again. */
  putBlob(sha256: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
}

export function createFleetClient(options: { readonly url: string; readonly token: string }): FleetClient {
  const base = options.url.replace(/\/+$/, "");

  async function send(
    method: string,
    path: string,
    headers: Record<string, string>,
    body: string | Blob | null,
    limitMs: number,
  ): Promise<unknown> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${base}${path}`, {
        method,
        headers: { authorization: `Bearer ${options.token}`, ...headers },
        body,
        redirect: "error",
        signal: AbortSignal.timeout(limitMs),
      });
      text = await boundedText(response);
    } catch (cause) {
      if (cause instanceof FlotillaError) throw cause;
      const timedOut = cause instanceof DOMException && cause.name === "TimeoutError";
      throw new FlotillaError(
        timedOut ? "TRANSPORT_TIMEOUT" : "TRANSPORT_UNREACHABLE",
        timedOut
          ? `${base} did not answer within ${limitMs / 1000} s.`
          : `${base} cannot be reached; is the server running?`,
        { cause, details: { method, url: `${base}${path}` } },
      );
    }
    const value = parseBody(text);
    if (!response.ok) throw errorOf(response.status, value, `${method} ${path}`);
    return value;
  }

  const json = (method: string, path: string, body: unknown) =>
    send(
      method,
      path,
      body === undefined ? {} : { "content-type": "application/json" },
      body === undefined ? null : JSON.stringify(body),
      requestLimitMs,
    );

  return {
    url: base,
    get: async <T>(path: string) => (await json("GET", path, undefined)) as T,
    post: async <T>(path: string, body?: unknown) => (await json("POST", path, body ?? {})) as T,
    put: async <T>(path: string, body: unknown) => (await json("PUT", path, body)) as T,
    putBlob: async (sha256, bytes) => {
      await send(
        "PUT",
        `/v1/tuf/blobs/${sha256}`,
        { "content-type": "application/octet-stream" },
        new Blob([bytes]),
        uploadLimitMs,
      );
    },
  };
}

async function boundedText(response: Response): Promise<string> {
  const announced = Number(response.headers.get("content-length") ?? 0);
  if (announced > answerLimitBytes) {
    throw new FlotillaError(
      "TRANSPORT_LIMIT",
      `The server announced ${announced} bytes; the limit is ${answerLimitBytes}.`,
    );
  }
  return await response.text();
}

function parseBody(text: string): unknown {
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    return null; // not ours: the status decides
  }
}

function errorOf(status: number, value: unknown, request: string): FlotillaError {
  const body = (value as { error?: { code?: unknown; message?: unknown; details?: unknown } } | null)?.error;
  if (typeof body?.code === "string" && body.code in errorCodes && typeof body.message === "string") {
    return new FlotillaError(body.code as ErrorCode, body.message, { details: (body.details ?? {}) as ErrorDetails });
  }
  return new FlotillaError("TRANSPORT_STATUS", `The server answered ${status} to ${request}.`, { details: { status } });
}
