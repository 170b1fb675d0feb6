import { FlotillaError } from "@flotilla/protocol/errors";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decide, effectiveRelease, type RolloutEvent } from "../../src/domain/rollout.ts";
import {
  createRollout,
  type RolloutEventKind,
  type RolloutState,
  type RolloutStatus,
  rolloutStatuses,
  rolloutTransitions,
} from "../../src/domain/rollout-state.ts";
import type { StateGroup } from "../../src/domain/stage-counts.ts";
import { gate, plan, stage } from "../support/plan.ts";
import { evidence, group, runs } from "./evidence.ts";

const base = { rollout: "rollout-0", release: "r-0" };
const start: RolloutEvent = { kind: "start", nowMs: 0, salt: "rollout-1", base };

function tick(
  nowMs: number,
  groups: readonly StateGroup[],
  more: Partial<Extract<RolloutEvent, { kind: "tick" }>> = {},
) {
  return {
    kind: "tick" as const,
    nowMs,
    evidence: evidence(groups),
    placing: false,
    awaitedByRollback: 0,
    ...more,
  };
}

/** Runs events in a row; the last decision. */
function run(events: readonly RolloutEvent[], from = createRollout(plan({ stages: [stage(1000), stage(10_000)] }), 0)) {
  return events.reduce((decision, event) => decide(decision.state, event), { state: from, effects: [] } as ReturnType<
    typeof decide
  >);
}

/** A rollout in each status. */
const inStatus: Record<RolloutStatus, RolloutState> = {
  draft: run([]).state,
  scheduled: run([{ ...start, atMs: 100 }]).state,
  running: run([start]).state,
  paused: run([start, { kind: "pause", nowMs: 1 }]).state,
  completed: run([start, { kind: "promote", nowMs: 1 }, { kind: "promote", nowMs: 2 }]).state,
  "rolling-back": run([start, { kind: "rollback", nowMs: 1 }]).state,
  "rolled-back": run([start, { kind: "rollback", nowMs: 1 }, tick(2, [])]).state,
  cancelled: run([start, { kind: "cancel", nowMs: 1 }]).state,
};
const kinds: RolloutEventKind[] = ["start", "pause", "resume", "promote", "rollback", "cancel", "tick"];
const eventOf = (kind: RolloutEventKind, nowMs: number): RolloutEvent =>
  kind === "start" ? { ...start, nowMs } : kind === "tick" ? tick(nowMs, [group("pending", 3)]) : { kind, nowMs };

describe("every event in every status does what the table says, and nothing else", () => {
  const cases = rolloutStatuses.flatMap((status) => kinds.map((kind) => [status, kind] as const));
  test.each(cases)("%s: %s", (status, kind) => {
    const state = inStatus[status];
    expect(state.status).toBe(status);
    const allowed = rolloutTransitions[status][kind];
    if (allowed === undefined) {
      expect(() => decide(state, eventOf(kind, 50))).toThrowError(
        expect.objectContaining({ name: "FlotillaError", code: "ROLLOUT_CONFLICT" }),
      );
      return;
    }
    const { state: next, effects } = decide(state, eventOf(kind, 50));
    expect(allowed).toContain(next.status);
    if (kind !== "tick") expect(effects.map((effect) => effect.kind)).toContain("record-event");
  });
});

interface Scenario {
  readonly name: string;
  readonly events: readonly RolloutEvent[];
  readonly status: RolloutStatus;
  readonly stage: number;
  readonly stages: readonly string[];
  readonly plan?: Parameters<typeof plan>[0];
}

