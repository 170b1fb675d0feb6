/**
 * Is the active release well? The directive's stop rule, obeyed offline: error rate, latency, restarts; and in probation
 * two signs of nonsense that need no labels: outputs that are not finite, and predictions that collapse onto one class or
 * move away from what the release before saw on this very device. With labels: accuracy. Pure; no data gives no verdict
 * here (the server's gates treat it as "hold"), and every rule needs a number of runs before it speaks.
 */
import type { ErrorCode } from "@flotilla/protocol/errors";
import { createSketch, decodeSketch, mergeSketch, sketchQuantile } from "@flotilla/protocol/sketch";
import type { HealthWindow, Installed, Profile } from "./state.ts";

export interface Illness {
  readonly code: Extract<ErrorCode, `HEALTH_${string}`>;
  readonly detail: string;
}

/** Limits that are ours, not the directive's. */
export const healthLimits = {
  /** Latencies within this of the reference are never "too slow": below it timers and schedulers speak, not models. */
  latencySlackMs: 5,
  /** Live runs of the previous release before its profile is preferred to the trial's. */
  minReferenceRuns: 50,
  /** A collapse: this share of the newest runs on one class, this share of them confident (p ≥ 0.9)… */
  collapseShare: 0.9,
  collapseConfident: 0.8,
  /** …while the reference gave that class at most this share. */
  collapseReference: 0.5,
  /** Against goldens only, which are few: nearly all runs, and more of them. */
  collapseShareGolden: 0.98,
  collapseMinRuns: 20,
  collapseMinRunsGolden: 50,
  /** A shift: total variation distance between the newest runs' classes and the live reference's. */
  shiftDistance: 0.5,
  shiftMinRuns: 50,
  /** Labelled accuracy this far below the live reference's. */
  accuracyDrop: 0.25,
  accuracyMinRuns: 20,
  /** A live profile stops growing here: the past must not outweigh the present for ever. */
  profileRuns: 5_000,
  maxClasses: 1_024,
} as const;

/** What is wrong with `active`, or null. `previous` is what ran before it on this device, if that is still known. */
export function findIllness(
  active: Installed,
  previous: Installed | null,
  windows: readonly HealthWindow[],
  nowMs: number,
): Illness | null {
  const { stopRule } = active.watch;
  if (active.unprovenStarts > stopRule.maxRestarts) {
    return {
      code: "HEALTH_RESTARTS",
      detail: `${active.unprovenStarts} starts without proof, at most ${stopRule.maxRestarts} allowed`,
    };
  }
  const recent = windows.filter((window) => nowMs - window.toMs <= stopRule.windowS * 1000);
  const runs = sum(recent, (window) => window.runs);
  if (runs >= stopRule.minRuns) {
    const ill = tooManyErrors(recent, runs, stopRule.maxErrorRate) ?? tooSlow(active, previous, recent);
    if (ill !== null) return ill;
  }
  return active.committed ? null : nonsense(active, previous, recent);
}

function tooManyErrors(recent: readonly HealthWindow[], runs: number, maxErrorRate: number): Illness | null {
  const errors = sum(recent, (window) => window.errors);
  if (errors / runs <= maxErrorRate) return null;
  const nonFinite = sum(recent, (window) => window.nonFinite);
  const code = nonFinite * 2 > errors ? "HEALTH_OUTPUT" : "HEALTH_ERROR_RATE";
  return {
    code,
    detail: `${errors} of ${runs} runs failed (${nonFinite} not finite), at most ${maxErrorRate} allowed`,
  };
}

function tooSlow(active: Installed, previous: Installed | null, recent: readonly HealthWindow[]): Illness | null {
  const reference = liveReference(previous) ?? active.trial;
  if (reference.latencyP95Ms <= 0) return null;
  const merged = createSketch();
  for (const { latency } of recent) mergeSketch(merged, decodeSketch(latency));
  const p95Ms = sketchQuantile(merged, 0.95) ?? 0;
  const { maxLatencyRatio } = active.watch.stopRule;
  const boundMs = Math.max(
    reference.latencyP95Ms * maxLatencyRatio,
    reference.latencyP95Ms + healthLimits.latencySlackMs,
  );
  if (p95Ms <= boundMs) return null;
  return {
    code: "HEALTH_LATENCY",
    detail: `p95 ${p95Ms.toFixed(2)} ms against ${reference.latencyP95Ms.toFixed(2)} ms before, at most ×${maxLatencyRatio}`,
  };
}

function nonsense(active: Installed, previous: Installed | null, recent: readonly HealthWindow[]): Illness | null {
  const live = liveReference(previous);
  return (
    collapsed(recent, live ?? active.trial, live === null, active.watch.stopRule.minRuns) ??
    (live === null ? null : (shifted(recent, live) ?? lessAccurate(recent, live)))
  );
}

