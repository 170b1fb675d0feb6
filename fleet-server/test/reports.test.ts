/** Reports: each counted once, acknowledged when on disk, by HTTP and MQTT alike; and what gets in their way. */
import type { Ack, Status } from "@flotilla/protocol/documents/reports";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Explanation } from "../src/control/explain.ts";
import type { RolloutView } from "../src/control/rollout-view.ts";
import { createIngest } from "../src/ingest/ingest.ts";
import type { CommitOutcome, Report, VariantRuns } from "../src/ports/report-store.ts";
import { TestDevice } from "./support/device.ts";
import { model } from "./support/engineer.ts";
import { startFleet, type TestFleet } from "./support/fleet.ts";
import { plan, stage } from "./support/plan.ts";

let fleet: TestFleet;
let enrolment: string;
let made = 0;

beforeAll(async () => {
  fleet = await startFleet();
  enrolment = (await fleet.client.post<{ token: string }>("/v1/enrolment-tokens", { uses: 1000 })).token;
  // Nobody ends this rollout: its deadlines are far away.
  await fleet.client.post("/v1/rollouts", plan({ stages: [stage(10_000, { soakS: 3600 })] }));
  await fleet.client.post("/v1/rollouts/rollout-1/start");
});
afterAll(async () => {
  await fleet.close();
  expect(fleet.problems).toEqual([]);
});

async function newDevice(): Promise<TestDevice> {
  const device = new TestDevice(`device-${++made}`);
  expect((await device.enrol(fleet.server.url, enrolment)).status).toBe(201);
  return device;
}

