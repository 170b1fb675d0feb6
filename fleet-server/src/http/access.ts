/**
 * Who is calling, decided before anything of the request's body is read. Closed by default: a route without a declared
 * access is refused at registration, a request without the right token never reaches its handler.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { FastifyRequest } from "fastify";
import { hashSecret } from "../control/secrets.ts";
import type { App, AppParts, Principal } from "./provider.ts";

export function guardRoutes(app: App, parts: AppParts, failedLoginsPerMinute: number): void {
  const failures = createFailureCounter(failedLoginsPerMinute, parts);
  app.decorateRequest("principal");

  app.addHook("onRoute", (route) => {
    if (route.url === "/docs" || route.url.startsWith("/docs/")) {
      route.config = { ...route.config, access: "public" };
    }
    if (route.config?.access === undefined) {
      throw new FlotillaError("INTERNAL", `Route ${String(route.method)} ${route.url} does not say who may call it.`);
    }
  });

  app.addHook("onRequest", async (request) => {
    const { access } = request.routeOptions.config;
    request.principal = { kind: "anyone" };
    if (access === "public" || request.is404) return;
    failures.assertBelow(request.ip);
    const principal = await identify(request, parts);
    if (principal === null || access === undefined || !access.split("-or-").includes(principal.kind)) {
      failures.count(request.ip);
      throw new FlotillaError("ROLLOUT_UNAUTHORIZED", "This needs a valid token of another kind, or one at all.");
    }
    request.principal = principal;
    const { device } = request.params as { device?: string };
    if (principal.kind === "device" && device !== undefined && device !== principal.record.device) {
      throw new FlotillaError("ROLLOUT_NOT_FOUND", "There is no such device.");
    }
  });
}

/** Device tokens are JWS with two dots; operators' tokens have none. */
async function identify(request: FastifyRequest, parts: AppParts): Promise<Principal | null> {
  const [scheme = "", token = ""] = (request.headers.authorization ?? "").split(" ");
  if (scheme.toLowerCase() !== "bearer" || token === "") return null;
  if (!token.includes(".")) {
    return (await parts.devices.isOperator(hashSecret(token))) ? { kind: "operator" } : null;
  }
  try {
    return { kind: "device", record: await parts.enrolments.authenticate(token) };
  } catch (error) {
    if (error instanceof FlotillaError && error.code === "ROLLOUT_UNAUTHORIZED") return null;
    throw error;
  }
}

/** Addresses that are counted at a time; the oldest minute's are forgotten first. */
const maxAddresses = 10_000;

function createFailureCounter(perMinute: number, { clock }: AppParts) {
  let minute = 0;
  let counts = new Map<string, number>();
  const countsOfNow = (): Map<string, number> => {
    const now = Math.floor(clock.nowMs() / 60_000);
    if (now !== minute || counts.size > maxAddresses) {
      minute = now;
      counts = new Map();
    }
    return counts;
  };
  return {
    assertBelow(address: string): void {
      if ((countsOfNow().get(address) ?? 0) < perMinute) return;
      throw new FlotillaError("ROLLOUT_RATE_LIMITED", "Too many requests with bad tokens; try again in a minute.");
    },
    count(address: string): void {
      const current = countsOfNow();
      current.set(address, (current.get(address) ?? 0) + 1);
    },
  };
}

/** The device that calls a device's route. */
export function callingDevice(request: FastifyRequest): string {
  const { principal } = request;
  if (principal.kind === "device") return principal.record.device;
  throw new FlotillaError("INTERNAL", "A device's route was reached without a device.");
}
