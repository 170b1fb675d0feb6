import type { Gate, GateMetric } from "@flotilla/protocol/documents/rollout-plan";
import { addToSketch, createSketch } from "@flotilla/protocol/sketch";
import { describe, expect, test } from "vitest";
import { evaluateGate, findLostGate, type StageEvidence } from "../../src/domain/gate.ts";
import { gate } from "../support/plan.ts";
import { evidence, group, runs } from "./evidence.ts";

const confident = (values: readonly number[]) => {
  const confidence = createSketch();
  for (const value of values) addToSketch(confidence, value);
  return runs([], { confidence });
};

const cases: [string, Partial<Gate>, StageEvidence, "met" | "missed" | "no-data"][] = [
  ["no devices at all", {}, evidence([]), "no-data"],
  ["only silent devices: nothing has finished", {}, evidence([group("pending", 9, { timedOut: true })]), "no-data"],
  ["below the bound", { bound: 0.1 }, evidence([group("healthy", 9), group("failed/trial", 1)]), "met"],
  ["above the bound", { bound: 0.09 }, evidence([group("healthy", 9), group("failed/trial", 1)]), "missed"],
  ["too few devices", { minSamples: 11 }, evidence([group("healthy", 10)]), "no-data"],
  [
    "30 of 100 answered, 11 errors: hawkBit's 10 % gate trips only then; ours at the fourth",
    { bound: 0.1 },
    evidence([group("healthy", 26), group("failed/verify", 4), group("pending", 70, { timedOut: true })]),
    "missed",
  ],
  [
    "rejected devices cannot take part, so they neither fail nor dilute",
    { metric: "healthy-of-offered", comparison: ">=", bound: 1 },
    evidence([group("healthy", 5), group("rejected", 95)]),
    "met",
  ],
  [
    "a cohort of which every device is rejected is no success",
    { metric: "healthy-of-offered", comparison: ">=", bound: 0 },
    evidence([group("rejected", 100)]),
    "no-data",
  ],
  [
    "silent devices count against health",
    { metric: "healthy-of-offered", comparison: ">=", bound: 0.95 },
    evidence([group("healthy", 90), group("pending", 10, { timedOut: true })]),
    "missed",
  ],
  [
    "timed-out devices",
    { metric: "timed-out-of-offered", bound: 0.05 },
    evidence([group("healthy", 90), group("downloading", 10, { timedOut: true })]),
    "missed",
  ],
  [
    "roll-backs of finished",
    { metric: "rollbacks-of-finished", bound: 0.1 },
    evidence([group("healthy", 8), group("rolled-back", 1), group("failed/probation", 1)]),
    "missed",
  ],
  [
    "error rate",
    { metric: "error-rate", bound: 0.01 },
    evidence([], { stage: runs([], { runs: 1000, errors: 11 }) }),
    "missed",
  ],
  ["error rate without runs", { metric: "error-rate", bound: 1 }, evidence([]), "no-data"],
  [
    "accuracy",
    { metric: "accuracy", comparison: ">=", bound: 0.9 },
    evidence([], { stage: runs([], { labelledRuns: 10, correct: 9 }) }),
    "met",
  ],
  [
    "accuracy without labels",
    { metric: "accuracy", comparison: ">=", bound: 0 },
    evidence([], { stage: runs([1, 2, 3]) }),
    "no-data",
  ],
  [
    "confidence that is too good",
    { metric: "confidence-p50", bound: 0.95 },
    evidence([], { stage: confident([0.99, 0.99, 0.99]) }),
    "missed",
  ],
  [
    "no control arm to compare with",
    { metric: "latency-p50-ms", against: "control", bound: 1.2 },
    evidence([], { stage: runs([1]) }),
    "no-data",
  ],
  [
    "a control arm without enough runs (a group without data scores 100 in Kayenta)",
    { metric: "latency-p50-ms", against: "control", bound: 1.2, minSamples: 5 },
    evidence([], { stage: runs([1, 1, 1, 1, 1]), control: runs([1]) }),
    "no-data",
  ],
  [
    "Kayenta passes canary 100×7, 1×3 against control 1×10 (spinnaker#6278)",
    { metric: "latency-p50-ms", against: "control", bound: 1.25, minSamples: 10 },
    evidence([], { stage: runs([...Array(7).fill(100), 1, 1, 1]), control: runs(Array(10).fill(1)) }),
    "missed",
  ],
  [
    "a change of spread, the median being the same (kayenta#780)",
    { metric: "latency-p95-ms", against: "control", bound: 1.25, minSamples: 10 },
    evidence([], {
      stage: runs([...Array(15).fill(10), ...Array(5).fill(90)]),
      control: runs(Array(20).fill(10)),
    }),
    "missed",
  ],
  [
    "sparse errors against none at all (kayenta#426)",
    { metric: "error-rate", against: "control", bound: 2, minSamples: 6 },
    evidence([], { stage: runs([], { runs: 600, errors: 4 }), control: runs([], { runs: 600, errors: 0 }) }),
    "missed",
  ],
  [
    "no errors on either side",
    { metric: "error-rate", against: "previous", bound: 1, minSamples: 6 },
    evidence([], { stage: runs([], { runs: 600 }), previous: runs([], { runs: 600 }) }),
    "met",
  ],
  [
    "as slow as before, within the ratio",
    { metric: "latency-p95-ms", against: "previous", bound: 1.2 },
    evidence([], { stage: runs([11]), previous: runs([10]) }),
    "met",
  ],
];

