import { type DeviceState, deviceStates, type Status } from "@flotilla/protocol/documents/reports";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  applyStatus,
  type DeviceProgress,
  offeredProgress,
  type ReportPosition,
} from "../../src/domain/device-progress.ts";
import { awaitedByRollback, countStates } from "../../src/domain/stage-counts.ts";
import { group } from "./evidence.ts";

const timing = { startMs: 1000, stepMs: 100, probationMs: 5000, spreadMs: 0 };

const status = (state: DeviceState, running: string | null = null): Status => ({
  type: "flotilla/status",
  version: 1,
  device: "device-1",
  boot: "00000000000000aa",
  sequence: 1,
  model: "digits",
  rollout: "rollout-1",
  release: "r-2",
  state,
  running,
  atMs: 0,
});
const at = (sequence: number, bootCount = 1): ReportPosition => ({
  bootCount,
  boot: `boot-${bootCount}`,
  sequence,
  atMs: 0,
});

test("a device that was offered ages, one that reports gets the time of its step, one that ended has none", () => {
  const offered = offeredProgress(timing, 0);
  expect(offered.deadlineAtMs).toBe(1000);
  const step = (state: DeviceState) => applyStatus(offered, status(state), at(1), timing, 500).deadlineAtMs;
  expect(step("downloading")).toBe(600);
  expect(step("activated")).toBe(5600);
  for (const state of ["healthy", "failed/trial", "rejected", "rolled-back", "timed-out"] as const) {
    expect(step(state)).toBeNull();
  }
});

test("a late report lifts a time-out", () => {
  const silent = { ...offeredProgress(timing, 0), timedOut: true };
  expect(applyStatus(silent, status("healthy", "r-2"), at(1), timing, 0)).toMatchObject({
    timedOut: false,
    state: "healthy",
    holds: true,
  });
});

test("success is not turned into progress again by a report that comes late (iot-hub-device-update#625)", () => {
  const done = applyStatus(offeredProgress(timing, 0), status("healthy", "r-2"), at(9), timing, 0);
  expect(applyStatus(done, status("downloading"), at(4), timing, 1)).toBe(done);
});

test("a new boot's reports come after the old one's, and those of a boot that never said hello before", () => {
  const failed = applyStatus(offeredProgress(timing, 0), status("failed/probation", "r-1"), at(50, 1), timing, 0);
  expect(applyStatus(failed, status("offered"), at(1, 2), timing, 0).state).toBe("offered");
  expect(applyStatus(failed, status("offered"), at(99, 0), timing, 0)).toBe(failed);
});

test("duplicates and any order give the same result", () => {
  const reports = fc.uniqueArray(
    fc.record({
      state: fc.constantFrom(...deviceStates),
      holds: fc.boolean(),
      sequence: fc.integer({ min: 1, max: 12 }),
      bootCount: fc.integer({ min: 1, max: 3 }),
    }),
    { selector: ({ sequence, bootCount }) => `${bootCount}/${sequence}`, minLength: 1, maxLength: 10 },
  );
  const shuffled = reports.chain((list) =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray([...list, ...list], { minLength: list.length * 2 })),
  );
  const apply = (list: { state: DeviceState; holds: boolean; sequence: number; bootCount: number }[]): DeviceProgress =>
    list.reduce(
      (progress, { state, holds, sequence, bootCount }) =>
        applyStatus(progress, status(state, holds ? "r-2" : "r-1"), at(sequence, bootCount), timing, 0),
      offeredProgress(timing, 0),
    );
  fc.assert(
    fc.property(shuffled, ([list, mixed]) => {
      expect(apply(mixed)).toEqual(apply(list));
    }),
    { numRuns: 500 },
  );
});

test("every device of a stage is in one of the numbers, whatever it does", () => {
  const anyGroup = fc.record({
    state: fc.constantFrom("pending" as const, ...deviceStates),
    devices: fc.integer({ min: 1, max: 1000 }),
    timedOut: fc.boolean(),
    activated: fc.boolean(),
    holds: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(anyGroup, { maxLength: 8 }), (groups) => {
      const counts = countStates(groups);
      expect(counts.offered + counts.rejected + counts.optedOut + counts.superseded).toBe(counts.members);
      expect(counts.finished + counts.timedOut + counts.awaited).toBe(counts.offered);
      expect(Math.min(...Object.values(counts))).toBeGreaterThanOrEqual(0);
      expect(counts.healthy).toBeLessThanOrEqual(counts.finished);
      expect(counts.reached).toBeLessThanOrEqual(counts.offered);
    }),
  );
});

test("a roll-back waits for those that run the release or are on their way, and not for those that never began", () => {
  expect(awaitedByRollback([group("healthy", 3), group("trialing", 2), group("pending", 40)])).toBe(5);
  expect(awaitedByRollback([group("rolled-back", 3), group("failed/trial", 2), group("rejected", 1)])).toBe(0);
  expect(awaitedByRollback([group("healthy", 3, { timedOut: true })])).toBe(0);
});
