/**
 * kill −9 of the server at any moment (row S1): devices report and operators act while it is killed over and over.
 * In the end every report is counted once, no directive's sequence ever went down, and every rollout has had a legal life.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { FlotillaError } from "@flotilla/protocol/errors";
import { topics } from "@flotilla/protocol/topics";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createFleetClient } from "../src/client/fleet-client.ts";
import type { RolloutView } from "../src/control/rollout-view.ts";
import type { ServerOptions } from "../src/main.ts";
import type { VariantRuns } from "../src/ports/report-store.ts";
import { TestDevice } from "./support/device.ts";
import { type Engineer, model } from "./support/engineer.ts";
import { fleetId, makeFolder, prepareKeys } from "./support/fleet.ts";
import { gate, plan, stage } from "./support/plan.ts";

/** More of them by hand: KILLS=300 npx vitest run fleet-server/test/crash.test.ts. */
const kills = Number(process.env.KILLS ?? 6);
const entry = path.join(import.meta.dirname, "support", "server-process.ts");

interface Running {
  readonly process: ChildProcess;
  readonly url: string;
  readonly mqttUrl: string;
  readonly operatorToken: string | null;
}

let remove: () => Promise<void>;
let options: ServerOptions;
let engineer: Engineer;
let running: Running | null = null;

async function start(): Promise<Running> {
  const child = spawn(process.execPath, [entry, JSON.stringify(options)], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(createInterface(child.stdout), "line")) as [string];
  running = { process: child, ...(JSON.parse(line) as Omit<Running, "process">) };
  const { url, mqttUrl } = running;
  options = { ...options, httpPort: Number(new URL(url).port), mqttPort: Number(new URL(mqttUrl).port) };
  return running;
}