test.each(cases)("%s", (_, overrides, seen, finding) => {
  const asked = gate({ minSamples: 1, ...overrides });
  const verdict = evaluateGate(asked, seen);
  expect(verdict.finding).toBe(finding);
  expect(verdict.verdict).toBe({ met: "promote", missed: "rollback", "no-data": "hold" }[finding]);
});

test("a verdict shows its denominators", () => {
  const seen = evidence([
    group("healthy", 5),
    group("failed/trial", 2),
    group("pending", 3, { timedOut: true }),
    group("offered", 4),
    group("rejected", 6),
  ]);
  expect(evaluateGate(gate(), seen).denominators).toEqual({ offered: 14, reached: 11, finished: 7, timedOut: 3 });
});

describe("a stage is lost only when nothing that may still come can save it", () => {
  const lost: [string, Partial<Gate>, StageEvidence, boolean][] = [
    [
      "3 failures, 27 awaited, bound 0.1",
      { bound: 0.1 },
      evidence([group("failed/trial", 3), group("pending", 27)]),
      false,
    ],
    [
      "4 failures, 26 awaited, bound 0.1",
      { bound: 0.1 },
      evidence([group("failed/trial", 4), group("pending", 26)]),
      true,
    ],
    [
      "4 failures, but fewer finished than the gate asks for",
      { bound: 0.1, minSamples: 5 },
      evidence([group("failed/trial", 4), group("pending", 26)]),
      false,
    ],
    [
      "healthy enough can still be reached",
      { metric: "healthy-of-offered", comparison: ">=", bound: 0.9 },
      evidence([group("healthy", 1), group("failed/trial", 1), group("pending", 8)]),
      false,
    ],
    [
      "healthy enough cannot be reached",
      { metric: "healthy-of-offered", comparison: ">=", bound: 0.9 },
      evidence([group("failed/trial", 2), group("pending", 8)]),
      true,
    ],
    [
      "runs are judged as they are",
      { metric: "latency-p95-ms", bound: 50, minSamples: 3 },
      evidence([group("pending", 8)], { stage: runs([100, 100, 100]) }),
      true,
    ],
    [
      "a slow run more does not hold a stage that is not over",
      { metric: "latency-p95-ms", bound: 50, minSamples: 3, onFail: "hold" },
      evidence([group("pending", 8)], { stage: runs([100, 100, 100]) }),
      false,
    ],
  ];
  test.each(lost)("%s", (_, overrides, seen, isLost) => {
    expect(findLostGate([gate(overrides)], seen) !== null).toBe(isLost);
  });
});

test("every metric is measured, none by accident as zero", () => {
  const metrics: GateMetric[] = ["healthy-of-offered", "failures-of-finished", "error-rate", "accuracy"];
  for (const metric of metrics) expect(evaluateGate(gate({ metric }), evidence([])).value).toBeNull();
});
