/** The demo's rollout plan: 5 % and the canaries, then 25 %, then all; gates that fail closed. */
import type { Gate, RolloutPlan } from "@flotilla/protocol/documents/rollout-plan";

const gate = (facts: Pick<Gate, "metric" | "comparison" | "bound" | "minSamples">): Gate => ({
  ...facts,
  against: "absolute",
  maxWaitS: 30,
  onNoData: "hold",
  onFail: "rollback",
});

/** Stage 1 is small, and is to show boards and virtual devices alike what they do with a bad release: half may fail. */
const canaryGates = [
  gate({ metric: "trial-failures-of-finished", comparison: "<=", bound: 0.5, minSamples: 12 }),
  gate({ metric: "failures-of-finished", comparison: "<=", bound: 0.5, minSamples: 12 }),
];
const fleetGates = [
  gate({ metric: "failures-of-finished", comparison: "<=", bound: 0.05, minSamples: 12 }),
  gate({ metric: "healthy-of-offered", comparison: ">=", bound: 0.95, minSamples: 12 }),
];
const qualityGates = [
  gate({ metric: "accuracy", comparison: ">=", bound: 0.95, minSamples: 30 }),
  gate({ metric: "error-rate", comparison: "<=", bound: 0.01, minSamples: 30 }),
];

export function planFor(model: string, release: string): RolloutPlan {
  return {
    type: "flotilla/rollout-plan",
    version: 1,
    rollout: `${model}-${release}`,
    model,
    release,
    cohort: "everyone",
    stages: [
      { shareBp: 500, include: ["canary"], soakS: 1, gates: [...canaryGates, ...qualityGates] },
      { shareBp: 2500, soakS: 0.5, gates: fleetGates },
      { shareBp: 10_000, soakS: 0.5, gates: fleetGates },
    ],
    deadlines: { startMs: 90_000, stepMs: 90_000 },
    retries: 1,
    probation: { minRuns: 3, minMs: 500 },
    stopRule: { windowS: 10, minRuns: 20, maxErrorRate: 0.05, maxLatencyRatio: 20, maxRestarts: 3 },
  };
}
