/** What a device asks for itself: the signed documents as published, and the reports that it hands in. */
import { Ack } from "@flotilla/protocol/documents/reports";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { FastifyReply } from "fastify";
import { Type } from "typebox";
import { decodeReportValue } from "../../ingest/decode.ts";
import type { DocumentKey } from "../../ports/document-store.ts";
import type { Report } from "../../ports/report-store.ts";
import { callingDevice } from "../access.ts";
import { answers, CohortParams, DeviceParams, operatorOnly, RawBytes } from "../answers.ts";
import type { App, AppParts } from "../provider.ts";

/** Reports in one request; an outbox that holds more sends several. */
const maxReports = 1000;

export function deviceRoutes(app: App, parts: AppParts): void {
  const { documents, ingest } = parts;

  async function sendDocument(reply: FastifyReply, key: DocumentKey): Promise<FastifyReply> {
    const document = await documents.find(key);
    if (document === null) throw new FlotillaError("ROLLOUT_NOT_FOUND", "There is no such document.");
    return reply.type("application/json").header("cache-control", "no-cache").send(Buffer.from(document.bytes));
  }

  app.get(
    "/v1/fleet/index",
    {
      config: { access: "device-or-operator" },
      schema: { tags: ["device"], summary: "The fleet index", security: operatorOnly, response: answers(RawBytes) },
    },
    (_request, reply) => sendDocument(reply, { kind: "index" }),
  );

  app.get(
    "/v1/cohorts/:cohort/directive",
    {
      config: { access: "device-or-operator" },
      schema: {
        tags: ["device"],
        summary: "A cohort's directive",
        security: operatorOnly,
        params: CohortParams,
        response: answers(RawBytes),
      },
    },
    (request, reply) => sendDocument(reply, { kind: "directive", cohort: request.params.cohort }),
  );

  app.get(
    "/v1/devices/:device/document",
    {
      config: { access: "device" },
      schema: {
        tags: ["device"],
        summary: "The device's own document",
        security: operatorOnly,
        params: DeviceParams,
        response: answers(RawBytes),
      },
    },
    (request, reply) => sendDocument(reply, { kind: "device", device: request.params.device }),
  );

  app.post(
    "/v1/devices/:device/reports",
    {
      config: { access: "device" },
      schema: {
        tags: ["device"],
        summary: "Hands in reports; the answer comes when they are on disk",
        description:
          "Reports that cannot be read are dropped, as on MQTT; what is acknowledged need not be sent again.",
        security: operatorOnly,
        params: DeviceParams,
        body: Type.Object({
          hello: Type.Optional(Type.Unknown()),
          statuses: Type.Optional(Type.Array(Type.Unknown(), { maxItems: maxReports })),
          metrics: Type.Optional(Type.Array(Type.Unknown(), { maxItems: maxReports })),
        }),
        response: answers(Type.Object({ ack: Type.Array(Ack) })),
      },
    },
    async (request) => {
      const device = callingDevice(request);
      const { hello, statuses = [], metrics = [] } = request.body;
      const decoded: (Report | null)[] = [
        ...(hello === undefined ? [] : [decodeReportValue("hello", device, hello)]),
        ...statuses.map((value) => decodeReportValue("status", device, value)),
        ...metrics.map((value) => decodeReportValue("metrics", device, value)),
      ];
      const reports = decoded.filter((report) => report !== null);
      ingest.counters.malformed += decoded.length - reports.length;
      return { ack: [...(await ingest.submit(reports))] };
    },
  );
}
