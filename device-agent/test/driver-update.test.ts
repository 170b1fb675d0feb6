/** The whole driver in memory: an update, and what can go wrong with it. */
import { beforeEach, describe, expect, it } from "vitest";
import type { AgentStatus } from "../src/core/driver/agent-driver.ts";
import { type MemoryWorld, memoryWorld, testAttributes } from "./support/memory-device.ts";
import { inputFor } from "./support/scripted-runtime.ts";
import { modelId } from "./support/tiny-fleet.ts";

const runs = (release: string) => (status: AgentStatus) => {
  const model = status.models[modelId];
  return model?.release === release && model.committed && model.candidate === null && status.waiting === 0;
};

let world: MemoryWorld;
beforeEach(async () => {
  world = await memoryWorld();
  await world.fleet.addRelease("release-1", 1, [{ script: { name: "one" } }]);
  await world.fleet.setIndex();
  await world.fleet.setDirective({});
});
const states = () => world.fleet.statuses.map(({ state }) => state);

describe("an update", () => {
  it("goes from the directive to a healthy release, each state reported once", async () => {
    const agent = await world.start();
    await world.until(agent, runs("release-1"));
    expect(states()).toEqual(["offered", "downloading", "verifying", "trialing", "activated", "healthy"]);
    expect(world.fleet.statuses.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(world.fleet.statuses.map(({ running }) => running)).toEqual([
      null,
      null,
      null,
      null,
      "release-1",
      "release-1",
    ]);
    const outputs = await agent.infer(modelId, new Map([["image", inputFor(2)]]));
    expect(outputs.get("scores")?.data[2]).toBeCloseTo(0.94, 5);
    await agent.stop();
  });

  it("takes the first variant in the signed order that the device can take", async () => {
    await world.fleet.addRelease("release-2", 2, [
      { name: "int8", script: { name: "int8" }, requirements: { accelerators: ["npu"] } },
      { name: "float16", script: { name: "float16" } },
    ]);
    await world.fleet.setDirective({ rollout: "rollout-2", release: "release-2" });
    const plain = await world.start();
    expect((await world.until(plain, runs("release-2"))).models[modelId]?.variant).toBe("float16");
    await plain.stop();
    const other = await memoryWorld();
    await other.fleet.addRelease("release-2", 2, [
      { name: "int8", script: { name: "int8" }, requirements: { accelerators: ["npu"] } },
      { name: "float16", script: { name: "float16" } },
    ]);
    await other.fleet.setIndex();
    await other.fleet.setDirective({ rollout: "rollout-2", release: "release-2" });
    const board = await other.start({ ...testAttributes, accelerators: "npu" });
    expect((await other.until(board, runs("release-2"))).models[modelId]?.variant).toBe("int8");
    await board.stop();
  });
});
