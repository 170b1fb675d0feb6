/**
 * What a device should run, decided by itself from signed documents: cohorts by CEL over its own attributes and tags,
 * the matching cohort of highest priority per model, then its bucket: stage, control arm, or base
 * (design: formats.md, "Fleet index, directive, device document", "Bucket"). Pins beat cohorts. Pure.
 */
import { armOf, bucketOf } from "@flotilla/protocol/bucket";
import { type CohortExpression, compileCohort } from "@flotilla/protocol/cohort";
import type { FleetIndex, ModelDirective } from "@flotilla/protocol/documents/control";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { AgentState, Target } from "./state.ts";

/** A target, and what the device may do about it now. */
export interface Selection {
  readonly target: Target;
  /** May begin: not paused, nothing expired. */
  readonly mayStart: boolean;
  /** May activate: nothing expired. Expiry forbids new activations; it never deactivates what runs. */
  readonly mayActivate: boolean;
  /** The release of a cohort's rollout that a pin keeps this device from. */
  readonly optedOut: { readonly rollout: string; readonly release: string } | null;
}

/** Watch and deadlines of a pin, which has no directive of its own: a stage's usual ones. */
const pinDefaults = { startMs: 3_600_000, stepMs: 600_000, retries: 3 } as const;
const pinWatch = {
  probation: { minRuns: 0, minMs: 60_000 },
  stopRule: { windowS: 600, minRuns: 20, maxErrorRate: 0.5, maxLatencyRatio: 10, maxRestarts: 3 },
} as const;
/** Rollout id in the reports of pinned devices. */
export const pinnedRollout = "pinned";

/** Expressions of the index at hand, compiled once. One that does not compile matches nobody. */
const compiled = new WeakMap<
  FleetIndex,
  readonly { readonly id: string; readonly expression: CohortExpression | null }[]
>();

function compileIndex(
  index: FleetIndex,
): readonly { readonly id: string; readonly expression: CohortExpression | null }[] {
  const known = compiled.get(index);
  if (known !== undefined) return known;
  const cohorts = [...index.cohorts]
    .sort((a, b) => b.priority - a.priority || (a.id < b.id ? -1 : 1))
    .map(({ id, cel }) => {
      try {
        return { id, expression: compileCohort(cel) };
      } catch (error) {
        if (error instanceof FlotillaError) return { id, expression: null };
        throw error;
      }
    });
  compiled.set(index, cohorts);
  return cohorts;
}

/** The cohorts that this device is in, highest priority first. */
export function matchingCohorts(state: AgentState): string[] {
  if (state.index === null) return [];
  const subject = { attributes: state.attributes, tags: state.document?.tags ?? [] };
  return compileIndex(state.index)
    .filter(({ expression }) => expression?.evaluate(subject).matches === true)
    .map(({ id }) => id);
}

/** What this device should run, by model. Models that no document speaks of are absent: they keep what they have. */
export function selectTargets(state: AgentState, nowMs: number): Map<string, Selection> {
  const selections = new Map<string, Selection>();
  if (state.document?.revoked === true) return selections;
  const now = Math.max(nowMs, state.floors.timeMs);
  const fresh = (expiresAtMs: number | undefined): boolean => expiresAtMs === undefined || now < expiresAtMs;
  const own = fresh(state.document?.expiresAtMs) && fresh(state.index?.expiresAtMs);

  for (const cohort of matchingCohorts(state)) {
    const directive = state.directives[cohort];
    if (directive === undefined) continue;
    for (const [model, words] of Object.entries(directive.models)) {
      if (selections.has(model)) continue;
      const target = targetOf(state.device, model, words);
      if (target === null) continue;
      const valid = own && fresh(directive.expiresAtMs);
      // A pause stops offers of the new release; the way back is never paused.
      const paused = words.paused && target.intent === "install" && target.arm !== "base";
      selections.set(model, { target, mayStart: valid && !paused, mayActivate: valid, optedOut: null });
    }
  }
  for (const [model, release] of Object.entries(state.document?.pins ?? {})) {
    const instead = selections.get(model)?.target;
    const rollout = pinnedRollout;
    const plain = { intent: "install", arm: "pin", ends: null, delayMs: 0, watch: pinWatch, ...pinDefaults } as const;
    const optedOut =
      instead !== undefined && instead.release !== release && instead.arm === "stage"
        ? { rollout: instead.rollout, release: instead.release }
        : null;
    selections.set(model, {
      target: { model, rollout, release, ...plain },
      mayStart: own,
      mayActivate: own,
      optedOut,
    });
  }
  return selections;
}

function targetOf(device: string, model: string, words: ModelDirective): Target | null {
  const { salt, stage, base, control, deadlines, retries, probation, stopRule } = words;
  const common = { model, ...deadlines, retries, watch: { probation, stopRule }, delayMs: 0, ends: null };
  if (words.action === "rollback") {
    return {
      ...common,
      rollout: words.rollout,
      release: words.release,
      intent: "restore",
      arm: "base",
      ends: words.rollout,
    };
  }
  const u = bucketOf(salt, device);
  switch (armOf(u, stage.thresholdBp, control?.shareBp)) {
    case "stage": {
      const place = u / (stage.thresholdBp / 10_000);
      const delayMs = Math.floor(place * (words.rate?.spreadMs ?? 0));
      return { ...common, rollout: words.rollout, release: words.release, intent: "install", arm: "stage", delayMs };
    }
    case "control": {
      const release = control?.release ?? words.release;
      const rollout = base?.release === release ? base.rollout : words.rollout;
      return { ...common, rollout, release, intent: "install", arm: "control" };
    }
    case "outside":
      if (base === undefined) return null;
      return { ...common, rollout: base.rollout, release: base.release, intent: "install", arm: "base" };
  }
}
