/**
 * Models that came with the device or the app: put into their place before the agent starts, the last thing to fall back
 * on, and what runs until the fleet says otherwise (facts: trust-and-faults §6, "embedded baseline").
 */
import { sha256Hex } from "@flotilla/protocol/digest";
import type { DeviceStorage } from "../../ports/device-storage.ts";
import type { Installed } from "../state.ts";
import { paths } from "./layout.ts";

export interface Baseline {
  readonly model: string;
  readonly release: string;
  readonly variant: string;
  /** The `.tflite` file. */
  readonly bytes: Uint8Array;
  /** Names by position in the file. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly classes?: number;
  /** The release's counter, if it was published too; default 0. */
  readonly counter?: number;
}

/** Rollout id of what no rollout brought. */
export const factoryRollout = "factory";

export async function installBaselines(
  storage: DeviceStorage,
  baselines: readonly Baseline[],
): Promise<ReadonlyMap<string, Installed>> {
  const installed = new Map<string, Installed>();
  for (const baseline of baselines) {
    const path = paths.model(baseline.model, "factory");
    const digest = sha256Hex(baseline.bytes);
    const found = await storage.read(path);
    if (found === null || sha256Hex(found) !== digest) await storage.write(path, baseline.bytes);
    installed.set(baseline.model, installedFrom(baseline, digest));
  }
  return installed;
}

function installedFrom(baseline: Baseline, digest: string): Installed {
  const { release, variant, bytes, inputs, outputs, classes = null, counter = 0 } = baseline;
  return {
    slot: "factory",
    rollout: factoryRollout,
    release,
    variant: {
      name: variant,
      model: { digest, sizeBytes: bytes.length },
      golden: { digest: "0".repeat(64), sizeBytes: 0 },
      tolerance: { atol: 0, rtol: 0, integerUnits: 2 },
      counter,
      inputs,
      outputs,
      classes,
    },
    // Nothing is left to fall back on, so nothing is watched for.
    watch: {
      probation: { minRuns: 0, minMs: 0 },
      stopRule: { windowS: 1, minRuns: 1, maxErrorRate: 1, maxLatencyRatio: Number.MAX_SAFE_INTEGER, maxRestarts: 10 },
    },
    committed: true,
    reported: false,
    activatedAtMs: 0,
    unprovenStarts: 0,
    runs: 0,
    trial: { runs: 0, latencyP95Ms: 0, classes: {}, labelled: 0, correct: 0 },
    live: null,
  };
}
