/** The TUF repository as clients read it, and the upload of its targets' content. */

import { Readable } from "node:stream";
import { Digest } from "@flotilla/protocol/documents/document";
import { FlotillaError } from "@flotilla/protocol/errors";
import { Type } from "typebox";
import { answers, operatorOnly, RawBytes } from "../answers.ts";
import { parseRange } from "../byte-range.ts";
import type { App, AppParts, HttpLimits } from "../provider.ts";

/** `HASH.NAME` in the last segment, as consistent snapshots have it (TUF specification §6.2.1). */
const hashedPath = /^(?:(.*)\/)?([0-9a-f]{64})\.([^/]+)$/;

export function repositoryRoutes(app: App, { trust, blobs }: AppParts, limits: HttpLimits): void {
  app.get(
    "/v1/tuf/metadata/:name",
    {
      config: { access: "public" },
      schema: {
        tags: ["repository"],
        summary: "A metadata file of the TUF repository",
        params: Type.Object({ name: Type.String({ pattern: "^[A-Za-z0-9._~%-]+\\.json$" }) }),
        response: answers(RawBytes),
      },
    },
    async (request, reply) => {
      const bytes = await trust.metadata(request.params.name);
      if (bytes === null) throw new FlotillaError("ROLLOUT_NOT_FOUND", "There is no such metadata.");
      return reply.type("application/json").header("cache-control", "no-cache").send(Buffer.from(bytes));
    },
  );

  app.get(
    "/v1/tuf/targets/*",
    {
      config: { access: "device-or-operator" },
      schema: {
        tags: ["repository"],
        summary: "A target's content, whole or by range",
        security: operatorOnly,
        params: Type.Object({ "*": Type.String({ maxLength: 1024 }) }),
        response: answers(RawBytes),
      },
    },
    async (request, reply) => {
      const [, folder, digest = "", name = ""] = hashedPath.exec(request.params["*"]) ?? [];
      const target = await trust.target(folder === undefined ? name : `${folder}/${name}`);
      if (target === null || target.digest !== digest) {
        throw new FlotillaError("ROLLOUT_NOT_FOUND", "The published metadata names no such target.");
      }
      const etag = `"${digest}"`;
      reply.header("etag", etag).header("accept-ranges", "bytes").header("cache-control", "private, immutable");
      if (request.headers["if-none-match"] === etag) return reply.code(304).send();
      const precondition = request.headers["if-match"];
      if (precondition !== undefined && precondition !== etag && precondition !== "*") {
        throw new FlotillaError("ROLLOUT_CONFLICT", "The target has other content than the one asked for.");
      }
      const condition = request.headers["if-range"];
      const isFresh = condition === undefined || condition === etag;
      const range = parseRange(isFresh ? request.headers.range : undefined, target.sizeBytes);
      reply.type("application/octet-stream");
      if (range.kind === "unsatisfiable") {
        return reply.code(416).header("content-range", `bytes */${target.sizeBytes}`).send();
      }
      if (range.kind === "whole") {
        reply.header("content-length", target.sizeBytes);
        return reply.send(Readable.from(await blobs.read(digest), { objectMode: false }));
      }
      reply.code(206).header("content-range", `bytes ${range.start}-${range.end}/${target.sizeBytes}`);
      reply.header("content-length", range.end - range.start + 1);
      return reply.send(Readable.from(await blobs.read(digest, range), { objectMode: false }));
    },
  );

  // Uploads stream: the body is handed on as it comes, hashed on its way, and never held.
  app.register(async (uploads: App) => {
    uploads.removeAllContentTypeParsers();
    uploads.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
    uploads.put(
      "/v1/tuf/blobs/:digest",
      {
        config: { access: "operator" },
        bodyLimit: limits.maxBlobBytes,
        schema: {
          tags: ["repository"],
          summary: "Uploads a target's content under its SHA-256; the same again changes nothing",
          security: operatorOnly,
          params: Type.Object({ digest: Digest }),
          response: answers(Type.Object({ digest: Type.String(), sizeBytes: Type.Number() })),
        },
      },
      async (request) => {
        const { digest } = request.params;
        const { sizeBytes } = await blobs.put(digest, request.raw, limits.maxBlobBytes);
        return { digest, sizeBytes };
      },
    );
  });
}
