/** Published releases, and how they run. */
import { Id } from "@flotilla/protocol/documents/document";
import { Release } from "@flotilla/protocol/documents/release";
import { FlotillaError } from "@flotilla/protocol/errors";
import { Type } from "typebox";
import { answers, ModelParams, operatorOnly } from "../answers.ts";
import type { App, AppParts } from "../provider.ts";

const NumberOrNull = Type.Union([Type.Number(), Type.Null()]);

export function releaseRoutes(app: App, { trust, reports }: AppParts): void {
  const shared = { tags: ["releases"], security: operatorOnly };

  app.get(
    "/v1/releases",
    {
      config: { access: "operator" },
      schema: {
        ...shared,
        summary: "All published releases",
        response: answers(
          Type.Object({
            releases: Type.Array(
              Type.Object({
                model: Type.String(),
                release: Type.String(),
                counter: Type.Integer(),
                minCounter: Type.Integer(),
                createdAtMs: Type.Integer(),
                proven: Type.Boolean(),
                variants: Type.Array(Type.String()),
              }),
            ),
          }),
        ),
      },
    },
    async () => ({
      releases: (await trust.list()).map(({ release, counter, minCounter }) => ({
        model: release.model,
        release: release.release,
        counter,
        minCounter,
        createdAtMs: release.createdAtMs,
        proven: release.variants.every(({ proven }) => proven),
        variants: release.variants.map(({ name }) => name),
      })),
    }),
  );

  app.get(
    "/v1/models/:model/releases/:release",
    {
      config: { access: "operator" },
      schema: {
        ...shared,
        summary: "A release document",
        params: Type.Object({ model: Id, release: Id }),
        response: answers(Type.Object({ release: Release, counter: Type.Integer(), minCounter: Type.Integer() })),
      },
    },
    async (request) => {
      const { model, release } = request.params;
      const found = await trust.find(model, release);
      if (found !== null) return found;
      throw new FlotillaError("ROLLOUT_NOT_FOUND", `There is no published release ${release} of ${model}.`);
    },
  );

  app.get(
    "/v1/models/:model/metrics",
    {
      config: { access: "operator" },
      schema: {
        ...shared,
        summary: "How a model's releases run, by variant",
        params: ModelParams,
        querystring: Type.Object({ release: Type.Optional(Id) }),
        response: answers(
          Type.Object({
            metrics: Type.Array(
              Type.Object({
                release: Type.String(),
                variant: Type.String(),
                runs: Type.Integer(),
                errors: Type.Integer(),
                latencyP50Ms: NumberOrNull,
                latencyP95Ms: NumberOrNull,
                confidenceP50: NumberOrNull,
                accuracy: NumberOrNull,
                labelled: Type.Integer(),
              }),
            ),
          }),
        ),
      },
    },
    async (request) => ({ metrics: [...(await reports.runsOf(request.params.model, request.query.release))] }),
  );
}
