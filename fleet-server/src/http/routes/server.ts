/** What anyone may ask: is the server there, and where do devices connect. */
import { Type } from "typebox";
import { answers } from "../answers.ts";
import type { App, AppParts } from "../provider.ts";

export function serverRoutes(app: App, { fleet, mqttUrl }: AppParts): void {
  app.get(
    "/v1/health",
    {
      config: { access: "public" },
      schema: {
        tags: ["server"],
        summary: "Whether the server is up",
        response: answers(Type.Object({ status: Type.Literal("ok"), fleet: Type.String() })),
      },
    },
    async () => ({ status: "ok" as const, fleet }),
  );
  app.get(
    "/v1/fleet",
    {
      config: { access: "public" },
      schema: {
        tags: ["server"],
        summary: "Where the fleet's devices connect",
        response: answers(Type.Object({ fleet: Type.String(), mqttUrl: Type.String() })),
      },
    },
    async () => ({ fleet, mqttUrl }),
  );
}
