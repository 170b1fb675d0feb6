/** How devices join, and the tokens by which they may. */
import { Id, TimeMs } from "@flotilla/protocol/documents/document";
import { DeviceAttributes } from "@flotilla/protocol/documents/reports";
import { Type } from "typebox";
import { answers, operatorOnly } from "../answers.ts";
import type { App, AppParts, HttpLimits } from "../provider.ts";

const Hex = (bytes: number) => Type.String({ pattern: `^[0-9a-f]{${bytes * 2}}$` });

export function enrolmentRoutes(app: App, { enrolments, fleet, mqttUrl }: AppParts, limits: HttpLimits): void {
  const rateLimit = { max: limits.enrolmentsPerMinute, timeWindow: 60_000 };

  app.post(
    "/v1/enrolment/challenge",
    {
      config: { access: "public", rateLimit },
      schema: {
        tags: ["enrolment"],
        summary: "A nonce for the device to sign",
        body: Type.Object({ device: Id }),
        response: answers(Type.Object({ nonce: Type.String(), expiresAtMs: Type.Integer() })),
      },
    },
    async (request) => enrolments.challenge(request.body.device),
  );

  app.post(
    "/v1/enrolment",
    {
      config: { access: "public", rateLimit },
      bodyLimit: 64 * 1024,
      schema: {
        tags: ["enrolment"],
        summary: "Enrols a device; the same device with the same key again changes nothing",
        body: Type.Object({
          device: Id,
          publicKey: Hex(32),
          token: Type.String({ minLength: 16, maxLength: 128 }),
          nonce: Type.String({ maxLength: 128 }),
          signature: Hex(64),
          attributes: DeviceAttributes,
        }),
        response: answers(Type.Object({ device: Type.String(), fleet: Type.String(), mqttUrl: Type.String() }), 201),
      },
    },
    async (request, reply) => {
      const outcome = await enrolments.enrol(request.body);
      reply.code(outcome === "created" ? 201 : 200);
      return { device: request.body.device, fleet, mqttUrl };
    },
  );

  app.post(
    "/v1/enrolment-tokens",
    {
      config: { access: "operator" },
      schema: {
        tags: ["enrolment"],
        summary: "A token by which devices may join; it is shown once",
        security: operatorOnly,
        body: Type.Object({
          uses: Type.Integer({ minimum: 1, maximum: 10_000_000 }),
          expiresAtMs: Type.Optional(TimeMs),
          tags: Type.Optional(Type.Array(Id, { maxItems: 64, uniqueItems: true })),
        }),
        response: answers(Type.Object({ token: Type.String() }), 201),
      },
    },
    async (request, reply) => {
      reply.code(201);
      return { token: await enrolments.createToken(request.body) };
    },
  );
}
