/**
 * The publisher, cut off at each touch of the outside world in turn: before or after it takes effect. What is published
 * in the end is the same, byte for byte the stored one, and no sequence is ever used for two contents.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { afterEach, expect, test } from "vitest";
import { type Database, openDatabase } from "../src/adapters/sqlite/database.ts";
import { sqliteDeviceStore } from "../src/adapters/sqlite/device-store.ts";
import { sqliteDocumentStore } from "../src/adapters/sqlite/document-store.ts";
import { sqliteRolloutStore } from "../src/adapters/sqlite/rollout-store.ts";
import { createPublisher } from "../src/control/publisher.ts";
import { controlLifetimeMs } from "../src/domain/control-content.ts";
import { decide } from "../src/domain/rollout.ts";
import { createRollout } from "../src/domain/rollout-state.ts";
import { plan } from "./support/plan.ts";

const databases: Database[] = [];
afterEach(() => {
  for (const db of databases.splice(0)) db.close();
});

class PowerCut extends FlotillaError {
  constructor() {
    super("INTERNAL", "The power was cut, on purpose.");
  }
}

/** A server's memory and disk; `cutAt` counts touches, in halves: before and after each. */
async function world(cutAt: number) {
  const db = openDatabase(":memory:");
  databases.push(db);
  let nowMs = 1_000_000;
  let touches = 0;
  let isOn = true;
  async function touch<T>(effect: () => Promise<T>): Promise<T> {
    if (isOn && touches++ === cutAt) throw new PowerCut();
    const result = await effect();
    if (isOn && touches++ === cutAt) throw new PowerCut();
    return result;
  }
  const wrap = <T extends object>(port: T): T =>
    new Proxy(port, {
      get(target, name, receiver) {
        const member: unknown = Reflect.get(target, name, receiver);
        if (typeof member !== "function") return member;
        return (...args: unknown[]) => touch(async () => Reflect.apply(member, target, args));
      },
    });
  const rollouts = sqliteRolloutStore(db);
  const documents = sqliteDocumentStore(db);
  const devices = sqliteDeviceStore(db);
  const signed: string[] = [];
  const boot = (hasSigned = (_: Uint8Array) => true) => {
    const retained = new Map<string, string>();
    const publisher = createPublisher({
      fleet: "test-fleet",
      documents: wrap(documents),
      rollouts: wrap(rollouts),
      devices: wrap(devices),
      signer: {
        hasSigned,
        ...wrap({
          sign: async (payload: Uint8Array) => {
            signed.push(Buffer.from(payload).toString());
            return payload;
          },
        }),
      },
      broker: wrap({
        publishRetained: async (topic: string, bytes: Uint8Array) => {
          retained.set(topic, Buffer.from(bytes).toString());
        },
        disconnect: async () => undefined,
      }),
      clock: { nowMs: () => ++nowMs },
    });
    return { publisher, retained };
  };
  await rollouts.addCohort({ id: "everyone", cel: "true", priority: 0 });
  await rollouts.addRollout(createRollout(plan(), 0));
  await rollouts.change("rollout-1", nowMs, (state) =>
    decide(state, { kind: "start", nowMs, salt: "rollout-1", base: null }),
  );
  return {
    boot,
    documents,
    rollouts,
    signed,
    wasCut: () => touches > cutAt,
    restorePower: () => {
      isOn = false;
    },
    skip: (ms: number) => {
      nowMs += ms;
    },
  };
}

const cuts = Array.from({ length: 60 }, (_, i) => i);
test.each(cuts)("power cut %i", async (cutAt) => {
  const { boot, documents, rollouts, signed, restorePower } = await world(cutAt);
  const before = boot();
  await before.publisher.restore().catch((error: unknown) => expect(error).toBeInstanceOf(PowerCut));
  restorePower();
  const sequencesBefore = new Map(
    [...before.retained].map(([topic, text]) => [topic, (JSON.parse(text) as { sequence: number }).sequence]),
  );
  await rollouts.change("rollout-1", 2_000_000, (state) => decide(state, { kind: "pause", nowMs: 2_000_000 }));
  const after = boot();
  await after.publisher.restore();
  expect(await documents.outbox(10)).toEqual([]);
  const stored = (await documents.all()).map(({ bytes }) => Buffer.from(bytes).toString());
  expect([...after.retained.values()].toSorted()).toEqual(stored.toSorted());
  expect(stored.length).toBe(2);
  expect(after.retained.get("flotilla/v1/test-fleet/cohort/everyone/directive")).toContain('"paused":true');
  for (const [topic, text] of after.retained) {
    const { sequence } = JSON.parse(text) as { sequence: number };
    expect(sequence).toBeGreaterThanOrEqual(sequencesBefore.get(topic) ?? 0);
    if (before.retained.get(topic) !== text) expect(sequence).toBeGreaterThan(sequencesBefore.get(topic) ?? 0);
  }
  expect(signed.length).toBeLessThanOrEqual(5);
});

test("the cuts reach past the last touch", async () => {
  const { boot, wasCut } = await world(cuts.length);
  await boot().publisher.restore();
  expect(wasCut()).toBe(false);
});

test("what a replaced key has signed is signed anew at the start, the index first", async () => {
  const { boot, documents, signed, restorePower } = await world(-1);
  restorePower();
  await boot().publisher.restore();
  const first = await documents.all();
  signed.length = 0;
  const old = new Set(first.map(({ bytes }) => Buffer.from(bytes).toString()));
  const { publisher, retained } = boot((bytes) => !old.has(Buffer.from(bytes).toString()));
  await publisher.restore();
  expect((await documents.all()).map(({ sequence }) => sequence)).toEqual(first.map(({ sequence }) => sequence + 1));
  expect(signed[0]).toContain("flotilla/fleet-index");
  expect([...retained.values()].some((text) => old.has(text))).toBe(false);
});

test("what is said already is not published again, until half of its life is over", async () => {
  const { boot, documents, skip, restorePower } = await world(-1);
  restorePower();
  const { publisher, retained } = boot();
  await publisher.restore();
  const first = await documents.all();
  await documents.order([{ kind: "index" }, { kind: "directive", cohort: "everyone" }]);
  retained.clear();
  await publisher.drain();
  expect(await documents.all()).toEqual(first);
  expect(retained.size).toBe(0);
  skip(controlLifetimeMs / 2 + 1000);
  await publisher.renew();
  expect((await documents.all()).map(({ sequence }) => sequence)).toEqual(first.map(({ sequence }) => sequence + 1));
});
