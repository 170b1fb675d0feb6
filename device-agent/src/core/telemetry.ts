/**
 * Gathering live runs into windows: counts and sketches, never inputs or outputs themselves. A window is closed by time
 * or size and becomes one `metrics` message and one look of the watch. Mutable while it is open; no clock of its own.
 */
import { addToSketch, createSketch, encodeSketch } from "@flotilla/protocol/sketch";
import type { Answer } from "./outputs.ts";
import type { HealthWindow } from "./state.ts";

/** One run of the active model. `answer` is null if the run failed. */
export interface RunFacts {
  readonly latencyMs: number;
  readonly answer: Answer | null;
  /** The right class, where the app knows it. */
  readonly label?: number;
}

export interface ClosedWindow {
  readonly window: HealthWindow;
  readonly confidence: string | null;
}

export interface WindowGatherer {
  readonly runs: number;
  readonly fromMs: number;
  add(run: RunFacts): void;
  close(nowMs: number): ClosedWindow;
}

/** A probability from which a run counts as confident (core/health.ts). */
const confidentFrom = 0.9;

export function gatherWindow(fromMs: number): WindowGatherer {
  const latency = createSketch();
  const confidence = createSketch();
  const classes = new Map<string, number>();
  let [runs, errors, nonFinite, confident, labelled, correct] = [0, 0, 0, 0, 0, 0];
  return {
    get runs() {
      return runs;
    },
    fromMs,
    add({ latencyMs, answer, label }) {
      runs++;
      addToSketch(latency, Math.max(0, latencyMs));
      if (answer === null || !answer.finite) {
        errors++;
        if (answer !== null) nonFinite++;
      }
      if (label !== undefined) {
        labelled++;
        if (answer?.top?.index === label) correct++;
      }
      if (!answer?.top) return;
      addToSketch(confidence, answer.top.probability);
      if (answer.top.probability >= confidentFrom) confident++;
      const name = String(answer.top.index);
      classes.set(name, (classes.get(name) ?? 0) + 1);
    },
    close: (nowMs) => ({
      window: {
        fromMs,
        // A clock that went back within the window must not make it end before it began.
        toMs: Math.max(fromMs, nowMs),
        runs,
        errors,
        nonFinite,
        latency: encodeSketch(latency),
        confident,
        classes: Object.fromEntries(classes),
        labelled,
        correct,
      },
      confidence: confidence.count === 0 ? null : encodeSketch(confidence),
    }),
  };
}
