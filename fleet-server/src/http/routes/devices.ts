/** Devices as operators see them, and what operators may say about them. */
import { Id } from "@flotilla/protocol/documents/document";
import { FlotillaError } from "@flotilla/protocol/errors";
import { Type } from "typebox";
import type { DeviceChange, DeviceRecord } from "../../ports/device-store.ts";
import { answers, DeviceParams, operatorOnly } from "../answers.ts";
import type { App, AppParts } from "../provider.ts";

const Device = Type.Object({
  device: Type.String(),
  publicKey: Type.String(),
  enrolledAtMs: Type.Integer(),
  revoked: Type.Boolean(),
  tags: Type.Array(Type.String()),
  pins: Type.Record(Type.String(), Type.String()),
  attributes: Type.Record(Type.String(), Type.Unknown()),
  models: Type.Record(Type.String(), Type.Object({ release: Type.String(), variant: Type.String() })),
  agentVersion: Type.Union([Type.String(), Type.Null()]),
  seenAtMs: Type.Union([Type.Integer(), Type.Null()]),
});

export function deviceAdminRoutes(app: App, { devices, engine }: AppParts): void {
  const shared = { tags: ["devices"], security: operatorOnly };

  /** Publishes the device's document and places it anew: its tags may have moved it into other cohorts. */
  async function amend(device: string, change: DeviceChange): Promise<DeviceRecord> {
    const record = await devices.amend(device, change);
    await engine.tick();
    return record;
  }

  app.get(
    "/v1/devices",
    {
      config: { access: "operator" },
      schema: {
        ...shared,
        summary: "Devices by id, a page at a time",
        querystring: Type.Object({
          tag: Type.Optional(Id),
          after: Type.Optional(Id),
          limit: Type.Optional(Type.String({ pattern: "^[1-9][0-9]{0,3}$" })),
        }),
        response: answers(Type.Object({ devices: Type.Array(Device), next: Type.Union([Type.String(), Type.Null()]) })),
      },
    },
    async (request) => {
      const { tag, after, limit = "1000" } = request.query;
      const size = Math.min(Number(limit), 1000);
      const page = await devices.list({
        limit: size,
        ...(tag === undefined ? {} : { tag }),
        ...(after === undefined ? {} : { after }),
      });
      return { devices: [...page], next: page.length < size ? null : (page.at(-1)?.device ?? null) };
    },
  );

  app.get(
    "/v1/devices/:device/detail",
    {
      config: { access: "operator" },
      schema: { ...shared, summary: "All that is known of a device", params: DeviceParams, response: answers(Device) },
    },
    async (request) => {
      const { device } = request.params;
      const record = await devices.find(device);
      if (record === null) throw new FlotillaError("ROLLOUT_NOT_FOUND", `There is no device ${device}.`);
      return record;
    },
  );

  app.put(
    "/v1/devices/:device/tags",
    {
      config: { access: "operator" },
      schema: {
        ...shared,
        summary: "Sets a device's tags",
        params: DeviceParams,
        body: Type.Object({ tags: Type.Array(Id, { maxItems: 64, uniqueItems: true }) }),
        response: answers(Device),
      },
    },
    async (request) => amend(request.params.device, { tags: request.body.tags }),
  );

  app.put(
    "/v1/devices/:device/pins",
    {
      config: { access: "operator" },
      schema: {
        ...shared,
        summary: "Sets the releases that a device must run whatever its cohorts say",
        params: DeviceParams,
        body: Type.Object({ pins: Type.Record(Id, Id) }),
        response: answers(Device),
      },
    },
    async (request) => amend(request.params.device, { pins: request.body.pins }),
  );

  app.post(
    "/v1/devices/:device/revoke",
    {
      config: { access: "operator" },
      schema: {
        ...shared,
        summary: "Ends a device's access, for good",
        params: DeviceParams,
        response: answers(Device),
      },
    },
    async (request) => amend(request.params.device, { revoked: true }),
  );
}
