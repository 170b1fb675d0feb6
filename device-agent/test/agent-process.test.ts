/**
 * The agent as a real process over real HTTP, MQTT and a real runtime, killed with SIGKILL all the way through an update
 * (fault G1): on every restart the old model or the new one runs, never none, and the update completes.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Status } from "@flotilla/protocol/documents/reports";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { encodeNpz } from "@flotilla/protocol/npz";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AgentStatus } from "../src/core/driver/agent-driver.ts";
import { addingModel } from "./support/real-model.ts";
import { type ServedFleet, serveFleet } from "./support/serve-fleet.ts";
import { modelId, type TinyFleet, tinyFleet } from "./support/tiny-fleet.ts";

interface Line {
  readonly ready?: AgentStatus;
  readonly status?: AgentStatus;
  readonly stopped?: AgentStatus;
  readonly problem?: { readonly code: string };
  readonly error?: { readonly code: string };
  readonly feed?: { readonly runs: number; readonly failed: number };
}

interface Running {
  readonly child: ChildProcess;
  /** The next line for which `test` holds; also looks at lines that have come already. */
  until(test: (line: Line) => boolean): Promise<Line>;
  readonly lines: readonly Line[];
  exited: Promise<number | null>;
}

let folder: string;
let fleet: TinyFleet;
let served: ServedFleet;
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "flotilla-agent-"));
  fleet = await tinyFleet(() => Date.now());
  served = await serveFleet(fleet);
  await writeFile(path.join(folder, "root.json"), fleet.repository.root);
  await fleet.addModel("release-1", 1, addingModel(1));
  await fleet.setIndex();
  await fleet.setDirective({ probation: { minRuns: 0, minMs: 100 } });
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await served.close();
  await rm(folder, { recursive: true, force: true });
});

function launch(extra: readonly string[] = []): Running {
  const entry = path.resolve(import.meta.dirname, "../src/node/agent-process.ts");
  const timings = JSON.stringify({ tickMs: 100, windowMs: 500, ackTimeoutMs: 1_000 });
  const options = [
    ["--server", served.url],
    ["--device", "board-1"],
    ["--data", path.join(folder, "data")],
    ["--trusted-root", path.join(folder, "root.json")],
    ["--token", "any"],
    ["--runtime", "tflite"],
    ["--timings", timings],
  ].flat();
  const child = spawn(process.execPath, [entry, ...options, ...extra], { stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  const lines: Line[] = [];
  const watchers = new Set<() => void>();
  createInterface({ input: child.stdout! }).on("line", (text) => {
    lines.push(JSON.parse(text) as Line);
    for (const look of watchers) look();
  });
  const exited = new Promise<number | null>((resolve) => child.on("exit", resolve));
  return {
    child,
    lines,
    exited,
    until: (test) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = lines.find(test);
          if (found === undefined) return;
          watchers.delete(look);
          resolve(found);
        };
        watchers.add(look);
        look();
        void exited.then((code) => {
          look();
          reject(new Error(`The agent ended with ${code}: ${JSON.stringify(lines.slice(-5))}`));
        });
      }),
  };
}

const runs = (release: string) => (line: Line) => {
  const model = (line.status ?? line.ready)?.models[modelId];
  return model?.release === release && model.committed;
};

async function stop(agent: Running): Promise<void> {
  agent.child.stdin?.write('{"do":"stop"}\n');
  expect(await agent.exited).toBe(0);
}

describe("the agent process", () => {
  it("enrols, updates, runs inputs, goes on after a restart, and stops when asked", async () => {
    const first = launch();
    await first.until(runs("release-1"));
    await stop(first);
    expect(fleet.statuses.map(({ state }) => state)).toContain("healthy");
    const second = launch();
    await second.until((line) => line.ready?.models[modelId]?.release === "release-1");
    await stop(second);
  });

  it("refuses a folder that another agent has", async () => {
    const first = launch();
    await first.until((line) => line.ready !== undefined);
    const second = launch();
    expect(await second.exited).toBe(9);
    expect(second.lines.at(-1)?.error?.code).toBe("IO_EXISTS");
    await stop(first);
  });

  it("killed at every state of an update, runs the old or the new model on every restart, and completes", async () => {
    let agent = launch();
    await agent.until(runs("release-1"));
    const points = ["offered", "downloading", "verifying", "trialing", "activated", "healthy"] as const;
    let running = "release-1";
    for (const [number, state] of points.entries()) {
      const wanted = `release-${number + 2}`;
      await fleet.addModel(wanted, number + 2, addingModel(number + 2));
      const rollout = `kill-${number + 1}`;
      const stopRule = { windowS: 60, minRuns: 20, maxErrorRate: 0.5, maxLatencyRatio: 100, maxRestarts: 10 };
      const words = { rollout, release: wanted, probation: { minRuns: 0, minMs: 100 }, stopRule };
      await fleet.setDirective(words);
      await seen((status) => status.rollout === rollout && status.state === state);
      agent.child.kill("SIGKILL");
      await agent.exited;
      agent = launch();
      const { ready } = await agent.until((line) => line.ready !== undefined);
      expect([running, wanted], `killed when ${state}`).toContain(ready?.models[modelId]?.release);
      await agent.until(runs(wanted));
      running = wanted;
    }
    await stop(agent);
    const keys = fleet.statuses.map(({ boot, sequence }) => `${boot}/${sequence}`);
    expect(new Set(keys).size).toBe(keys.length);
  }, 240_000);

  it("feeds samples with labels through the active model and reports what came out", async () => {
    const data = Float32Array.from({ length: 40 }, (_, index) => index % 4);
    const image = { dtype: "float32", shape: [10, 4], data } as const;
    const labels = { dtype: "int32", shape: [10], data: new Int32Array(10).fill(3) } as const;
    const file = path.join(folder, "samples.npz");
    await writeFile(
      file,
      encodeNpz(
        new Map<string, NdArray>([
          ["image", image],
          ["labels", labels],
        ]),
      ),
    );
    const agent = launch(["--inputs", file, "--runs-per-second", "200"]);
    await agent.until(runs("release-1"));
    await measured((runs) => runs >= 100);
    agent.child.stdin?.write('{"do":"status"}\n');
    const { feed } = await agent.until((line) => line.feed !== undefined);
    expect(feed?.runs).toBeGreaterThanOrEqual(100);
    expect(feed?.failed).toBe(0);
    expect(fleet.metrics[0]?.labelled?.runs).toBe(fleet.metrics[0]?.runs);
    await stop(agent);
  });
});

/** Resolves with the first status like this that the fleet has or gets. */
function seen(test: (status: Status) => boolean): Promise<void> {
  return arrival(() => fleet.statuses.some(test));
}

const measured = (test: (runs: number) => boolean): Promise<void> =>
  arrival(() => test(fleet.metrics.reduce((sum, { runs }) => sum + runs, 0)));

function arrival(test: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!test()) return;
      fleet.arrivals.delete(look);
      resolve();
    };
    fleet.arrivals.add(look);
    look();
  });
}