async function kill(): Promise<void> {
  const child = running?.process;
  running = null;
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

beforeEach(async () => {
  const { folder, remove: removeFolder } = await makeFolder();
  remove = removeFolder;
  const prepared = await prepareKeys(folder);
  engineer = prepared.engineer;
  const { keyFiles } = prepared;
  options = { dataFolder: path.join(folder, "server"), fleet: fleetId, keyFiles, tickMs: 20 };
});
afterEach(async () => {
  await kill();
  await remove();
});

/** Reproducible from the seed that a failure prints. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * All that any device was ever told fits together: a document's sequence never goes down, a sequence has one content,
 * and a rollout's stage is offered one way only: forward, until it is taken back for good.
 */
function expectOneStory(devices: readonly TestDevice[]): void {
  const contents = new Map<string, string>();
  let told = 0;
  for (const device of devices) {
    const sequences = new Map<string, number>();
    const stages = new Map<string, number>();
    for (const { topic, payload } of device.heard) {
      if (topic === topics.ack(fleetId, device.id)) continue;
      const document = payloadOf(payload);
      told++;
      expect(document.sequence, topic).toBeGreaterThanOrEqual(sequences.get(topic) ?? 0);
      sequences.set(topic, document.sequence);
      const content = Buffer.from(payload).toString("hex");
      const name = `${topic}/${document.sequence}`;
      expect(contents.get(name) ?? content, name).toBe(content);
      contents.set(name, content);
      for (const { rollout, action, stage } of Object.values(document.models ?? {})) {
        const step = action === "rollback" ? Number.POSITIVE_INFINITY : stage.number;
        expect(step, rollout).toBeGreaterThanOrEqual(stages.get(rollout) ?? 0);
        stages.set(rollout, step);
      }
    }
  }
  expect(told).toBeGreaterThan(devices.length);
}

interface Told {
  readonly sequence: number;
  readonly models?: Readonly<Record<string, { rollout: string; action: string; stage: { number: number } }>>;
}

/** What an envelope holds; its signature is the agent's matter. */
function payloadOf(envelope: Uint8Array): Told {
  const { payload } = JSON.parse(Buffer.from(envelope).toString("utf8")) as { payload: string };
  return JSON.parse(Buffer.from(payload, "base64").toString("utf8")) as Told;
}

/** What a killed server does to whoever talks to it. */
const isOutage = (error: unknown): boolean =>
  (error instanceof FlotillaError && error.code.startsWith("TRANSPORT_")) ||
  (error instanceof Error && !(error instanceof FlotillaError));

test(`${kills} kills: nothing acknowledged is lost, nothing is counted twice, no sequence goes down`, {
  timeout: 60_000 + kills * 8000,
}, async () => {
  const seed = Date.now() % 100_000;
  console.log(`seed ${seed}`);
  const next = random(seed);
  const first = await start();
  const token = first.operatorToken ?? "";
  const server = { url: first.url, token };
  const client = createFleetClient(server);
  await engineer.addRelease({ release: "r-1", counter: 1 });
  await engineer.publish(server);
  await client.post("/v1/cohorts", { id: "everyone", cel: "true", priority: 0 });
  const enrolment = await client.post<{ token: string }>("/v1/enrolment-tokens", { uses: 6 });
  const devices = Array.from({ length: 6 }, (_, i) => new TestDevice(`device-${i}`));
  for (const device of devices) await device.enrol(first.url, enrolment.token);

  let runsSent = 0;
  let rollouts = 0;
  const lastStates = new Map<string, string>();

  /** A device does as it is told and reports it, as long as the server is there. */
  async function live(device: TestDevice, isOver: () => boolean): Promise<void> {
    await device.send();
    while (!isOver()) {
      const words = device.directive()?.models[model];
      const rollout = typeof words?.rollout === "string" ? words.rollout : null;
      if (rollout !== null && next() < 0.5 && device.outbox.length < 50) {
        const state = words?.action === "rollback" ? "rolled-back" : next() < 0.5 ? "activated" : "healthy";
        device.status(rollout, "r-1", state, state === "rolled-back" ? null : "r-1");
        lastStates.set(`${rollout}/${device.id}`, state);
        device.metrics("r-1", [5, 6, 7]);
        runsSent += 3;
        await device.send();
      }
      await pause(next() * 20);
    }
  }

  async function operate(isOver: () => boolean): Promise<void> {
    const actions = ["pause", "resume", "promote", "rollback", "cancel"] as const;
    while (!isOver()) {
      const states = (await client.get<{ rollouts: RolloutView[] }>("/v1/rollouts")).rollouts;
      const active = states.find(({ state }) => !["draft", "completed", "rolled-back", "cancelled"].includes(state));
      try {
        if (active === undefined) {
          const id = `rollout-${++rollouts}`;
          const stages = [stage(4000, { gates: [gate({ bound: 1, maxWaitS: 1 })] }), stage(10_000)];
          await client.post("/v1/rollouts", plan({ rollout: id, stages, deadlines: { startMs: 300, stepMs: 300 } }));
          await client.post(`/v1/rollouts/${id}/start`);
        } else if (next() < 0.3) {
          await client.post(`/v1/rollouts/${active.rollout}/${actions[Math.floor(next() * actions.length)]}`);
        }
      } catch (error) {
        if (!(error instanceof FlotillaError) || error.code !== "ROLLOUT_CONFLICT") throw error;
      }
      await pause(next() * 30);
    }
  }

  for (let round = 0; round < kills; round++) {
    const { mqttUrl } = running ?? (await start());
    let over = false;
    const isOver = () => over;
    for (const device of devices) {
      await device.disconnect();
      await device.connect(mqttUrl);
      await device.hello();
    }
    const tasks = [...devices.map((device) => live(device, isOver)), operate(isOver)].map((task) =>
      task.catch((error: unknown) => {
        if (!isOutage(error)) throw error;
      }),
    );
    await pause(next() * 800);
    await kill();
    over = true;
    await Promise.all(tasks);
  }

  const last = await start();
  for (const device of devices) {
    await device.disconnect();
    await device.connect(last.mqttUrl);
    await device.hello();
    await device.flush();
    expect(device.outbox).toEqual([]);
  }
  await pause(100);
  expectOneStory(devices);

  const { metrics } = await client.get<{ metrics: VariantRuns[] }>(`/v1/models/${model}/metrics?release=r-1`);
  const counted = metrics.reduce((sum, { runs }) => sum + runs, 0);
  console.log(`${kills} kills, ${rollouts} rollouts, ${runsSent} runs sent, ${counted} counted`);
  expect(counted).toBe(runsSent);

  for (const { rollout } of (await client.get<{ rollouts: RolloutView[] }>("/v1/rollouts")).rollouts) {
    const view = await client.get<RolloutView>(`/v1/rollouts/${rollout}`);
    const { counts, events } = view;
    expect(counts.finished + counts.timedOut + counts.awaited).toBe(counts.offered);
    // Every change of state was recorded with it, in the order of time.
    expect(events.map(({ atMs }) => atMs)).toEqual(events.map(({ atMs }) => atMs).toSorted((a, b) => a - b));
    expect(events[0]?.what).toBe("created");
    const ends = events.filter(({ what }) => ["cancelled", "rolled-back"].includes(what));
    expect(ends.length).toBeLessThanOrEqual(1);
    // A stage is opened once and passed once, in their order.
    for (const what of ["stage-opened", "stage-passed"]) {
      const stages = events.filter((event) => event.what === what).map((event) => event.stage);
      expect(stages).toEqual([...new Set(stages)].toSorted());
    }
    for (const device of devices) {
      const told = lastStates.get(`${rollout}/${device.id}`);
      if (told === undefined) continue;
      const { progress } = await client.get<{ progress: { state: string } }>(
        `/v1/rollouts/${rollout}/devices/${device.id}/explain`,
      );
      expect(progress.state).toBe(told);
    }
  }
  for (const device of devices) await device.disconnect();
});