const allHealthy = [group("healthy", 10)];
const scenarios: Scenario[] = [
  {
    name: "opens the first stage at the start",
    events: [start],
    status: "running",
    stage: 1,
    stages: ["offering", "pending"],
  },
  {
    name: "waits for its time",
    events: [{ ...start, atMs: 100 }, tick(99, [])],
    status: "scheduled",
    stage: 0,
    stages: ["pending", "pending"],
  },
  {
    name: "starts at its time",
    events: [{ ...start, atMs: 100 }, tick(100, [])],
    status: "running",
    stage: 1,
    stages: ["offering", "pending"],
  },
  {
    name: "waits for devices of which no end is known",
    events: [start, tick(1, [group("pending", 1), group("healthy", 9)])],
    status: "running",
    stage: 1,
    stages: ["offering", "pending"],
  },
  {
    name: "waits while devices are still to be placed",
    events: [start, tick(1, allHealthy, { placing: true })],
    status: "running",
    stage: 1,
    stages: ["offering", "pending"],
  },
  {
    name: "soaks when all have finished or timed out",
    events: [start, tick(1, [group("healthy", 9), group("pending", 1, { timedOut: true })])],
    status: "running",
    stage: 1,
    stages: ["soaking", "pending"],
  },
  {
    name: "passes to the next stage after the soak, gates met",
    events: [start, tick(1, allHealthy), tick(2, allHealthy)],
    status: "running",
    stage: 2,
    stages: ["passed", "offering"],
  },
  {
    name: "does not pass before the soak is over",
    plan: { stages: [stage(10_000, { soakS: 0.5 })] },
    events: [start, tick(1, allHealthy), tick(500, allHealthy)],
    status: "running",
    stage: 1,
    stages: ["soaking"],
  },
  {
    name: "completes after the last stage",
    plan: { stages: [stage(10_000, { soakS: 0.5 })] },
    events: [start, tick(1, allHealthy), tick(501, allHealthy)],
    status: "completed",
    stage: 1,
    stages: ["passed"],
  },
  {
    name: "holds, and does not pass, a stage without any device",
    events: [start, tick(1, []), tick(2, []), tick(60_001, [])],
    status: "paused",
    stage: 1,
    stages: ["held", "pending"],
  },
  {
    name: "waits for data as long as the gate allows",
    events: [start, tick(1, []), tick(2, []), tick(59_999, [])],
    status: "running",
    stage: 1,
    stages: ["soaking", "pending"],
  },
  {
    name: "holds a stage in which every device stayed silent (hawkBit counts a finished group as success)",
    events: [
      start,
      tick(1, [group("pending", 10, { timedOut: true })]),
      tick(60_001, [group("pending", 10, { timedOut: true })]),
    ],
    status: "paused",
    stage: 1,
    stages: ["held", "pending"],
  },
  {
    name: "rolls back a missed gate",
    events: [start, tick(1, [group("failed/trial", 2), group("healthy", 8)])],
    status: "rolling-back",
    stage: 1,
    stages: ["failed", "pending"],
  },
  {
    name: "rolls back before the stage has finished, once it cannot be won any more",
    events: [start, tick(1, [group("failed/trial", 2), group("pending", 8)])],
    status: "rolling-back",
    stage: 1,
    stages: ["failed", "pending"],
  },
  {
    name: "does not give up while the stage can still be won: failures finish first",
    events: [start, tick(1, [group("failed/trial", 1), group("pending", 9)])],
    status: "running",
    stage: 1,
    stages: ["offering", "pending"],
  },
  {
    name: "holds where the gate says hold",
    plan: { stages: [stage(10_000, { gates: [gate({ onFail: "hold" })] })] },
    events: [start, tick(1, [group("failed/trial", 5), group("healthy", 5)])],
    status: "paused",
    stage: 1,
    stages: ["held"],
  },
  {
    name: "a held stage stays held, whatever comes, until someone resumes",
    plan: { stages: [stage(10_000, { gates: [gate({ onFail: "hold" })] })] },
    events: [
      start,
      tick(1, [group("failed/trial", 5), group("healthy", 5)]),
      tick(2, allHealthy),
      tick(9e9, allHealthy),
    ],
    status: "paused",
    stage: 1,
    stages: ["held"],
  },
  {
    name: "a held stage that is resumed soaks and is judged anew",
    plan: { stages: [stage(10_000, { gates: [gate({ onFail: "hold" })] })] },
    events: [
      start,
      tick(1, [group("failed/trial", 5), group("healthy", 5)]),
      { kind: "resume", nowMs: 2 },
      tick(3, allHealthy),
    ],
    status: "completed",
    stage: 1,
    stages: ["passed"],
  },
  {
    name: "a gate that would roll back does so during a pause too",
    events: [start, { kind: "pause", nowMs: 1 }, tick(2, [group("failed/trial", 10)])],
    status: "rolling-back",
    stage: 1,
    stages: ["failed", "pending"],
  },
  {
    name: "a pause stops stages from passing",
    events: [start, tick(1, allHealthy), { kind: "pause", nowMs: 2 }, tick(100, allHealthy)],
    status: "paused",
    stage: 1,
    stages: ["soaking", "pending"],
  },
  {
    name: "an operator promotes past the gates",
    events: [start, tick(1, []), tick(60_001, []), { kind: "promote", nowMs: 60_002 }],
    status: "running",
    stage: 2,
    stages: ["passed", "offering"],
  },
  {
    name: "rolls back until no device is left that runs the release",
    events: [start, { kind: "rollback", nowMs: 1 }, tick(2, [], { awaitedByRollback: 1 })],
    status: "rolling-back",
    stage: 1,
    stages: ["failed", "pending"],
  },
  {
    name: "is rolled back when none is",
    events: [start, { kind: "rollback", nowMs: 1 }, tick(2, [], { awaitedByRollback: 0 })],
    status: "rolled-back",
    stage: 1,
    stages: ["failed", "pending"],
  },
  {
    name: "a completed rollout can still be rolled back",
    plan: { stages: [stage(10_000)] },
    events: [start, tick(1, allHealthy), tick(2, allHealthy), { kind: "rollback", nowMs: 3 }],
    status: "rolling-back",
    stage: 1,
    stages: ["failed"],
  },
  {
    name: "without a release to go back to, a lost stage stops",
    events: [{ ...start, base: null }, tick(1, [group("failed/trial", 10)]), tick(2, [group("failed/trial", 10)])],
    status: "paused",
    stage: 1,
    stages: ["failed", "pending"],
  },
];

