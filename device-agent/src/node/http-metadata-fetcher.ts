/**
 * Fetches TUF metadata over HTTP with what `fetch` gives. Bytes are counted after any content decoding, so a compressed
 * bomb ends at the same bound; a server that stops sending is cut off by the stall timer, one that drips by the total.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { MetadataFetcher } from "../ports/metadata-fetcher.ts";

export interface HttpMetadataOptions {
  /** Where the metadata lies, with or without a final slash. */
  readonly baseUrl: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Longest silence of the server. Default 5 s. */
  readonly stallMs?: number;
  /** Longest time for one file. Default 15 s: metadata is small. */
  readonly totalMs?: number;
}

/** A fetcher over HTTP. Redirects are refused: metadata has one address. */
export function httpMetadataFetcher(options: HttpMetadataOptions): MetadataFetcher {
  const base = options.baseUrl.endsWith("/") ? options.baseUrl : `${options.baseUrl}/`;
  const { stallMs = 5_000, totalMs = 15_000, headers = {} } = options;
  return {
    async fetch(name, maxBytes) {
      const abort = new AbortController();
      const cut = (what: string) => () =>
        abort.abort(
          new FlotillaError("TRANSPORT_TIMEOUT", `${name}: the server ${what}.`, { details: { file: name } }),
        );
      const total = setTimeout(cut(`took longer than ${totalMs} ms`), totalMs);
      const stall = setTimeout(cut(`sent nothing for ${stallMs} ms`), stallMs);
      try {
        const response = await fetch(base + name, {
          headers: { ...headers, "accept-encoding": "identity" },
          redirect: "error",
          signal: abort.signal,
        });
        if (response.ok) return await readBody(response, name, maxBytes, () => stall.refresh());
        if (response.status === 404 || response.status === 403) return null;
        throw new FlotillaError("TRANSPORT_STATUS", `${name}: the server answered ${response.status}.`, {
          details: { file: name, status: response.status },
        });
      } catch (error) {
        if (error instanceof FlotillaError) throw error;
        throw new FlotillaError("TRANSPORT_UNREACHABLE", `${name}: the server cannot be reached.`, {
          details: { file: name },
          cause: error,
        });
      } finally {
        clearTimeout(total);
        clearTimeout(stall);
        abort.abort(); // lets go of a body that was not read to its end
      }
    },
  };
}

async function readBody(response: Response, name: string, maxBytes: number, alive: () => void): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let lengthBytes = 0;
  for await (const chunk of response.body ?? []) {
    alive();
    lengthBytes += chunk.length;
    if (lengthBytes > maxBytes) {
      throw new FlotillaError("TRANSPORT_LIMIT", `${name} is larger than the ${maxBytes} bytes allowed for it.`, {
        details: { file: name, maxBytes },
      });
    }
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(lengthBytes);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
