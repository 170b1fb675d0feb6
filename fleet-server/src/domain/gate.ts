/**
 * Gates: what was measured over a stage, against what the plan asks for (design: formats.md, "Gate").
 * Pure and closed: too few samples, a missing reference or a missing value are `no-data`, never `met`.
 * Every measurement also says the best that it can still become, so that a lost stage need not be waited out.
 */
import type { Gate, GateMetric } from "@flotilla/protocol/documents/rollout-plan";
import { type MetricSketch, sketchQuantile } from "@flotilla/protocol/sketch";
import type { StageCounts } from "./stage-counts.ts";

/** Metrics of runs, merged over devices. */
export interface RunAggregate {
  readonly runs: number;
  readonly errors: number;
  readonly latencyMs: MetricSketch;
  readonly confidence: MetricSketch;
  readonly labelledRuns: number;
  readonly correct: number;
}

/** All that a stage's gates look at. */
export interface StageEvidence {
  readonly counts: StageCounts;
  /** Runs of the rollout's release on the stage's devices. */
  readonly stage: RunAggregate;
  /** Runs of the base release. */
  readonly previous: RunAggregate | null;
  /** Runs of the control arm's release on the control arm's devices. */
  readonly control: RunAggregate | null;
}

export interface Measurement {
  /** Null: nothing to measure yet. */
  readonly value: number | null;
  /** The value if everything still awaited goes well. */
  readonly best: number | null;
  /** What `minSamples` counts. */
  readonly samples: number;
}

export type GateFinding = "met" | "missed" | "no-data";

export interface GateVerdict {
  readonly metric: GateMetric;
  readonly against: Gate["against"];
  readonly comparison: Gate["comparison"];
  readonly bound: number;
  readonly value: number | null;
  /** What the value was divided by; null for absolute gates, or if there is none. */
  readonly reference: number | null;
  readonly samples: number;
  readonly minSamples: number;
  readonly finding: GateFinding;
  readonly verdict: "promote" | "hold" | "rollback";
  readonly denominators: Pick<StageCounts, "offered" | "reached" | "finished" | "timedOut">;
}

interface MetricRule {
  /** Which way is better; `either` for metrics that can go wrong both ways. */
  readonly better: "lower" | "higher" | "either";
  /** A share of devices, a share of runs, or any positive number. */
  readonly kind: "device-rate" | "run-rate" | "positive";
  measure(counts: StageCounts, runs: RunAggregate): Measurement;
}

const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);
const fixed = (value: number | null, samples: number): Measurement => ({ value, best: value, samples });

/** A rate of bad outcomes among the finished: at best, all that are still awaited finish well. */
const badOfFinished = (bad: (counts: StageCounts) => number): MetricRule => ({
  better: "lower",
  kind: "device-rate",
  measure: (counts) => ({
    value: share(bad(counts), counts.finished),
    best: share(bad(counts), counts.finished + counts.awaited),
    samples: counts.finished,
  }),
});

const quantile = (
  better: MetricRule["better"],
  kind: MetricRule["kind"],
  of: (runs: RunAggregate) => MetricSketch,
  q: number,
): MetricRule => ({
  better,
  kind,
  measure: (_, runs) => fixed(sketchQuantile(of(runs), q), of(runs).count),
});

/** Everything about a metric, in one place. */
export const metricRules: Readonly<Record<GateMetric, MetricRule>> = {
  "healthy-of-offered": {
    better: "higher",
    kind: "device-rate",
    measure: ({ healthy, offered, awaited }) => ({
      value: share(healthy, offered),
      best: share(healthy + awaited, offered),
      samples: offered,
    }),
  },
  "failures-of-finished": badOfFinished((counts) => counts.failures),
  "trial-failures-of-finished": badOfFinished((counts) => counts.trialFailures),
  "rollbacks-of-finished": badOfFinished((counts) => counts.rolledBack),
  "timed-out-of-offered": {
    better: "lower",
    kind: "device-rate",
    measure: ({ timedOut, offered }) => fixed(share(timedOut, offered), offered),
  },
  "error-rate": {
    better: "lower",
    kind: "run-rate",
    measure: (_, { errors, runs }) => fixed(share(errors, runs), runs),
  },
  "latency-p50-ms": quantile("lower", "positive", (runs) => runs.latencyMs, 0.5),
  "latency-p95-ms": quantile("lower", "positive", (runs) => runs.latencyMs, 0.95),
  "confidence-p50": quantile("either", "run-rate", (runs) => runs.confidence, 0.5),
  accuracy: {
    better: "higher",
    kind: "run-rate",
    measure: (_, { correct, labelledRuns }) => fixed(share(correct, labelledRuns), labelledRuns),
  },
};

/** Evaluates one gate on the evidence as it stands, or (`atBest`) on the best that it can still become. */
export function evaluateGate(gate: Gate, evidence: StageEvidence, atBest = false): GateVerdict {
  const rule = metricRules[gate.metric];
  const own = rule.measure(evidence.counts, evidence.stage);
  const value = atBest ? own.best : own.value;
  const other = gate.against === "absolute" ? null : evidence[gate.against];
  const reference = other === null ? null : rule.measure(evidence.counts, other);
  const enough = own.samples >= gate.minSamples && (gate.against === "absolute" || hasEnough(reference, gate));
  const finding: GateFinding =
    value === null || !enough ? "no-data" : isWithin(gate, value, reference?.value ?? null) ? "met" : "missed";
  const { offered, reached, finished, timedOut } = evidence.counts;
  return {
    metric: gate.metric,
    against: gate.against,
    comparison: gate.comparison,
    bound: gate.bound,
    value,
    reference: reference?.value ?? null,
    samples: own.samples,
    minSamples: gate.minSamples,
    finding,
    verdict: finding === "met" ? "promote" : finding === "missed" ? gate.onFail : gate.onNoData,
    denominators: { offered, reached, finished, timedOut },
  };
}

function hasEnough(reference: Measurement | null, gate: Gate): boolean {
  return reference !== null && reference.value !== null && reference.samples >= gate.minSamples;
}

/** A value against a reference of 0: equal if it is 0 too, else infinitely many times as much. */
function isWithin(gate: Gate, value: number, reference: number | null): boolean {
  const compared =
    gate.against === "absolute" || reference === null
      ? value
      : reference === 0
        ? value === 0
          ? 1
          : Number.POSITIVE_INFINITY
        : value / reference;
  return gate.comparison === "<=" ? compared <= gate.bound : compared >= gate.bound;
}

/**
 * Whether a stage is lost already, whatever still comes: a gate on device rates missed even at best, or a roll-back
 * gate on runs missed now.
 */
export function findLostGate(gates: readonly Gate[], evidence: StageEvidence): GateVerdict | null {
  const lost = gates
    .filter((gate) => gate.onFail === "rollback" || metricRules[gate.metric].kind === "device-rate")
    .map((gate) => evaluateGate(gate, evidence, true))
    .filter((verdict) => verdict.finding === "missed");
  return lost.find((verdict) => verdict.verdict === "rollback") ?? lost[0] ?? null;
}
