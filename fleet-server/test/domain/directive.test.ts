import { compileCohorts } from "@flotilla/protocol/cohort";
import { expect, test } from "vitest";
import { directiveModels } from "../../src/domain/directive.ts";
import { type PlacedDevice, placeDevice } from "../../src/domain/placement.ts";
import { decide, type RolloutEvent } from "../../src/domain/rollout.ts";
import { createRollout, type RolloutState } from "../../src/domain/rollout-state.ts";
import { plan, stage } from "../support/plan.ts";
import { evidence } from "./evidence.ts";

function rollout(overrides: Parameters<typeof plan>[0], atMs: number, ...more: RolloutEvent[]): RolloutState {
  const base = { rollout: "rollout-0", release: "r-0" };
  const start: RolloutEvent = { kind: "start", nowMs: atMs, salt: overrides?.rollout ?? "rollout-1", base };
  return [start, ...more].reduce((state, event) => decide(state, event).state, createRollout(plan(overrides), 0));
}
const ended: RolloutEvent = {
  kind: "tick",
  nowMs: 9,
  evidence: evidence([]),
  placing: false,
  awaitedByRollback: 0,
};
const stages = [stage(500, { include: ["canary"] }), stage(10_000)];

test("a draft says nothing", () => {
  expect(directiveModels("everyone", [createRollout(plan(), 0)])).toEqual({});
});

test("a stage's share goes to the plan's cohort, everything to the cohorts it includes", () => {
  const running = rollout({ stages, control: { shareBp: 1000, release: "r-0" } }, 1);
  expect(directiveModels("everyone", [running]).digits).toMatchObject({
    rollout: "rollout-1",
    action: "install",
    release: "r-1",
    stage: { number: 1, thresholdBp: 500 },
    base: { rollout: "rollout-0", release: "r-0" },
    control: { shareBp: 1000, release: "r-0" },
    paused: false,
  });
  const canary = directiveModels("canary", [running]).digits;
  expect(canary).toMatchObject({ stage: { number: 1, thresholdBp: 10_000 } });
  expect(canary).not.toHaveProperty("control");
  expect(directiveModels("others", [running])).toEqual({});
});

test("a cohort is included from its stage on, not before", () => {
  const late = { stages: [stage(500), stage(10_000, { include: ["canary"] })] };
  expect(directiveModels("canary", [rollout(late, 1)])).toEqual({});
  expect(directiveModels("canary", [rollout(late, 1, { kind: "promote", nowMs: 2 })])).toHaveProperty("digits");
});

test("at 100 % there is no control arm any more", () => {
  const last = rollout({ stages, control: { shareBp: 1000, release: "r-0" } }, 1, { kind: "promote", nowMs: 2 });
  expect(directiveModels("everyone", [last]).digits).not.toHaveProperty("control");
});

test("a roll-back is an order to everyone, also after it has ended, for devices that come back late", () => {
  for (const state of [
    rollout({ stages }, 1, { kind: "rollback", nowMs: 2 }),
    rollout({ stages }, 1, { kind: "rollback", nowMs: 2 }, ended),
  ]) {
    for (const cohort of ["everyone", "canary"]) {
      expect(directiveModels(cohort, [state]).digits).toMatchObject({
        action: "rollback",
        release: "r-0",
        rollout: "rollout-1",
        stage: { thresholdBp: 10_000 },
      });
    }
  }
});

test("a cancelled rollout offers nothing more and takes nothing back", () => {
  const cancelled = rollout({ stages }, 1, { kind: "cancel", nowMs: 2 });
  expect(directiveModels("everyone", [cancelled]).digits).toMatchObject({ action: "install", paused: true });
});

test("the next rollout of the cohort takes over, and its canaries are free again", () => {
  const first = rollout({ stages }, 1, { kind: "promote", nowMs: 2 }, { kind: "promote", nowMs: 3 });
  expect(directiveModels("canary", [first]).digits).toMatchObject({ rollout: "rollout-1" });
  const second = rollout({ rollout: "rollout-2", release: "r-2" }, 10);
  expect(directiveModels("everyone", [first, second]).digits).toMatchObject({ rollout: "rollout-2" });
  expect(directiveModels("canary", [first, second])).toEqual({});
});

const cohorts = compileCohorts([
  { id: "everyone", cel: "true", priority: 0 },
  { id: "canary", cel: '"canary" in tags', priority: 10 },
]);
const device = (overrides: Partial<PlacedDevice> = {}): PlacedDevice => ({
  device: "device-1",
  attributes: {},
  tags: [],
  pins: {},
  revoked: false,
  ...overrides,
});
const inForce = (...states: RolloutState[]) =>
  new Map(["everyone", "canary"].map((id) => [id, directiveModels(id, states)]));

test("devices are placed as they place themselves: by the cohort of highest priority that names the model", () => {
  const running = inForce(rollout({ stages: [stage(1, { include: ["canary"] }), stage(10_000)] }, 1));
  // device-1 has the bucket 0.98 under the salt "rollout-1": not in 0.01 %.
  expect(placeDevice(device(), cohorts, running)).toEqual([]);
  expect(placeDevice(device({ tags: ["canary"] }), cohorts, running)).toEqual([
    { rollout: "rollout-1", stage: 1, arm: "stage" },
  ]);
  expect(placeDevice(device({ tags: ["canary"], revoked: true }), cohorts, running)).toEqual([]);
  expect(placeDevice(device({ tags: ["canary"], pins: { digits: "r-0" } }), cohorts, running)).toEqual([]);
});

test("the control arm is the other end of the buckets", () => {
  const running = inForce(
    rollout({ stages: [stage(100), stage(10_000)], control: { shareBp: 500, release: "r-0" } }, 1),
  );
  expect(placeDevice(device(), cohorts, running)).toEqual([{ rollout: "rollout-1", stage: 1, arm: "control" }]);
  expect(placeDevice(device({ device: "device-3" }), cohorts, running)).toEqual([]);
});

test("1 % is in 5 %, 5 % in 25 %", () => {
  const members = (shareBp: number): string[] => {
    const running = inForce(rollout({ stages: [stage(shareBp), stage(10_000)] }, 1));
    const ids = Array.from({ length: 2000 }, (_, i) => `device-${i}`);
    return ids.filter((id) => placeDevice(device({ device: id }), cohorts, running).length > 0);
  };
  const [one, five, quarter] = [members(100), members(500), members(2500)];
  expect(five).toEqual(expect.arrayContaining(one));
  expect(quarter).toEqual(expect.arrayContaining(five));
  expect(quarter.length).toBeGreaterThan(400);
  expect(quarter.length).toBeLessThan(600);
});
