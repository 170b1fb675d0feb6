/** Why a device is, or is not, part of a rollout: the same rules that place it, told step by step. */
import { bucketOf, inControl, inStage } from "@flotilla/protocol/bucket";
import { compileCohorts, matchingCohorts } from "@flotilla/protocol/cohort";
import { FlotillaError } from "@flotilla/protocol/errors";
import { directiveModels } from "../domain/directive.ts";
import type { DeviceStore } from "../ports/device-store.ts";
import type { RolloutStore } from "../ports/rollout-store.ts";

export interface Explanation {
  readonly device: string;
  readonly rollout: string;
  /** Highest priority first. */
  readonly cohorts: readonly string[];
  /** The cohort whose directive the device follows for the model, or null. */
  readonly follows: string | null;
  /** In [0, 1). */
  readonly bucket: number;
  readonly thresholdBp: number | null;
  readonly arm: "stage" | "control" | "outside" | null;
  /** What it last reported, or null. */
  readonly progress: {
    readonly state: string;
    readonly stage: number;
    readonly timedOut: boolean;
    readonly code: string | null;
    readonly detail: readonly string[];
    readonly variant: string | null;
  } | null;
  readonly why: readonly string[];
}

/** @throws ROLLOUT_NOT_FOUND */
export async function explainDevice(
  parts: { devices: DeviceStore; rollouts: RolloutStore },
  rollout: string,
  deviceId: string,
): Promise<Explanation> {
  const states = await parts.rollouts.rollouts();
  const state = states.find(({ plan }) => plan.rollout === rollout);
  const device = await parts.devices.find(deviceId);
  if (state === undefined) throw new FlotillaError("ROLLOUT_NOT_FOUND", `There is no rollout ${rollout}.`);
  if (device === null) throw new FlotillaError("ROLLOUT_NOT_FOUND", `There is no device ${deviceId}.`);
  const { model } = state.plan;
  const cohorts = matchingCohorts(compileCohorts(await parts.rollouts.cohorts()), device);
  const follows = cohorts.find((cohort) => directiveModels(cohort, states)[model] !== undefined) ?? null;
  const directive = follows === null ? undefined : directiveModels(follows, states)[model];
  const bucket = bucketOf(state.salt, deviceId);
  const isOurs = directive?.rollout === rollout;
  const thresholdBp = isOurs ? directive.stage.thresholdBp : null;
  const arm =
    thresholdBp === null
      ? null
      : inStage(bucket, thresholdBp)
        ? "stage"
        : inControl(bucket, directive?.control?.shareBp ?? 0)
          ? "control"
          : "outside";
  const found = await parts.rollouts.progressOf(rollout, deviceId);
  const why: string[] = [];
  if (device.revoked) why.push("the device's access is revoked");
  if (device.pins[model] !== undefined) why.push(`the device is pinned to release ${device.pins[model]} of ${model}`);
  why.push(cohorts.length === 0 ? "it is in no cohort" : `it is in the cohorts ${cohorts.join(", ")}`);
  if (follows === null) why.push(`none of them has a directive for ${model}`);
  else if (!isOurs) why.push(`it follows cohort ${follows}, which runs rollout ${directive?.rollout}`);
  else {
    const threshold = (thresholdBp ?? 0) / 10_000;
    why.push(`it follows cohort ${follows}; its bucket ${bucket.toFixed(4)} against ${threshold} puts it ${arm}`);
  }
  if (found === null) why.push("it has reported nothing for this rollout");
  const progress =
    found === null
      ? null
      : {
          state: found.state,
          stage: found.stage,
          timedOut: found.timedOut,
          code: found.code,
          detail: found.detail,
          variant: found.variant,
        };
  return { device: deviceId, rollout, cohorts, follows, bucket, thresholdBp, arm, progress, why };
}
