/** Rollouts: planned, looked at, and steered. */
import { Id, parseDocument, TimeMs } from "@flotilla/protocol/documents/document";
import { RolloutPlan, rolloutPlanDocument } from "@flotilla/protocol/documents/rollout-plan";
import { Type } from "typebox";
import type { OperatorAction } from "../../control/engine.ts";
import { explainDevice } from "../../control/explain.ts";
import { summaryOf, viewOf } from "../../control/rollout-view.ts";
import { answers, operatorOnly, RolloutParams } from "../answers.ts";
import type { App, AppParts } from "../provider.ts";

const orNull = <T extends ReturnType<typeof Type.Integer> | ReturnType<typeof Type.String>>(type: T) =>
  Type.Union([type, Type.Null()]);

const Summary = Type.Object({
  rollout: Type.String(),
  plan: Type.Object({ model: Type.String(), release: Type.String(), cohort: Type.String() }),
  state: Type.String(),
  reason: Type.String(),
  stage: Type.Integer(),
  stages: Type.Integer(),
  createdAtMs: Type.Integer(),
  startedAtMs: orNull(Type.Integer()),
  endedAtMs: orNull(Type.Integer()),
});
/** The parts that are documented by their types: domain/gate.ts, domain/stage-counts.ts. */
const View = Type.Intersect([
  Summary,
  Type.Object({
    plan: RolloutPlan,
    placing: Type.Boolean(),
    counts: Type.Record(Type.String(), Type.Integer()),
    stageList: Type.Array(Type.Unknown()),
    gates: Type.Array(Type.Unknown()),
    events: Type.Array(Type.Unknown()),
  }),
]);

const actions: Readonly<Record<OperatorAction, string>> = {
  start: "Starts a rollout, at once or not before a time",
  pause: "Stops new offers; what runs goes on running",
  resume: "Goes on after a pause; a held stage soaks and is judged anew",
  promote: "Passes the current stage whatever its gates say",
  rollback: "Takes every device back to the release before",
  cancel: "Ends a rollout without undoing it",
};

export function rolloutRoutes(app: App, parts: AppParts): void {
  const { engine, rollouts } = parts;
  const shared = { tags: ["rollouts"], security: operatorOnly };

  app.post(
    "/v1/rollouts",
    {
      config: { access: "operator" },
      schema: {
        ...shared,
        summary: "Adds a rollout as a draft; the same plan again changes nothing",
        // Checked by the document's own parser, whose message names the field.
        body: Type.Unsafe<unknown>(RolloutPlan),
        response: answers(Summary, 201),
      },
      validatorCompiler: () => () => true,
    },
    async (request, reply) => {
      const plan = parseDocument(rolloutPlanDocument, request.body);
      const state = await engine.addRollout(plan);
      reply.code(201);
      return summaryOf(state);
    },
  );

  app.get(
    "/v1/rollouts",
    {
      config: { access: "operator" },
      schema: {
        ...shared,
        summary: "All rollouts, oldest first",
        querystring: Type.Object({ model: Type.Optional(Id) }),
        response: answers(Type.Object({ rollouts: Type.Array(Summary) })),
      },
    },
    async (request) => ({ rollouts: (await rollouts.rollouts(request.query.model)).map(summaryOf) }),
  );

  app.get(
    "/v1/rollouts/:rollout",
    {
      config: { access: "operator" },
      schema: { ...shared, summary: "A rollout with its numbers", params: RolloutParams, response: answers(View) },
    },
    async (request, reply) => reply.send(viewOf(await rollouts.look(request.params.rollout))),
  );

  for (const action of Object.keys(actions) as OperatorAction[]) {
    app.post(
      `/v1/rollouts/:rollout/${action}`,
      {
        config: { access: "operator" },
        schema: {
          ...shared,
          summary: actions[action],
          params: RolloutParams,
          body: Type.Optional(Type.Union([Type.Object({ atMs: Type.Optional(TimeMs) }), Type.Null()])),
          response: answers(View),
        },
      },
      async (request, reply) => {
        await engine.act(request.params.rollout, action, request.body?.atMs);
        return reply.send(viewOf(await rollouts.look(request.params.rollout)));
      },
    );
  }

  app.get(
    "/v1/rollouts/:rollout/devices/:device/explain",
    {
      config: { access: "operator" },
      schema: {
        ...shared,
        summary: "Why a device is, or is not, in a rollout's stage",
        params: Type.Object({ rollout: Id, device: Id }),
        response: answers(Type.Unknown()),
      },
    },
    async (request) => await explainDevice(parts, request.params.rollout, request.params.device),
  );
}