function collapsed(
  recent: readonly HealthWindow[],
  reference: Profile,
  golden: boolean,
  minRuns: number,
): Illness | null {
  const needed = Math.max(minRuns, golden ? healthLimits.collapseMinRunsGolden : healthLimits.collapseMinRuns);
  const newest = newestWith(recent, needed, (window) => total(window.classes));
  if (newest === null) return null;
  const classes = addClasses(newest.map((window) => window.classes));
  const count = total(classes);
  const [top, hits] = Object.entries(classes).reduce((a, b) => (b[1] > a[1] ? b : a));
  const share = hits / count;
  const confident = sum(newest, (window) => window.confident) / count;
  const before = (reference.classes[top] ?? 0) / Math.max(1, total(reference.classes));
  const limit = golden ? healthLimits.collapseShareGolden : healthLimits.collapseShare;
  if (share < limit || confident < healthLimits.collapseConfident || before > healthLimits.collapseReference)
    return null;
  if (total(reference.classes) === 0) return null;
  const percent = (x: number): string => `${Math.round(x * 100)} %`;
  const detail = `${percent(share)} of ${count} runs say class ${top}, ${percent(confident)} confidently; before: ${percent(before)}`;
  return { code: "HEALTH_OUTPUT", detail };
}

function shifted(recent: readonly HealthWindow[], live: Profile): Illness | null {
  const newest = newestWith(recent, healthLimits.shiftMinRuns, (window) => total(window.classes));
  if (newest === null || total(live.classes) < healthLimits.minReferenceRuns) return null;
  const now = addClasses(newest.map((window) => window.classes));
  const distance = totalVariation(now, live.classes);
  if (distance < healthLimits.shiftDistance) return null;
  return {
    code: "HEALTH_OUTPUT",
    detail: `the predicted classes moved by ${distance.toFixed(2)} (total variation) from the release before`,
  };
}

function lessAccurate(recent: readonly HealthWindow[], live: Profile): Illness | null {
  const newest = newestWith(recent, healthLimits.accuracyMinRuns, (window) => window.labelled);
  if (newest === null || live.labelled < healthLimits.minReferenceRuns) return null;
  const now = sum(newest, (window) => window.correct) / sum(newest, (window) => window.labelled);
  const before = live.correct / live.labelled;
  if (before - now <= healthLimits.accuracyDrop) return null;
  return { code: "HEALTH_OUTPUT", detail: `accuracy ${now.toFixed(3)} against ${before.toFixed(3)} before` };
}

/** What the release before did live, if it did enough. */
function liveReference(previous: Installed | null): Profile | null {
  const live = previous?.live ?? null;
  return live !== null && live.runs >= healthLimits.minReferenceRuns ? live : null;
}

/** Past its probation: enough runs and enough time, nothing wrong. */
export function isProven(active: Installed, nowMs: number): boolean {
  const { minRuns, minMs } = active.watch.probation;
  return active.runs >= minRuns && nowMs - active.activatedAtMs >= minMs;
}

/** The live profile with one more window in it; unchanged once it is full. */
export function growProfile(live: Profile | null, window: HealthWindow): Profile {
  const before = live ?? { runs: 0, latencyP95Ms: 0, classes: {}, labelled: 0, correct: 0 };
  if (before.runs >= healthLimits.profileRuns || window.runs === 0) return before;
  const p95Ms = sketchQuantile(decodeSketch(window.latency), 0.95) ?? 0;
  const runs = before.runs + window.runs;
  return {
    runs,
    // Weighted by runs: sketches of all windows would be exact but do not belong in the state.
    latencyP95Ms: (before.latencyP95Ms * before.runs + p95Ms * window.runs) / runs,
    classes: addClasses([before.classes, window.classes]),
    labelled: before.labelled + window.labelled,
    correct: before.correct + window.correct,
  };
}

type Classes = Readonly<Record<string, number>>;

const sum = (windows: readonly HealthWindow[], of: (window: HealthWindow) => number): number =>
  windows.reduce((all, window) => all + of(window), 0);
const total = (classes: Classes): number => Object.values(classes).reduce((all, count) => all + count, 0);

function addClasses(all: readonly Classes[]): Record<string, number> {
  const added = new Map<string, number>();
  for (const classes of all) {
    for (const [name, count] of Object.entries(classes)) {
      if (added.has(name) || added.size < healthLimits.maxClasses) added.set(name, (added.get(name) ?? 0) + count);
    }
  }
  return Object.fromEntries(added);
}

/** The newest windows that hold at least `needed` of something; null if all together do not. */
function newestWith(
  recent: readonly HealthWindow[],
  needed: number,
  of: (window: HealthWindow) => number,
): readonly HealthWindow[] | null {
  let found = 0;
  for (let i = recent.length - 1; i >= 0; i--) {
    const window = recent[i];
    if (window === undefined) continue;
    found += of(window);
    if (found >= needed) return recent.slice(i);
  }
  return null;
}

function totalVariation(a: Classes, b: Classes): number {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  let distance = 0;
  for (const name of names) distance += Math.abs((a[name] ?? 0) / total(a) - (b[name] ?? 0) / total(b));
  return distance / 2;
}
