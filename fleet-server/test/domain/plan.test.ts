import type { RolloutPlan } from "@flotilla/protocol/documents/rollout-plan";
import { expect, test } from "vitest";
import { validatePlan } from "../../src/domain/plan.ts";
import { gate, plan, stage } from "../support/plan.ts";

const context = {
  cohorts: [
    { id: "everyone", cel: "true", priority: 0 },
    { id: "canary", cel: '"canary" in tags', priority: 10 },
    { id: "boards", cel: 'attributes.kind == "board"', priority: 0 },
    { id: "low", cel: "true", priority: 0 },
  ],
  cohortsNamingModel: [],
};
const withGate = (overrides: Parameters<typeof gate>[0]): Partial<RolloutPlan> => ({
  stages: [stage(10_000, { gates: [gate(overrides)] })],
});

test("a sensible plan passes", () => {
  const control = { shareBp: 1000, release: "r-0" };
  expect(() => validatePlan(plan(), context)).not.toThrow();
  expect(() =>
    validatePlan(plan({ stages: [stage(100, { include: ["canary"] }), stage(9000), stage(10_000)], control }), context),
  ).not.toThrow();
  expect(() => validatePlan(plan({ stages: [stage(100), stage(9000)], control }), context)).not.toThrow();
});

const refused: [string, Partial<RolloutPlan>, "CONFIG_GATE_INVALID" | "CONFIG_PLAN_INVALID", RegExp][] = [
  ["a rate above 1", withGate({ bound: 1.5 }), "CONFIG_GATE_INVALID", /fraction/],
  ["a rate below 0", withGate({ bound: -0.1 }), "CONFIG_GATE_INVALID", /fraction/],
  ["a bound that is no number", withGate({ bound: Number.NaN }), "CONFIG_GATE_INVALID", /not a number/],
  ["a latency of nothing", withGate({ metric: "latency-p95-ms", bound: 0 }), "CONFIG_GATE_INVALID", /impossible/],
  ["failures that have to be many", withGate({ comparison: ">=" }), "CONFIG_GATE_INVALID", /use <=/],
  ["accuracy that has to be low", withGate({ metric: "accuracy", comparison: "<=" }), "CONFIG_GATE_INVALID", /use >=/],
  [
    "device rates of a control arm, which has none",
    withGate({ metric: "healthy-of-offered", comparison: ">=", against: "control" }),
    "CONFIG_GATE_INVALID",
    /own devices only/,
  ],
  [
    "a control arm that the plan does not have",
    withGate({ metric: "error-rate", against: "control", bound: 1.2 }),
    "CONFIG_GATE_INVALID",
    /no control arm/,
  ],
  ["a ratio of 0", withGate({ metric: "error-rate", against: "previous", bound: 0 }), "CONFIG_GATE_INVALID", /ratio/],
  ["shares that go down", { stages: [stage(500), stage(400), stage(10_000)] }, "CONFIG_PLAN_INVALID", /below the 500/],
  ["a last stage that leaves devices behind", { stages: [stage(500)] }, "CONFIG_PLAN_INVALID", /last stage/],
  ["a stage of nobody", { stages: [stage(0), stage(10_000)] }, "CONFIG_PLAN_INVALID", /no device/],
  [
    "a stage that overlaps the control arm",
    { stages: [stage(9500), stage(10_000)], control: { shareBp: 1000, release: "r-0" } },
    "CONFIG_PLAN_INVALID",
    /more than the whole/,
  ],
  ["a control arm of nobody", { control: { shareBp: 0, release: "r-0" } }, "CONFIG_PLAN_INVALID", /no control arm/],
  ["the id of pins", { rollout: "pinned" }, "CONFIG_PLAN_INVALID", /pinned/],
  ["a way back to itself", { rollbackTo: "r-1" }, "CONFIG_PLAN_INVALID", /plan itself/],
  ["an unknown cohort", { cohort: "nobody" }, "CONFIG_PLAN_INVALID", /no cohort nobody/],
  [
    "an unknown cohort to include",
    { stages: [stage(10_000, { include: ["nobody"] })] },
    "CONFIG_PLAN_INVALID",
    /no cohort nobody/,
  ],
  [
    "a cohort to include whose directive would never win",
    { stages: [stage(10_000, { include: ["low"] })] },
    "CONFIG_PLAN_INVALID",
    /higher priority/,
  ],
  ["itself to include", { stages: [stage(10_000, { include: ["everyone"] })] }, "CONFIG_PLAN_INVALID", /own cohort/],
];

test.each(refused)("refuses %s", (_, overrides, code, message) => {
  const check = () => validatePlan(plan(overrides), context);
  expect(check).toThrowError(expect.objectContaining({ code }));
  expect(check).toThrowError(message);
});

test("refuses two cohorts of equal priority for one model", () => {
  expect(() => validatePlan(plan(), { ...context, cohortsNamingModel: ["boards"] })).toThrowError(
    expect.objectContaining({ code: "CONFIG_PLAN_INVALID", message: expect.stringContaining("both have priority 0") }),
  );
});

test("tells all problems at once, with their places", () => {
  const stages = [stage(500, { gates: [gate({ bound: 2 }), gate({ bound: 3 })] }), stage(10_000)];
  expect(() => validatePlan(plan({ stages }), context)).toThrowError(
    expect.objectContaining({
      details: expect.objectContaining({
        problems: [expect.stringContaining("stages[0].gates[0]"), expect.stringContaining("stages[0].gates[1]")],
      }),
    }),
  );
});
