/**
 * Real agents against the real server: a good release reaches all, one that fails its trials is stopped in its first
 * stage, one that goes wrong on live input is left by every device that had it.
 */

import path from "node:path";
import type { AgentHandle, AgentStatus } from "@flotilla/device-agent/core/driver/agent-driver";
import { startAgent } from "@flotilla/device-agent/node/start-agent";
import { startVirtualAgents, type VirtualAgents } from "@flotilla/device-agent/node/virtual-agents";
import type { RolloutView } from "@flotilla/fleet-server/control/rollout-view";
import { afterAll, beforeAll, expect, test } from "vitest";
import { modelId, type RealFleet, startRealFleet } from "./support/real-fleet.ts";

const virtualCount = 12;
const timings = { tickMs: 200, windowMs: 300, windowRuns: 50, ackTimeoutMs: 3_000 };

let fleet: RealFleet;
let virtual: VirtualAgents;
let board: AgentHandle;
const boardNotes: string[] = [];

beforeAll(async () => {
  fleet = await startRealFleet();
  await fleet.addRelease("release-1", 1, 1);
  const options = { serverUrl: fleet.server.url, trustedRoot: fleet.trustedRoot, timings };
  virtual = await startVirtualAgents(virtualCount, {
    ...options,
    enrolmentToken: await fleet.enrolmentToken(virtualCount),
    runtime: "tflite",
  });
  await fleet.client.post("/v1/cohorts", { id: "canaries", cel: '"canary" in tags', priority: 10 });
  board = await startAgent({
    ...options,
    device: "board-1",
    dataFolder: path.join(fleet.folder, "board-1"),
    enrolmentToken: await fleet.enrolmentToken(1, ["canary"]),
    runtime: "litert",
    onNote: (note) => boardNotes.push(JSON.stringify(note)),
  });
});
afterAll(async () => {
  await board?.stop();
  await virtual?.stop();
  await fleet?.close();
});

const everyone = (): AgentHandle[] => [board, ...virtual.agents.values()];
const running = (release: string) => (status: AgentStatus) => status.models[modelId]?.release === release;

function planOf(release: string, change: object = {}): object {
  return {
    type: "flotilla/rollout-plan",
    version: 1,
    rollout: `rollout-${release}`,
    model: modelId,
    release,
    cohort: "everyone",
    stages: [
      { shareBp: 3_000, include: ["canaries"], soakS: 0, gates: [gate] },
      { shareBp: 10_000, soakS: 0, gates: [gate] },
    ],
    deadlines: { startMs: 60_000, stepMs: 60_000 },
    retries: 2,
    probation: { minRuns: 0, minMs: 300 },
    stopRule: { windowS: 60, minRuns: 10, maxErrorRate: 0.2, maxLatencyRatio: 50, maxRestarts: 3 },
    ...change,
  };
}

const gate = {
  metric: "failures-of-finished",
  against: "absolute",
  comparison: "<=",
  bound: 0,
  minSamples: 1,
  maxWaitS: 60,
  onNoData: "hold",
  onFail: "rollback",
};

async function waitFor(rollout: string, wanted: string): Promise<RolloutView> {
  const deadline = Date.now() + 40_000;
  for (;;) {
    const view = await fleet.client.get<RolloutView>(`/v1/rollouts/${rollout}`);
    if (view.state === wanted) return view;
    if (Date.now() > deadline)
      throw new TypeError(`${rollout} is not ${wanted}: ${JSON.stringify(view)} ${boardNotes.slice(-30).join("\n")}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function rollOut(release: string, change: object = {}): Promise<void> {
  await fleet.client.post("/v1/rollouts", planOf(release, change));
  await fleet.client.post(`/v1/rollouts/rollout-${release}/start`);
}

test("a good release reaches every device", async () => {
  await rollOut("release-1");
  const view = await waitFor("rollout-release-1", "completed");
  expect(view.counts).toMatchObject({ members: virtualCount + 1, healthy: virtualCount + 1, failures: 0 });
  for (const agent of everyone()) expect(running("release-1")(agent.status())).toBe(true);
});

test("a release whose file is not what its goldens say is stopped in its first stage, and never active", async () => {
  await fleet.addRelease("release-2", 2, 5, 1);
  await rollOut("release-2");
  const view = await waitFor("rollout-release-2", "rolled-back");
  expect(view.counts).toMatchObject({ activated: 0, holding: 0 });
  expect(view.counts.trialFailures).toBeGreaterThan(0);
  for (const agent of everyone()) expect(running("release-1")(agent.status())).toBe(true);
});

test("a release that goes wrong on live input is left by every device that had it", async () => {
  await fleet.addRelease("release-3", 3, 3);
  const shape = [1, 4];
  const good = new Map([["image", { dtype: "float32", shape, data: Float32Array.of(1, 2, 3, 4) } as const]]);
  const bad = new Map([["image", { dtype: "float32", shape, data: Float32Array.of(Number.NaN, 2, 3, 4) } as const]]);
  for (let i = 0; i < 60; i++) await board.infer(modelId, good);
  await rollOut("release-3", { probation: { minRuns: 1_000, minMs: 300 } });
  await board.until(running("release-3"));
  for (let i = 0; i < 60; i++) await board.infer(modelId, bad);
  const view = await waitFor("rollout-release-3", "rolled-back");
  expect(view.counts.activated).toBeGreaterThan(0);
  expect(view.counts.holding).toBe(0);
  await Promise.all(everyone().map((agent) => agent.until(running("release-1"))));
});
