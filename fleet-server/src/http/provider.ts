/**
 * TypeBox schemas as Fastify's types, and what the routes work with. A schema validates what comes in and documents
 * what goes out; answers are written as they are.
 */
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyTypeProvider,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from "fastify";
import type { Static, TSchema } from "typebox";
import type { Engine } from "../control/engine.ts";
import type { Enrolments } from "../control/enrolment.ts";
import type { TrustService } from "../control/trust-service.ts";
import type { Ingest } from "../ingest/ingest.ts";
import type { BlobStore } from "../ports/blobs.ts";
import type { Clock } from "../ports/clock.ts";
import type { DeviceRecord, DeviceStore } from "../ports/device-store.ts";
import type { DocumentStore } from "../ports/document-store.ts";
import type { ReportStore } from "../ports/report-store.ts";
import type { RolloutStore } from "../ports/rollout-store.ts";

export interface TypeBoxProvider extends FastifyTypeProvider {
  readonly validator: this["schema"] extends TSchema ? Static<this["schema"]> : unknown;
  readonly serializer: this["schema"] extends TSchema ? Static<this["schema"]> : unknown;
}

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxProvider
>;

/** Who may call a route. Every route says so; one that does not cannot be registered. */
export type Access = "public" | "operator" | "device" | "device-or-operator";

export type Principal =
  | { readonly kind: "anyone" }
  | { readonly kind: "operator" }
  | { readonly kind: "device"; readonly record: DeviceRecord };

declare module "fastify" {
  interface FastifyContextConfig {
    access?: Access;
  }
  interface FastifyRequest {
    principal: Principal;
  }
}

export interface AppParts {
  readonly fleet: string;
  /** Where devices connect; known once the broker listens. */
  readonly mqttUrl: string;
  readonly devices: DeviceStore;
  readonly rollouts: RolloutStore;
  readonly reports: ReportStore;
  readonly documents: DocumentStore;
  readonly blobs: BlobStore;
  readonly engine: Engine;
  readonly enrolments: Enrolments;
  readonly trust: TrustService;
  readonly ingest: Ingest;
  readonly clock: Clock;
  /** Something a caller must not see the details of. */
  readonly onProblem: (what: string, error: unknown) => void;
  readonly limits?: Partial<HttpLimits>;
}

/** Bounds on what callers may ask, all changeable by whoever runs a larger fleet. */
export interface HttpLimits {
  /** Per address: a site's devices may all enrol behind one. */
  readonly enrolmentsPerMinute: number;
  /** Per address, of any kind: a backstop. */
  readonly requestsPerMinute: number;
  /** Per address: requests with a bad token. */
  readonly failedLoginsPerMinute: number;
  readonly maxBlobBytes: number;
}

export const defaultLimits: HttpLimits = {
  enrolmentsPerMinute: 3000,
  requestsPerMinute: 120_000,
  failedLoginsPerMinute: 300,
  maxBlobBytes: 4 * 1024 ** 3,
};
