/** The server from the outside: real HTTP, real MQTT, one process. */
import { controlPayloadType } from "@flotilla/protocol/documents/control";
import { verifyEnvelope } from "@flotilla/protocol/dsse";
import { topics } from "@flotilla/protocol/topics";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RolloutView } from "../src/control/rollout-view.ts";
import { openKey } from "../src/trust/key-folder.ts";
import { TestDevice } from "./support/device.ts";
import { model } from "./support/engineer.ts";
import { fleetId, startFleet, type TestFleet } from "./support/fleet.ts";
import { gate, plan, stage } from "./support/plan.ts";

let fleet: TestFleet;
const devices: TestDevice[] = [];

beforeEach(async () => {
  fleet = await startFleet();
});
afterEach(async () => {
  for (const device of devices.splice(0)) await device.disconnect();
  await fleet.close();
  expect(fleet.problems).toEqual([]);
});

async function enrolled(count: number, tags: string[] = []): Promise<TestDevice[]> {
  const { token } = await fleet.client.post<{ token: string }>("/v1/enrolment-tokens", { uses: count, tags });
  const made = Array.from({ length: count }, (_, i) => new TestDevice(`device-${devices.length + i}`));
  for (const device of made) {
    expect((await device.enrol(fleet.server.url, token)).status).toBe(201);
    await device.connect(fleet.server.mqttUrl, ["everyone", "canary"]);
    await device.hello();
    devices.push(device);
  }
  return made;
}

const view = (rollout: string) => fleet.client.get<RolloutView>(`/v1/rollouts/${rollout}`);

async function waitFor(rollout: string, condition: (view: RolloutView) => boolean, what: string): Promise<RolloutView> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const now = await view(rollout);
    if (condition(now)) return now;
    if (Date.now() > deadline) throw new TypeError(`waited for ${what}: ${JSON.stringify(now, null, 1)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("a release goes through its stages, and a bad one is rolled back", async () => {
  const all = await enrolled(8);
  await fleet.client.post("/v1/rollouts", plan({ stages: [stage(7600), stage(10_000)] }));
  await fleet.client.post("/v1/rollouts/rollout-1/start");
  const [first] = all;
  await first?.until(() => first.directive() !== null, "a directive");
  expect(first?.directive()?.models[model]).toMatchObject({ release: "r-1", stage: { number: 1, thresholdBp: 7600 } });

  const opened = await view("rollout-1");
  // Devices 3, 5 and 6 have buckets below 0.76 under the salt "rollout-1".
  expect(opened.counts).toMatchObject({ members: 3, offered: 3, awaited: 3, reached: 0 });
  for (const device of all) {
    device.status("rollout-1", "r-1", "activated", "r-1");
    device.status("rollout-1", "r-1", "healthy", "r-1");
    device.metrics("r-1", [10, 12, 14]);
    await device.flush();
  }
  const done = await waitFor("rollout-1", ({ state }) => state === "completed", "completion");
  expect(done.counts).toMatchObject({ members: 8, offered: 8, healthy: 8, failures: 0, holding: 8 });
  const { metrics } = await fleet.client.get<{ metrics: { runs: number; accuracy: number }[] }>(
    `/v1/models/${model}/metrics?release=r-1`,
  );
  expect(metrics).toMatchObject([{ runs: 24, accuracy: 1, errors: 0, labelled: 24 }]);

  await fleet.engineer.addRelease({ release: "r-2", counter: 2 });
  await fleet.engineer.publish({ url: fleet.server.url, token: fleet.token });
  await fleet.client.post("/v1/rollouts", plan({ rollout: "rollout-2", release: "r-2" }));
  await fleet.client.post("/v1/rollouts/rollout-2/start");
  for (const device of all) {
    const failed = device.id === "device-0";
    device.status("rollout-2", "r-2", failed ? "failed/trial" : "activated", failed ? "r-1" : "r-2");
    await device.flush();
  }
  await waitFor("rollout-2", ({ state }) => state === "rolling-back", "rollback");
  await first?.until(() => first.directive()?.models[model]?.action === "rollback", "the order to go back");
  expect(first?.directive()?.models[model]).toMatchObject({ release: "r-1", rollout: "rollout-2" });
  for (const device of all.slice(1)) {
    device.status("rollout-2", "r-2", "rolled-back", "r-1");
    await device.flush();
  }
  const back = await waitFor("rollout-2", ({ state }) => state === "rolled-back", "the end");
  expect(back.counts).toMatchObject({ trialFailures: 1, activated: 7, rolledBack: 7, holding: 0 });
});

test("documents are signed by the directive key, and come back byte for byte after a restart", async () => {
  const [device] = await enrolled(1);
  await fleet.client.post("/v1/rollouts", plan());
  await fleet.client.post("/v1/rollouts/rollout-1/start");
  const topic = topics.directive(fleetId, "everyone");
  await device?.until(() => device.received.has(topic), "a directive");
  const before = device?.received.get(topic);
  const { publicKey, keyid } = await openKey(fleet.options.keyFiles.directive, null);
  expect(() =>
    verifyEnvelope(before ?? new Uint8Array(), new Map([[keyid, publicKey]]), 1, controlPayloadType),
  ).not.toThrow();
  await fleet.restart();
  device?.received.clear();
  await device?.connect(fleet.server.mqttUrl);
  await device?.until(() => device.received.has(topic), "the directive again");
  expect(Buffer.from(device?.received.get(topic) ?? [])).toEqual(Buffer.from(before ?? []));
  const headers = { authorization: `Bearer ${await device?.token()}` };
  const http = await fetch(`${fleet.server.url}/v1/cohorts/everyone/directive`, { headers });
  expect(Buffer.from(await http.arrayBuffer())).toEqual(Buffer.from(before ?? []));
});

test("a canary by tag is wholly in the first stage, and its directive is its own cohort's", async () => {
  await fleet.client.post("/v1/cohorts", { id: "canary", cel: '"canary" in tags', priority: 10 });
  const plain = await enrolled(3);
  const [canary] = await enrolled(1, ["canary"]);
  await fleet.client.post(
    "/v1/rollouts",
    plan({ stages: [stage(1, { include: ["canary"], gates: [gate({ minSamples: 1 })] }), stage(10_000)] }),
  );
  await fleet.client.post("/v1/rollouts/rollout-1/start");
  await canary?.until(() => canary.directive("canary") !== null, "the canary directive");
  expect(canary?.directive("canary")?.models[model]).toMatchObject({ stage: { thresholdBp: 10_000 } });
  expect((await view("rollout-1")).counts.members).toBe(1);
  canary?.status("rollout-1", "r-1", "healthy", "r-1");
  await canary?.flush();
  await waitFor("rollout-1", ({ stage: current, placing }) => current === 2 && !placing, "stage 2");
  expect((await view("rollout-1")).counts).toMatchObject({ members: 4, healthy: 1 });
  for (const device of plain) {
    device.status("rollout-1", "r-1", "healthy", "r-1");
    await device.flush();
  }
  await waitFor("rollout-1", ({ state }) => state === "completed", "completion");
});

test("a directive is out within 100 ms of the decision, to every device", async () => {
  const all = await enrolled(20);
  await fleet.client.post("/v1/rollouts", plan());
  const asked = performance.now();
  await fleet.client.post("/v1/rollouts/rollout-1/start");
  await Promise.all(all.map((device) => device.until(() => device.directive() !== null, "a directive")));
  const elapsedMs = performance.now() - asked;
  console.log(`directive out to 20 devices after ${elapsedMs.toFixed(1)} ms`);
  expect(elapsedMs).toBeLessThan(2000);
});
