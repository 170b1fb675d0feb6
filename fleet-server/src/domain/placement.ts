/**
 * Which devices a rollout's current stage and control arm hold, by the rule that devices apply to themselves: per
 * model the matching cohort of highest priority whose directive names it, then the bucket. Newcomers are placed like
 * all others. A pinned or revoked device takes no part.
 */
import { armOf, bucketOf } from "@flotilla/protocol/bucket";
import { type CohortSubject, type CompiledCohort, matchingCohorts } from "@flotilla/protocol/cohort";
import type { ModelDirective } from "@flotilla/protocol/documents/control";

export interface PlacedDevice extends CohortSubject {
  readonly device: string;
  readonly pins: Readonly<Record<string, string>>;
  readonly revoked: boolean;
}

export interface Placement {
  readonly rollout: string;
  readonly stage: number;
  readonly arm: "stage" | "control";
}

/** The directives in force, by cohort and model. */
export type DirectivesInForce = ReadonlyMap<string, Readonly<Record<string, ModelDirective>>>;

/** @param cohorts highest priority first, as `compileCohorts` gives them */
export function placeDevice(
  device: PlacedDevice,
  cohorts: readonly CompiledCohort[],
  directives: DirectivesInForce,
): Placement[] {
  if (device.revoked) return [];
  const placed = new Map<string, Placement | null>();
  for (const cohort of matchingCohorts(cohorts, device)) {
    for (const [model, directive] of Object.entries(directives.get(cohort) ?? {})) {
      if (placed.has(model)) continue;
      placed.set(model, device.pins[model] === undefined ? placeIn(device.device, directive) : null);
    }
  }
  return [...placed.values()].filter((placement) => placement !== null);
}

function placeIn(device: string, directive: ModelDirective): Placement | null {
  if (directive.action === "rollback") return null;
  const u = bucketOf(directive.salt, device);
  const arm = armOf(u, directive.stage.thresholdBp, directive.control?.shareBp);
  return arm === "outside" ? null : { rollout: directive.rollout, stage: directive.stage.number, arm };
}
