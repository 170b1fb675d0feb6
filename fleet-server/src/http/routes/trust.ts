/**
 * The door for metadata that engineers have signed; snapshot and timestamp follow by the server's own keys.
 * Operators only, the first root too: an empty store takes it as it comes (trust/accept-upload.ts), and a wrong one
 * could deny service but deceive nobody, as devices begin with the root that was shipped to them.
 */
import { decodeBase64 } from "@flotilla/protocol/base64";
import { Type } from "typebox";
import { answers, operatorOnly } from "../answers.ts";
import type { App, AppParts } from "../provider.ts";

/** All roles of a large fleet at once; targets metadata of thousands of entries in base64. */
const publishLimitBytes = 64 * 1024 * 1024;

export function trustRoutes(app: App, { trust, engine }: AppParts): void {
  app.post(
    "/v1/trust/files",
    {
      config: { access: "operator" },
      bodyLimit: publishLimitBytes,
      schema: {
        tags: ["repository"],
        summary: "Publishes signed metadata",
        description:
          "All of it or nothing: signatures, thresholds and versions are checked, and that the content of every target " +
          "has been uploaded. Then snapshot and timestamp are signed anew.",
        security: operatorOnly,
        body: Type.Object({
          files: Type.Array(
            Type.Object({
              name: Type.String({ pattern: "^[1-9][0-9]{0,14}\\.[A-Za-z0-9._~%-]{1,200}\\.json$" }),
              base64: Type.String(),
            }),
            { minItems: 1, maxItems: 1000 },
          ),
        }),
        response: answers(
          Type.Object({
            files: Type.Array(Type.String()),
            snapshotVersion: Type.Integer(),
            timestampVersion: Type.Integer(),
          }),
        ),
      },
    },
    async (request) => {
      const files = new Map(request.body.files.map(({ name, base64 }) => [name, decodeBase64(base64)]));
      const published = await trust.publish(files);
      engine.soon();
      return { ...published, files: [...published.files] };
    },
  );
}
