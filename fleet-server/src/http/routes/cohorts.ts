/** Cohorts, and who would be in them. */
import { CohortEntry } from "@flotilla/protocol/documents/control";
import { Type } from "typebox";
import { previewCohort } from "../../control/preview.ts";
import { answers, operatorOnly } from "../answers.ts";
import type { App, AppParts } from "../provider.ts";

export function cohortRoutes(app: App, parts: AppParts): void {
  const shared = { tags: ["cohorts"], security: operatorOnly };

  app.post(
    "/v1/cohorts",
    {
      config: { access: "operator" },
      schema: {
        ...shared,
        summary: "Adds a cohort; the same again changes nothing",
        body: CohortEntry,
        response: answers(CohortEntry, 201),
      },
    },
    async (request, reply) => {
      const { id, cel, priority } = request.body;
      await parts.engine.addCohort({ id, cel, priority });
      reply.code(201);
      return { id, cel, priority };
    },
  );

  app.get(
    "/v1/cohorts",
    {
      config: { access: "operator" },
      schema: {
        ...shared,
        summary: "All cohorts",
        response: answers(Type.Object({ cohorts: Type.Array(CohortEntry) })),
      },
    },
    async () => ({ cohorts: [...(await parts.rollouts.cohorts())] }),
  );

  app.get(
    "/v1/cohorts/:cohort/preview",
    {
      config: { access: "operator" },
      schema: {
        ...shared,
        summary: "How many devices a cohort holds, which variants they would take, and why others take none",
        params: Type.Object({ cohort: CohortEntry.properties.id }),
        querystring: Type.Object({
          model: Type.Optional(CohortEntry.properties.id),
          release: Type.Optional(CohortEntry.properties.id),
        }),
        response: answers(
          Type.Object({
            matching: Type.Integer(),
            variants: Type.Record(Type.String(), Type.Integer()),
            reasons: Type.Record(Type.String(), Type.Integer()),
          }),
        ),
      },
    },
    async (request) => await previewCohort(parts, request.params.cohort, request.query),
  );
}
