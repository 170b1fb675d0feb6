/**
 * What the server tells devices: the fleet index, one directive per cohort, and a device's own document.
 * All three travel in DSSE envelopes signed by the `flotilla-directive` role, are sequence-numbered and expire
 * (design: formats.md). `base` and `action` are ours: a newcomer outside the stage must know what to run, and a
 * rollback is an order of its own that also reaches devices that already hold the bad release.
 */
import { type Static, Type } from "typebox";
import { defineDocument, head, Id, ShareBp, TimeMs, Uint32 } from "./document.ts";

const signedHead = { sequence: Uint32, issuedAtMs: TimeMs, expiresAtMs: TimeMs };

export const CohortEntry = Type.Object({
  id: Id,
  cel: Type.String({ minLength: 1, maxLength: 4096 }),
  /** Per model, the matching cohort of highest priority wins; equal priorities for one model are refused at creation. */
  priority: Type.Integer({ minimum: 0, maximum: 1_000_000 }),
});
export type CohortEntry = Static<typeof CohortEntry>;

export const FleetIndex = Type.Object({
  ...head("fleet-index"),
  ...signedHead,
  fleet: Id,
  cohorts: Type.Array(CohortEntry, { maxItems: 10_000 }),
});
export type FleetIndex = Static<typeof FleetIndex>;
export const fleetIndexDocument = defineDocument("fleet-index", 1, FleetIndex);

/** A local rule that a device obeys offline: more than this within the window ends the probation or the activation. */
export const StopRule = Type.Object({
  windowS: Type.Integer({ minimum: 1 }),
  /** Runs needed in the window before rates count. */
  minRuns: Type.Integer({ minimum: 1 }),
  maxErrorRate: Type.Number({ minimum: 0, maximum: 1 }),
  /** Latency p95 at most this many times the previous release's (or the trial's, if there is none). */
  maxLatencyRatio: Type.Number({ minimum: 1 }),
  maxRestarts: Type.Integer({ minimum: 1, maximum: 10 }),
});
export type StopRule = Static<typeof StopRule>;

export const ModelDirective = Type.Object({
  rollout: Id,
  /** "install": devices in the stage run `release`. "rollback": every device leaves it and runs `release` (the older one). */
  action: Type.Union([Type.Literal("install"), Type.Literal("rollback")]),
  release: Id,
  /** The rollout id of the first attempt, kept on retry. */
  salt: Type.String({ minLength: 1, maxLength: 64 }),
  stage: Type.Object({ number: Type.Integer({ minimum: 1 }), thresholdBp: ShareBp }),
  /** What devices outside the stage and the control arm run; absent: they keep what they have. */
  base: Type.Optional(Type.Object({ rollout: Id, release: Id })),
  control: Type.Optional(Type.Object({ shareBp: ShareBp, release: Id })),
  /** No new offers while true; what runs goes on running. */
  paused: Type.Boolean(),
  /** Spread of starts inside the stage, by the bucket. */
  rate: Type.Optional(Type.Object({ spreadMs: Type.Integer({ minimum: 0 }) })),
  deadlines: Type.Object({ startMs: Type.Integer({ minimum: 1 }), stepMs: Type.Integer({ minimum: 1 }) }),
  retries: Type.Integer({ minimum: 0, maximum: 10 }),
  probation: Type.Object({ minRuns: Type.Integer({ minimum: 0 }), minMs: Type.Integer({ minimum: 0 }) }),
  stopRule: StopRule,
});
export type ModelDirective = Static<typeof ModelDirective>;

export const Directive = Type.Object({
  ...head("directive"),
  ...signedHead,
  fleet: Id,
  cohort: Id,
  models: Type.Record(Id, ModelDirective),
});
export type Directive = Static<typeof Directive>;
export const directiveDocument = defineDocument("directive", 1, Directive);

export const DeviceDocument = Type.Object({
  ...head("device"),
  ...signedHead,
  fleet: Id,
  device: Id,
  tags: Type.Array(Id, { maxItems: 64 }),
  /** model → release that this device must run whatever its cohort says. */
  pins: Type.Record(Id, Id),
  revoked: Type.Boolean(),
});
export type DeviceDocument = Static<typeof DeviceDocument>;
export const deviceDocument = defineDocument("device", 1, DeviceDocument);

/** The TUF role whose keys sign these three, and the DSSE payload type. */
export const directiveRole = "flotilla-directive";
export const controlPayloadType = "application/vnd.flotilla+json";