test.each(scenarios)("$name", ({ events, status, stage: current, stages, plan: overrides }) => {
  const from = overrides === undefined ? undefined : createRollout(plan(overrides), 0);
  const { state } = run(events, from);
  expect({ status: state.status, stage: state.current, stages: state.stages.map((one) => one.status) }).toEqual({
    status,
    stage: current,
    stages,
  });
});

test("silent and slow metrics cannot pass: a run gate without runs holds", () => {
  const stages = [stage(10_000, { gates: [gate({ metric: "latency-p95-ms", bound: 50, minSamples: 100 })] })];
  const few = { ...tick(2, allHealthy), evidence: evidence(allHealthy, { stage: runs(Array(99).fill(1)) }) };
  const { state } = run([start, tick(1, allHealthy), few], createRollout(plan({ stages }), 0));
  expect(state.stages[0]?.status).toBe("soaking");
  const enough = { ...tick(3, allHealthy), evidence: evidence(allHealthy, { stage: runs(Array(100).fill(1)) }) };
  expect(decide(state, enough).state.status).toBe("completed");
});

test("what is left to an operator after a failed stage without a way back is to cancel it", () => {
  const { state } = run([{ ...start, base: null }, tick(1, [group("failed/trial", 10)])]);
  for (const kind of ["resume", "promote", "rollback"] as const) {
    expect(() => decide(state, { kind, nowMs: 2 })).toThrowError(expect.objectContaining({ code: "ROLLOUT_CONFLICT" }));
  }
  expect(decide(state, { kind: "cancel", nowMs: 2 }).state.status).toBe("cancelled");
});

test("a resumed rollout gives back the time of the pause", () => {
  const paused = run([start, { kind: "pause", nowMs: 1000 }]).state;
  expect(decide(paused, { kind: "resume", nowMs: 4000 }).effects).toContainEqual({
    kind: "extend-deadlines",
    byMs: 3000,
  });
});

test("whatever happens in whatever order: legal transitions, refusals with a code, a share that never shrinks", () => {
  const groups = fc.array(
    fc.record({
      state: fc.constantFrom<StateGroup["state"]>("pending", "healthy", "failed/trial", "rolled-back", "rejected"),
      devices: fc.integer({ min: 1, max: 20 }),
      timedOut: fc.boolean(),
    }),
    { maxLength: 4 },
  );
  const event = fc.oneof(
    fc.constantFrom("start", "pause", "resume", "promote", "rollback", "cancel").map((kind) => ({ kind })),
    fc.record({ kind: fc.constant("tick"), groups, awaited: fc.integer({ min: 0, max: 2 }), placing: fc.boolean() }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(event, fc.integer({ min: 0, max: 90_000 })), { maxLength: 30 }), (events) => {
      let state = createRollout(plan({ stages: [stage(100), stage(2500), stage(10_000)] }), 0);
      let nowMs = 0;
      for (const [next, laterMs] of events) {
        nowMs += laterMs;
        const before = state;
        try {
          state = decide(
            state,
            "groups" in next
              ? tick(
                  nowMs,
                  next.groups.map((one) => group(one.state, one.devices, { timedOut: one.timedOut })),
                  { placing: next.placing, awaitedByRollback: next.awaited },
                )
              : eventOf(next.kind as RolloutEventKind, nowMs),
          ).state;
        } catch (error) {
          expect(error).toBeInstanceOf(FlotillaError);
          expect(error).toMatchObject({ code: "ROLLOUT_CONFLICT" });
          expect(next.kind).not.toBe("tick");
        }
        expect(state.current).toBeGreaterThanOrEqual(before.current);
        expect(state.stages.filter(({ status }) => status === "offering" || status === "soaking").length).toBeLessThan(
          2,
        );
      }
    }),
    { numRuns: 300 },
  );
});

test("the base of the next rollout is the last completed release, or what a roll-back led to", () => {
  const of = (rollout: string, release: string, at: number, events: readonly RolloutEvent[], on = base) =>
    run([{ ...start, nowMs: at, base: on }, ...events], createRollout(plan({ rollout, release }), 0)).state;
  const done = of("rollout-1", "r-1", 1, [{ kind: "promote", nowMs: 2 }]);
  expect(effectiveRelease([done], "everyone", "digits")).toEqual({ rollout: "rollout-1", release: "r-1" });
  const now = { rollout: "rollout-1", release: "r-1" };
  const failed = of("rollout-2", "r-2", 5, [{ kind: "rollback", nowMs: 6 }, tick(7, [])], now);
  expect(effectiveRelease([done, failed], "everyone", "digits")).toEqual(now);
  const running = of("rollout-3", "r-3", 9, [], now);
  expect(effectiveRelease([done, failed, running], "everyone", "digits")).toEqual(now);
  expect(effectiveRelease([done], "others", "digits")).toBeNull();
});
