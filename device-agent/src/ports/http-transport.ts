/**
 * HTTP as the agent needs it: small requests and one streamed download. Adapters add no headers of meaning, follow no
 * redirect to another host, and answer with lowercase header names.
 */
export interface HttpRequest {
  readonly method: "GET" | "POST";
  /** Path and query below the server's address, beginning with `/`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Bound on the answer's body; beyond it TRANSPORT_LIMIT. */
  readonly maxBytes: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface HttpStream {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Ends early with TRANSPORT_UNREACHABLE when the line is cut, TRANSPORT_TIMEOUT when it stalls. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Stops the transfer; idempotent. To be called when `chunks` is not read to its end. */
  close(): void;
}

export interface HttpTransport {
  /** @throws TRANSPORT_UNREACHABLE, TRANSPORT_TIMEOUT, TRANSPORT_LIMIT; any status is an answer. */
  send(request: HttpRequest): Promise<HttpAnswer>;
  /** Starts a GET whose body is read as it comes. */
  stream(path: string, headers: Readonly<Record<string, string>>): Promise<HttpStream>;
}
