/** HTTP without a network: requests go to a function. Bodies come in chunks of `chunkBytes`, as a network's do. */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { HttpAnswer, HttpRequest, HttpTransport } from "../ports/http-transport.ts";

export type HttpHandler = (request: Omit<HttpRequest, "maxBytes">) => Promise<HttpAnswer> | HttpAnswer;

export function memoryHttp(handle: HttpHandler, chunkBytes = 4096): HttpTransport {
  async function* chunksOf(body: Uint8Array): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < body.length; at += chunkBytes) yield body.subarray(at, at + chunkBytes);
  }
  return {
    async send({ maxBytes, ...request }) {
      const answer = await handle(request);
      if (answer.body.length <= maxBytes) return answer;
      throw new FlotillaError("TRANSPORT_LIMIT", `The answer of ${request.path} has more than ${maxBytes} bytes.`);
    },
    async stream(path, headers) {
      const { status, headers: answered, body } = await handle({ method: "GET", path, headers });
      return { status, headers: answered, chunks: chunksOf(body), close: () => {} };
    },
  };
}
