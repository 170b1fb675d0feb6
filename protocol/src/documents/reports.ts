/**
 * What devices tell the server: hello, status, metrics; and what it answers: ack.
 * Every status and metrics message carries (boot, sequence); both are on the device's disk before it is sent, and it
 * stays in the device's outbox until the server's own ack, sent after its commit, covers it (design: formats.md).
 * Statuses and metrics of one boot share one sequence, which starts at 1 and has no gaps.
 */
import { type Static, Type } from "typebox";
import { defineDocument, head, Id, TimeMs, Uint32 } from "./document.ts";

/** Random id of one agent start. */
export const Boot = Type.String({ pattern: "^[0-9a-f]{16,32}$" });
export const AttributeValue = Type.Union([Type.String({ maxLength: 256 }), Type.Number(), Type.Boolean()]);
export const DeviceAttributes = Type.Record(Type.String({ pattern: "^[a-z][a-zA-Z0-9_]{0,63}$" }), AttributeValue);
export type DeviceAttributes = Static<typeof DeviceAttributes>;

export const Hello = Type.Object({
  ...head("hello"),
  device: Id,
  boot: Boot,
  /** Counts agent starts: orders boots. */
  bootCount: Uint32,
  agentVersion: Type.String({ maxLength: 64 }),
  attributes: DeviceAttributes,
  /** model → what runs now. */
  models: Type.Record(Id, Type.Object({ release: Id, variant: Id })),
  atMs: TimeMs,
});
export type Hello = Static<typeof Hello>;
export const helloDocument = defineDocument("hello", 1, Hello);

export const deviceStates = [
  "offered",
  "downloading",
  "verifying",
  "trialing",
  "activated",
  "healthy",
  "failed/download",
  "failed/verify",
  "failed/trial",
  "failed/activate",
  "failed/probation",
  "timed-out",
  "rejected",
  "rolled-back",
  "superseded",
  "opted-out",
] as const;
export type DeviceState = (typeof deviceStates)[number];

export const Status = Type.Object({
  ...head("status"),
  device: Id,
  boot: Boot,
  sequence: Uint32,
  model: Id,
  rollout: Id,
  /** The release that the rollout is about (for `rolled-back`: the one that was left). */
  release: Id,
  variant: Type.Optional(Id),
  state: Type.Enum(deviceStates),
  /** What runs for this model after this state; null before the first activation. */
  running: Type.Union([Id, Type.Null()]),
  /** The variant of it. */
  runningVariant: Type.Optional(Id),
  code: Type.Optional(Type.String({ maxLength: 64 })),
  /** For `rejected`: every reason; else what went wrong, in words. */
  detail: Type.Optional(Type.Array(Type.String({ maxLength: 512 }), { maxItems: 64 })),
  atMs: TimeMs,
});
export type Status = Static<typeof Status>;
export const statusDocument = defineDocument("status", 1, Status);

/** A DDSketch (relative accuracy 0.01) in its protobuf form, base64. */
export const Sketch = Type.String({ maxLength: 65_536, pattern: "^[A-Za-z0-9+/]*={0,2}$" });

export const Metrics = Type.Object({
  ...head("metrics"),
  device: Id,
  boot: Boot,
  sequence: Uint32,
  model: Id,
  release: Id,
  variant: Id,
  fromMs: TimeMs,
  toMs: TimeMs,
  runs: Uint32,
  errors: Uint32,
  latencyMs: Sketch,
  /** Largest output probability of each run, where the model is a classifier. */
  confidence: Type.Optional(Sketch),
  /** Where the app knows the right answer (afterwards). */
  labelled: Type.Optional(Type.Object({ runs: Uint32, correct: Uint32 })),
  memoryBytes: Type.Optional(Type.Integer({ minimum: 0 })),
});
export type Metrics = Static<typeof Metrics>;
export const metricsDocument = defineDocument("metrics", 1, Metrics);

/** Cumulative: all of this boot's messages up to and including `sequence` are committed. */
export const Ack = Type.Object({ ...head("ack"), device: Id, boot: Boot, sequence: Uint32 });
export type Ack = Static<typeof Ack>;
export const ackDocument = defineDocument("ack", 1, Ack);