async function post(device: TestDevice, body: unknown): Promise<Ack[]> {
  const response = await fetch(`${fleet.server.url}/v1/devices/${device.id}/reports`, {
    method: "POST",
    headers: { authorization: `Bearer ${await device.token()}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
  return ((await response.json()) as { ack: Ack[] }).ack;
}

const explain = (device: TestDevice) =>
  fleet.client.get<Explanation>(`/v1/rollouts/rollout-1/devices/${device.id}/explain`);

test("a newcomer is placed like all others", async () => {
  const device = await newDevice();
  await post(device, { hello: device.helloDocument() });
  const deadline = Date.now() + 5000;
  while ((await explain(device)).progress === null && Date.now() < deadline);
  expect(await explain(device)).toMatchObject({ arm: "stage", follows: "everyone", progress: { state: "pending" } });
});

test("by HTTP, out of order and over again", async () => {
  const device = await newDevice();
  const [one, two, three] = (["offered", "activated", "healthy"] as const).map((state) =>
    device.status("rollout-1", "r-1", state, state === "offered" ? null : "r-1"),
  );
  expect(await post(device, { statuses: [three] })).toEqual([]); // nothing before it is known, so nothing is covered
  expect((await explain(device)).progress?.state).toBe("healthy");
  expect(await post(device, { statuses: [one] })).toMatchObject([{ sequence: 1, boot: device.boot }]);
  expect((await explain(device)).progress?.state).toBe("healthy");
  const before = fleet.server.counters.duplicates;
  expect(await post(device, { statuses: [two, two, one, three] })).toMatchObject([{ sequence: 3 }]);
  expect(fleet.server.counters.duplicates - before).toBe(3);
  expect((await explain(device)).progress).toMatchObject({ state: "healthy", timedOut: false });
});

test("by both ways at once, metrics are counted once", async () => {
  const device = await newDevice();
  await device.connect(fleet.server.mqttUrl);
  await device.hello();
  const before = await runs();
  device.status("rollout-1", "r-1", "healthy", "r-1");
  for (let i = 0; i < 20; i++) device.metrics("r-1", [10, 20, 30]);
  const [status, ...metrics] = device.outbox;
  await Promise.all([
    device.send(),
    post(device, { statuses: [status], metrics }),
    post(device, { statuses: [status], metrics: metrics.toReversed() }),
    device.send(),
  ]);
  await device.flush();
  expect((await runs()) - before).toBe(60);
  await device.disconnect();
});

async function runs(): Promise<number> {
  const { metrics } = await fleet.client.get<{ metrics: VariantRuns[] }>(`/v1/models/${model}/metrics?release=r-1`);
  return metrics.reduce((sum, one) => sum + one.runs, 0);
}

test("what cannot be read has no effect, and does not block what comes after it", async () => {
  const device = await newDevice();
  const before = await runs();
  const impossible = { ...device.metrics("r-1", [1]), errors: 99 };
  const garbled = { ...device.metrics("r-1", [1]), latencyMs: "AAAA" };
  const foreign = { ...device.status("rollout-1", "r-1", "healthy"), state: "enchanted" };
  const good = device.status("rollout-1", "r-1", "healthy", "r-1");
  expect(await post(device, { statuses: [foreign, good], metrics: [impossible, garbled, 7, null] })).toMatchObject([
    { sequence: 4 },
  ]);
  expect(await runs()).toBe(before);
  expect((await explain(device)).progress?.state).toBe("healthy");
});

test("a new boot starts its sequence anew; the old boot's leftovers change nothing", async () => {
  const old = await newDevice();
  const next = new TestDevice(old.id);
  await post(old, { hello: old.helloDocument(1), statuses: [old.status("rollout-1", "r-1", "activated", "r-1")] });
  const leftover = old.status("rollout-1", "r-1", "failed/probation");
  const reborn: Status = { ...next.status("rollout-1", "r-1", "healthy", "r-1") };
  const acks = await post(old, { hello: { ...old.helloDocument(2), boot: next.boot }, statuses: [reborn] });
  expect(acks).toMatchObject([{ boot: next.boot, sequence: 1 }]);
  await post(old, { statuses: [leftover] });
  expect((await explain(old)).progress?.state).toBe("healthy");
});

test("a report for a rollout, model or release that is not what it says has no effect", async () => {
  const device = await newDevice();
  const before = (await fleet.client.get<RolloutView>("/v1/rollouts/rollout-1")).counts.healthy;
  await post(device, {
    statuses: [
      device.status("rollout-none", "r-1", "healthy", "r-1"),
      device.status("rollout-1", "r-9", "healthy", "r-9"),
      { ...device.status("rollout-1", "r-1", "healthy", "r-1"), model: "other" },
    ],
  });
  expect((await fleet.client.get<RolloutView>("/v1/rollouts/rollout-1")).counts.healthy).toBe(before);
});

test("attributes that change place the device anew", async () => {
  await fleet.client.post("/v1/cohorts", { id: "boards", cel: 'attributes.kind == "board"', priority: 7 });
  const device = await newDevice();
  expect((await explain(device)).cohorts).toEqual(["everyone"]);
  device.attributes = { ...device.attributes, kind: "board" };
  await post(device, { hello: device.helloDocument() });
  expect((await explain(device)).cohorts).toEqual(["boards", "everyone"]);
});

const outcome: CommitOutcome = { acks: [], applied: 1, duplicates: 0, refused: 0 };
const unusable = (sequence: number): Report => ({ kind: "unusable", device: "d", boot: "b", sequence });

test("one report that the store chokes on does not hold up the others", async () => {
  const sizes: number[] = [];
  const ingest = createIngest({
    store: {
      async commit(reports) {
        sizes.push(reports.length);
        if (reports.some((report) => report.kind === "unusable" && report.sequence === 3))
          throw new TypeError("choked");
        return outcome;
      },
      runsOf: async () => [],
    },
    clock: { nowMs: () => 0 },
    onCommitted: () => undefined,
  });
  const results = await Promise.allSettled([1, 2, 3, 4].map((sequence) => ingest.submit([unusable(sequence)])));
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
  expect(sizes).toEqual([4, 1, 1, 1, 1]);
  expect(ingest.counters.failed).toBe(1);
});

test("a burst is one commit, and too much of it is refused", async () => {
  const sizes: number[] = [];
  const ingest = createIngest({
    store: {
      async commit(reports) {
        sizes.push(reports.length);
        return outcome;
      },
      runsOf: async () => [],
    },
    clock: { nowMs: () => 0 },
    onCommitted: () => undefined,
  });
  const burst = Array.from({ length: 2500 }, (_, i) => ingest.submit([unusable(i)]));
  const tooMuch = ingest.submit(Array.from({ length: 20_000 }, (_, i) => unusable(i)));
  await expect(tooMuch).rejects.toMatchObject({ code: "ROLLOUT_RATE_LIMITED" });
  await Promise.all(burst);
  expect(sizes).toEqual([1000, 1000, 500]);
});
