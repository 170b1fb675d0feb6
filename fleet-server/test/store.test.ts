/** The stores' contract, over each database that there is: a file, and memory. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { addToSketch, createSketch, encodeSketch } from "@flotilla/protocol/sketch";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { maxAhead } from "../src/adapters/sqlite/boot-rows.ts";
import { type Database, openDatabase } from "../src/adapters/sqlite/database.ts";
import { sqliteDeviceStore } from "../src/adapters/sqlite/device-store.ts";
import { sqliteDocumentStore } from "../src/adapters/sqlite/document-store.ts";
import { migrations } from "../src/adapters/sqlite/migrations.ts";
import { sqliteReportStore } from "../src/adapters/sqlite/report-store.ts";
import { sqliteRolloutStore } from "../src/adapters/sqlite/rollout-store.ts";
import { decide } from "../src/domain/rollout.ts";
import { createRollout } from "../src/domain/rollout-state.ts";
import type { Report } from "../src/ports/report-store.ts";
import { plan, stage } from "./support/plan.ts";

const code = (expected: string) => expect.objectContaining({ name: "FlotillaError", code: expected });

describe.each(["file", "memory"])("SQLite in a %s", (kind) => {
  let folder: string;
  let db: Database;
  const open = () => openDatabase(kind === "file" ? path.join(folder, "fleet.sqlite") : ":memory:");

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "flotilla-store-"));
    db = open();
  });
  afterEach(async () => {
    db.close();
    await rm(folder, { recursive: true, force: true });
  });

  const enrolment = (device: string, overrides: object = {}) => ({
    device,
    publicKey: "ab".repeat(32),
    tokenHash: "token",
    attributes: { platform: "linux" },
    nowMs: 100,
    ...overrides,
  });

  test("an enrolment token lets in as many as it says, until it expires", async () => {
    const devices = sqliteDeviceStore(db);
    await devices.addEnrolmentToken({ hash: "token", uses: 2, expiresAtMs: 1000, tags: ["lab"] });
    expect(await devices.enrol(enrolment("board-1"))).toBe("created");
    expect(await devices.enrol(enrolment("board-1"))).toBe("same"); // takes no use
    await expect(devices.enrol(enrolment("board-1", { publicKey: "cd".repeat(32) }))).rejects.toEqual(
      code("ROLLOUT_EXISTS"),
    );
    await expect(devices.enrol(enrolment("board-2", { nowMs: 1000 }))).rejects.toEqual(code("ROLLOUT_UNAUTHORIZED"));
    expect(await devices.enrol(enrolment("board-2"))).toBe("created");
    await expect(devices.enrol(enrolment("board-3"))).rejects.toEqual(code("ROLLOUT_UNAUTHORIZED"));
    await expect(devices.enrol(enrolment("board-3", { tokenHash: "other" }))).rejects.toEqual(
      code("ROLLOUT_UNAUTHORIZED"),
    );
    expect(await devices.find("board-2")).toMatchObject({ tags: ["lab"], revoked: false, seenAtMs: null });
    expect(await devices.find("board-3")).toBeNull();
    // Without a token nobody learns which devices there are.
    await expect(devices.enrol({ ...enrolment("board-1"), publicKey: "other" })).rejects.toEqual(
      code("ROLLOUT_UNAUTHORIZED"),
    );
    expect((await devices.list({ tag: "lab", limit: 10 })).map(({ device }) => device)).toEqual(["board-1", "board-2"]);
    expect((await devices.list({ after: "board-1", limit: 10 })).length).toBe(1);
    expect(await devices.list({ tag: "other", limit: 10 })).toEqual([]);
  });

  test("what an operator says of a device orders its document; a revoked device does not come back", async () => {
    const devices = sqliteDeviceStore(db);
    const documents = sqliteDocumentStore(db);
    await devices.addEnrolmentToken({ hash: "token", uses: 9, expiresAtMs: null, tags: [] });
    await devices.enrol(enrolment("board-1"));
    expect(await documents.outbox(10)).toEqual([]);
    expect(await devices.amend("board-1", { pins: { digits: "r-1" } })).toMatchObject({ pins: { digits: "r-1" } });
    await devices.amend("board-1", { revoked: true });
    expect((await documents.outbox(10)).map(({ key }) => key)).toEqual(
      Array(2).fill({ kind: "device", device: "board-1" }),
    );
    await expect(devices.enrol(enrolment("board-1"))).rejects.toEqual(code("ROLLOUT_EXISTS"));
    await expect(devices.amend("board-9", {})).rejects.toEqual(code("ROLLOUT_NOT_FOUND"));
  });

  test("only the first operator token comes by itself", async () => {
    const devices = sqliteDeviceStore(db);
    expect(await devices.addOperatorToken("a", true)).toBe(true);
    expect(await devices.addOperatorToken("b", true)).toBe(false);
    expect(await devices.addOperatorToken("c", false)).toBe(true);
    expect(await Promise.all(["a", "b", "c"].map((hash) => devices.isOperator(hash)))).toEqual([true, false, true]);
  });

  test("a document's sequence only goes up, and its orders leave the outbox with it", async () => {
    const documents = sqliteDocumentStore(db);
    const key = { kind: "directive", cohort: "everyone" } as const;
    const document = (sequence: number) => ({
      key,
      sequence,
      contentDigest: "d",
      expiresAtMs: 1000 * sequence,
      bytes: new Uint8Array([sequence]),
    });
    await documents.order([key, key, { kind: "index" }]);
    const [one, two] = await documents.outbox(2);
    await documents.settle([one?.id ?? 0, two?.id ?? 0], document(5));
    expect((await documents.outbox(9)).map((item) => item.key)).toEqual([{ kind: "index" }]);
    const [three] = await documents.outbox(9);
    for (const sequence of [5, 4]) {
      await expect(documents.settle([three?.id ?? 0], document(sequence))).rejects.toEqual(code("ROLLOUT_CONFLICT"));
    }
    expect((await documents.outbox(9)).length).toBe(1); // nothing of a refused settlement happens
    expect(await documents.find(key)).toMatchObject({ sequence: 5, bytes: new Uint8Array([5]) });
    expect(await documents.expiringBefore(5000)).toEqual([]);
    expect(await documents.expiringBefore(5001)).toEqual([key]);
    expect(await documents.find({ kind: "index" })).toBeNull();
  });

  test("cohorts and rollouts are added once, and changes that fail change nothing", async () => {
    const rollouts = sqliteRolloutStore(db);
    const everyone = { id: "everyone", cel: "true", priority: 0 };
    for (let i = 0; i < 2; i++) await rollouts.addCohort(everyone);
    await expect(rollouts.addCohort({ ...everyone, priority: 1 })).rejects.toEqual(code("ROLLOUT_EXISTS"));
    expect(await rollouts.cohorts()).toEqual([everyone]);
    const draft = createRollout(plan(), 1);
    expect(await rollouts.addRollout(draft)).toEqual(draft);
    expect(await rollouts.addRollout(createRollout(plan(), 2))).toEqual(draft);
    await expect(rollouts.addRollout(createRollout(plan({ retries: 9 }), 2))).rejects.toEqual(code("ROLLOUT_EXISTS"));
    const refuse = rollouts.change("rollout-1", 5, (state) => decide(state, { kind: "pause", nowMs: 5 }));
    await expect(refuse).rejects.toEqual(code("ROLLOUT_CONFLICT"));
    expect((await rollouts.look("rollout-1")).state).toEqual(draft);
    expect((await rollouts.look("rollout-1")).events.map(({ what }) => what)).toEqual(["created"]);
    await expect(rollouts.look("nothing")).rejects.toEqual(code("ROLLOUT_NOT_FOUND"));
  });

  /** Devices enrolled, a rollout started and everybody placed in it. */
  async function fleetOf(count: number) {
    const devices = sqliteDeviceStore(db);
    const rollouts = sqliteRolloutStore(db);
    await devices.addEnrolmentToken({ hash: "token", uses: count, expiresAtMs: null, tags: [] });
    for (let i = 0; i < count; i++) await devices.enrol(enrolment(`board-${i}`));
    const deadlines = { startMs: 1000, stepMs: 100 };
    await rollouts.addRollout(createRollout(plan({ deadlines, stages: [stage(10_000)] }), 0));
    const base = { rollout: "rollout-0", release: "r-0" };
    await rollouts.change("rollout-1", 0, (state) => decide(state, { kind: "start", nowMs: 0, salt: "s", base }));
    const placement = { rollout: "rollout-1", stage: 1, arm: "stage" as const };
    while ((await rollouts.place(2, 0, () => () => [placement])) > 0);
    return rollouts;
  }
  const tick = (rollouts: ReturnType<typeof sqliteRolloutStore>, nowMs: number) =>
    rollouts.tick("rollout-1", nowMs, ({ state, ...seen }) => decide(state, { kind: "tick", nowMs, ...seen }));
  const report = (device: string, sequence: number, state: "activated" | "healthy" | "rolled-back"): Report => ({
    kind: "status",
    status: {
      type: "flotilla/status",
      version: 1,
      device,
      boot: "00000000000000aa",
      sequence,
      model: "digits",
      rollout: "rollout-1",
      release: "r-1",
      state,
      running: state === "rolled-back" ? "r-0" : "r-1",
      atMs: 0,
    },
  });

  test("silent devices age into the denominator; a pause gives their time back", async () => {
    const rollouts = await fleetOf(5);
    expect((await rollouts.look("rollout-1")).evidence.counts).toMatchObject({ members: 5, awaited: 5 });
    await rollouts.change("rollout-1", 900, (state) => decide(state, { kind: "pause", nowMs: 900 }));
    expect(await tick(rollouts, 5000)).toBe(false);
    await rollouts.change("rollout-1", 5000, (state) => decide(state, { kind: "resume", nowMs: 5000 }));
    expect(await tick(rollouts, 5100)).toBe(false);
    expect(await tick(rollouts, 5101)).toBe(true);
    expect((await rollouts.look("rollout-1")).evidence.counts).toMatchObject({ offered: 5, timedOut: 5, awaited: 0 });
  });

  test("a roll-back waits for those that hold the release, and no longer than its deadline", async () => {
    const rollouts = await fleetOf(4);
    const reports = sqliteReportStore(db);
    await reports.commit([report("board-0", 1, "healthy"), report("board-1", 1, "activated")], 10);
    await rollouts.change("rollout-1", 20, (state) => decide(state, { kind: "rollback", nowMs: 20 }));
    expect((await rollouts.look("rollout-1")).awaitedByRollback).toBe(2);
    await reports.commit([report("board-0", 2, "rolled-back")], 30);
    expect((await rollouts.look("rollout-1")).awaitedByRollback).toBe(1);
    await tick(rollouts, 1120);
    expect((await rollouts.look("rollout-1")).state.status).toBe("rolling-back");
    await tick(rollouts, 1121);
    const { state, evidence } = await rollouts.look("rollout-1");
    expect(state.status).toBe("rolled-back");
    // The one that never answered is still counted as holding it.
    expect(evidence.counts).toMatchObject({ rolledBack: 1, holding: 1 });
  });

  test("a device in the control arm moves to the stage, never the other way", async () => {
    const rollouts = await fleetOf(1);
    const placeAs = async (arm: "stage" | "control") => {
      await rollouts.addCohort({ id: `again-${arm}`, cel: "true", priority: arm === "stage" ? 1 : 2 }); // unplaces all
      await rollouts.place(9, 0, () => () => [{ rollout: "rollout-1", stage: 2, arm }]);
      return await rollouts.progressOf("rollout-1", "board-0");
    };
    expect(await placeAs("control")).toMatchObject({ arm: "stage", stage: 1 });
    expect(await placeAs("stage")).toMatchObject({ arm: "stage", stage: 1 });
  });

  test("runs count for the rollout and its stage, and for the release as a whole", async () => {
    const rollouts = await fleetOf(1);
    const reports = sqliteReportStore(db);
    const latency = createSketch();
    for (const value of [10, 20, 30]) addToSketch(latency, value);
    const metrics = (sequence: number, release: string): Report => ({
      kind: "metrics",
      metrics: {
        type: "flotilla/metrics",
        version: 1,
        device: "board-0",
        boot: "00000000000000aa",
        sequence,
        model: "digits",
        release,
        variant: "int8-board",
        fromMs: 0,
        toMs: 1,
        runs: 3,
        errors: 1,
        latencyMs: encodeSketch(latency),
      },
    });
    await reports.commit([metrics(1, "r-0"), metrics(2, "r-1"), metrics(3, "r-1"), metrics(3, "r-1")], 1);
    const { evidence } = await rollouts.look("rollout-1");
    expect(evidence.stage).toMatchObject({ runs: 6, errors: 2 });
    expect(evidence.previous).toMatchObject({ runs: 3, errors: 1 });
    expect(evidence.control).toBeNull();
    const [before, after] = await reports.runsOf("digits");
    expect([before?.release, before?.runs, after?.release, after?.runs]).toEqual(["r-0", 3, "r-1", 6]);
    expect(after?.latencyP50Ms).toBeCloseTo(20, 0);
    expect(after?.accuracy).toBeNull();
  });

  test("sequences: gaps are not acknowledged over, nor things that are too far ahead", async () => {
    await fleetOf(1);
    const reports = sqliteReportStore(db);
    const ackOf = async (...sequences: number[]) => {
      const { acks, refused } = await reports.commit(
        sequences.map((n) => report("board-0", n, "healthy")),
        1,
      );
      return [acks[0]?.sequence ?? null, refused];
    };
    expect(await ackOf(2, 3)).toEqual([null, 0]);
    expect(await ackOf(5)).toEqual([null, 0]);
    expect(await ackOf(1)).toEqual([3, 0]);
    expect(await ackOf(4 + maxAhead, 3 + maxAhead)).toEqual([3, 1]);
    expect(await ackOf(4)).toEqual([5, 0]);
    expect((await reports.commit([report("nobody", 1, "healthy")], 1)).refused).toBe(1);
  });

  if (kind === "file") {
    test("what was committed is there after opening again; a second opener gets a code", async () => {
      await fleetOf(2);
      expect(open).toThrowError(code("IO_FAILED"));
      db.close();
      db = open();
      expect((await sqliteRolloutStore(db).look("rollout-1")).evidence.counts.members).toBe(2);
    });

    test("a database of a newer program, and a file that is none, are refused", async () => {
      db.close();
      const raw = new DatabaseSync(path.join(folder, "fleet.sqlite"));
      raw.exec(`PRAGMA user_version = ${migrations.length + 1}`);
      raw.close();
      expect(open).toThrowError(code("IO_STATE_CORRUPT"));
      const other = path.join(folder, "other.sqlite");
      await writeFile(other, "not a database, but long enough to look at ".repeat(200));
      expect(() => openDatabase(other)).toThrowError(code("IO_STATE_CORRUPT"));
      db = openDatabase(":memory:");
    });
  }
});
