/** What came with the device: runs from the first start, is never overwritten, and is there when all else is lost. */
import { expect, it } from "vitest";
import type { AgentStatus } from "../src/core/driver/agent-driver.ts";
import { memoryWorld, turns } from "./support/memory-device.ts";
import { encodeScript, inputFor } from "./support/scripted-runtime.ts";
import { modelId } from "./support/tiny-fleet.ts";

const baseline = {
  model: modelId,
  release: "release-0",
  variant: "embedded",
  bytes: encodeScript({ name: "embedded" }),
  inputs: ["image"],
  outputs: ["scores"],
};
const runs = (release: string) => (status: AgentStatus) => {
  const model = status.models[modelId];
  return model?.release === release && model.committed && model.candidate === null && status.waiting === 0;
};
const input = new Map([["image", inputFor(1)]]);

it("runs before anything is fetched, is the way back, and survives the loss of both slots", async () => {
  const world = await memoryWorld({ baselines: [baseline] });
  let agent = await world.start();
  await turns();
  expect(agent.status().models[modelId]).toMatchObject({ release: "release-0", variant: "embedded", committed: true });
  await agent.infer(modelId, input);

  await world.fleet.addRelease("release-1", 1, [{ script: { name: "one", failsAbove: 0.6 } }]);
  await world.fleet.setIndex();
  await world.fleet.setDirective({ probation: { minRuns: 10_000, minMs: 0 } });
  await world.until(agent, (status) => status.models[modelId]?.release === "release-1");
  for (let i = 0; i < 50; i++) await agent.infer(modelId, new Map([["image", inputFor(0, 1)]])).catch(() => {});
  await world.until(agent, runs("release-0"));
  expect(world.fleet.statuses.at(-1)).toMatchObject({ state: "failed/probation", running: "release-0" });

  await world.fleet.addRelease("release-2", 2, [{ script: { name: "two" } }]);
  await world.fleet.setDirective({ rollout: "rollout-2", release: "release-2" });
  await world.until(agent, runs("release-2"));
  await agent.stop();
  for (const slot of ["a", "b"]) await world.storage.remove(`models/${modelId}/${slot}/model.tflite`);
  for (const half of ["a", "b"]) await world.storage.remove(`state.${half}`);
  world.intercept((request, answer) => (request.path.includes(".tflite") ? { ...answer, status: 503 } : answer));
  agent = await world.start();
  await turns();
  expect(agent.status().models[modelId]).toMatchObject({ release: "release-0" });
  await agent.infer(modelId, input);
  await agent.stop();
});
