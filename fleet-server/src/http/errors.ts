/** How errors leave the server: one place that gives each code its status, and never tells what went wrong inside. */
import { type ErrorCode, FlotillaError } from "@flotilla/protocol/errors";
import type { FastifyError } from "fastify";

/** The HTTP status of an error code, by its family. */
export function statusOf(code: ErrorCode): number {
  switch (code) {
    case "ROLLOUT_UNAUTHORIZED":
      return 401;
    case "ROLLOUT_REFUSED":
    case "ROLLOUT_UNPROVEN":
      return 403;
    case "ROLLOUT_NOT_FOUND":
      return 404;
    case "ROLLOUT_CONFLICT":
    case "ROLLOUT_EXISTS":
      return 409;
    case "ROLLOUT_RATE_LIMITED":
      return 429;
    case "TRANSPORT_LIMIT":
      return 413;
    case "IO_FAILED":
    case "IO_STATE_CORRUPT":
      return 503;
    case "IO_NOT_FOUND":
      return 400; // content that a publication names and that was not uploaded
  }
  return /^(CONFIG|FORMAT|INTEGRITY)_/.test(code) ? 400 : 500;
}

/** Any error as one of ours. Messages of unknown errors stay inside. */
export function publicError(error: FastifyError | FlotillaError): { status: number; error: FlotillaError } {
  if (error instanceof FlotillaError) {
    const status = statusOf(error.code);
    if (status < 500) return { status, error };
    const isStorage = error.code.startsWith("IO_");
    const message = isStorage ? "The server cannot reach its storage; try again later." : "The server failed.";
    return { status, error: new FlotillaError(isStorage ? "IO_FAILED" : "INTERNAL", message, { cause: error }) };
  }
  if (error.validation !== undefined) {
    const problems = error.validation.map(({ instancePath, message }) => ({
      where: `${error.validationContext ?? "request"}${instancePath}`,
      expected: message ?? "",
    }));
    return { status: 400, error: new FlotillaError("CONFIG_INVALID", error.message, { details: problems }) };
  }
  const status = error.statusCode ?? 500;
  if (status === 413)
    return { status, error: new FlotillaError("TRANSPORT_LIMIT", "The request's body is too large.") };
  if (status === 429) {
    return { status, error: new FlotillaError("ROLLOUT_RATE_LIMITED", "Too many requests; try again later.") };
  }
  if (status >= 400 && status < 500) return { status, error: new FlotillaError("CONFIG_INVALID", error.message) };
  return { status: 500, error: new FlotillaError("INTERNAL", "The server failed.", { cause: error }) };
}
