/**
 * The HTTP interface: `buildApp(parts)` gives a Fastify instance that does not listen yet. Routes are declared with
 * their schemas and who may call them; OpenAPI at `/docs` is printed from that.
 */
import rateLimit from "@fastify/rate-limit";
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import { FlotillaError } from "@flotilla/protocol/errors";
import fastify, { type FastifyError } from "fastify";
import { guardRoutes } from "./access.ts";
import { publicError } from "./errors.ts";
import { type App, type AppParts, defaultLimits, type TypeBoxProvider } from "./provider.ts";
import { cohortRoutes } from "./routes/cohorts.ts";
import { deviceRoutes } from "./routes/device.ts";
import { deviceAdminRoutes } from "./routes/devices.ts";
import { enrolmentRoutes } from "./routes/enrolment.ts";
import { releaseRoutes } from "./routes/releases.ts";
import { repositoryRoutes } from "./routes/repository.ts";
import { rolloutRoutes } from "./routes/rollouts.ts";
import { serverRoutes } from "./routes/server.ts";
import { trustRoutes } from "./routes/trust.ts";

/** A rollout plan or a batch of reports; uploads of artifacts stream past it. */
const bodyLimitBytes = 4 * 1024 * 1024;
/** For the whole request, uploads included: slow ones are cut off (facts: R5). */
const requestTimeoutMs = 300_000;
const keepAliveTimeoutMs = 60_000;

export async function buildApp(parts: AppParts): Promise<App> {
  const limits = { ...defaultLimits, ...parts.limits };
  const app: App = fastify({
    bodyLimit: bodyLimitBytes,
    requestTimeout: requestTimeoutMs,
    connectionTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 200 },
    // Nothing is changed by validation: what the schema does not allow is refused as it came.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: false } },
  }).withTypeProvider<TypeBoxProvider>();
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  app.setErrorHandler<FastifyError | FlotillaError>((thrown, request, reply) => {
    const { status, error } = publicError(thrown);
    if (status >= 500) parts.onProblem(`${request.method} ${request.routeOptions.url ?? request.url}`, thrown);
    if (status === 429 || status === 503) reply.header("retry-after", "1");
    return reply.code(status).send({ error: error.toJSON() });
  });

  guardRoutes(app, parts, limits.failedLoginsPerMinute);
  await app.register(rateLimit, {
    max: limits.requestsPerMinute,
    timeWindow: 60_000,
    addHeaders: { "x-ratelimit-limit": false, "x-ratelimit-remaining": false, "x-ratelimit-reset": false },
  });
  await app.register(swagger, {
    openapi: {
      info: { title: "Flotilla fleet server", version: "1", description: `Fleet ${parts.fleet}` },
      components: { securitySchemes: { bearer: { type: "http", scheme: "bearer" } } },
    },
  });
  await app.register(swaggerUi, { routePrefix: "/docs" });
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: new FlotillaError("ROLLOUT_NOT_FOUND", "There is nothing here.").toJSON() }),
  );

  serverRoutes(app, parts);
  repositoryRoutes(app, parts, limits);
  enrolmentRoutes(app, parts, limits);
  deviceRoutes(app, parts);
  deviceAdminRoutes(app, parts);
  cohortRoutes(app, parts);
  trustRoutes(app, parts);
  releaseRoutes(app, parts);
  rolloutRoutes(app, parts);
  await app.ready();
  return app;
}
