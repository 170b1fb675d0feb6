/** Rows of run_aggregates: metric sketches and counts, merged by release, variant, rollout, arm and stage. */
import type { Metrics } from "@flotilla/protocol/documents/reports";
import { createSketch, decodeSketch, encodeSketch, type MetricSketch, mergeSketch } from "@flotilla/protocol/sketch";
import type { RunAggregate } from "../../domain/gate.ts";
import { type Database, numberOf, type Row, textOf } from "./database.ts";

/** Where a device's runs are counted. */
export interface RunKey {
  readonly model: string;
  readonly release: string;
  readonly variant: string;
  /** Empty: outside of any rollout. */
  readonly rollout: string;
  readonly arm: "stage" | "control" | "";
  readonly stage: number;
}

/** Runs of one batch under one key, not yet stored. */
export interface RunSum {
  readonly key: RunKey;
  readonly latencyMs: MetricSketch;
  readonly confidence: MetricSketch;
  runs: number;
  errors: number;
  labelledRuns: number;
  correct: number;
}

export function emptyRuns(key: RunKey): RunSum {
  return {
    key,
    latencyMs: createSketch(),
    confidence: createSketch(),
    runs: 0,
    errors: 0,
    labelledRuns: 0,
    correct: 0,
  };
}

/** @throws FORMAT_DOCUMENT if a sketch is not one of ours; nothing is added then */
export function addRuns(sum: RunSum, metrics: Metrics): void {
  const latencyMs = decodeSketch(metrics.latencyMs);
  const confidence = metrics.confidence === undefined ? null : decodeSketch(metrics.confidence);
  mergeSketch(sum.latencyMs, latencyMs);
  if (confidence !== null) mergeSketch(sum.confidence, confidence);
  sum.runs += metrics.runs;
  sum.errors += metrics.errors;
  sum.labelledRuns += metrics.labelled?.runs ?? 0;
  sum.correct += metrics.labelled?.correct ?? 0;
}

export interface RunRows {
  add(sum: RunSum): void;
  /** A rollout's arm, up to and including a stage. */
  ofArm(rollout: string, arm: "stage" | "control", release: string, upToStage: number): RunAggregate;
  /** All runs of a release. */
  ofRelease(model: string, release: string): RunAggregate;
  byVariant(model: string, release: string | null): { release: string; variant: string; runs: RunAggregate }[];
}

export function runRows(db: Database): RunRows {
  const columns = "runs, errors, labelled_runs, correct, latency, confidence";
  const where = "model = ? AND release = ? AND variant = ? AND rollout = ? AND arm = ? AND stage = ?";
  const select = db.prepare(`SELECT ${columns} FROM run_aggregates WHERE ${where}`);
  const upsert = db.prepare(`
    INSERT OR REPLACE INTO run_aggregates (model, release, variant, rollout, arm, stage, ${columns})
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const selectArm = db.prepare(`
    SELECT ${columns} FROM run_aggregates WHERE model = ? AND release = ? AND rollout = ? AND arm = ? AND stage <= ?`);
  const selectModel = db.prepare("SELECT model FROM rollouts WHERE rollout = ?");
  const selectRelease = db.prepare(`SELECT ${columns} FROM run_aggregates WHERE model = ? AND release = ?`);
  const selectVariants = db.prepare(`
    SELECT release, variant, ${columns} FROM run_aggregates
    WHERE model = ? AND (? IS NULL OR release = ?) ORDER BY release, variant`);
  return {
    add(sum) {
      const { model, release, variant, rollout, arm, stage } = sum.key;
      const stored = select.get(model, release, variant, rollout, arm, stage);
      const total = mergeRows(stored === undefined ? [] : [stored]);
      mergeSketch(total.latencyMs, sum.latencyMs);
      mergeSketch(total.confidence, sum.confidence);
      upsert.run(
        model,
        release,
        variant,
        rollout,
        arm,
        stage,
        total.runs + sum.runs,
        total.errors + sum.errors,
        total.labelledRuns + sum.labelledRuns,
        total.correct + sum.correct,
        encodeSketch(total.latencyMs),
        encodeSketch(total.confidence),
      );
    },
    ofArm(rollout, arm, release, upToStage) {
      const row = selectModel.get(rollout);
      return mergeRows(row === undefined ? [] : selectArm.all(textOf(row, "model"), release, rollout, arm, upToStage));
    },
    ofRelease: (model, release) => mergeRows(selectRelease.all(model, release)),
    byVariant(model, release) {
      const groups = Map.groupBy(
        selectVariants.all(model, release, release),
        (row) => `${textOf(row, "release")}/${textOf(row, "variant")}`,
      );
      return [...groups].map(([name, rows]) => {
        const [releaseId = "", variant = ""] = name.split("/");
        return { release: releaseId, variant, runs: mergeRows(rows) };
      });
    },
  };
}

function mergeRows(rows: readonly Row[]): RunAggregate {
  const sum = (column: string): number => rows.reduce((total, row) => total + numberOf(row, column), 0);
  const merged = (column: string): MetricSketch => {
    const sketch = createSketch();
    for (const row of rows) mergeSketch(sketch, decodeSketch(textOf(row, column)));
    return sketch;
  };
  return {
    runs: sum("runs"),
    errors: sum("errors"),
    labelledRuns: sum("labelled_runs"),
    correct: sum("correct"),
    latencyMs: merged("latency"),
    confidence: merged("confidence"),
  };
}
