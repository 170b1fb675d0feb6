/**
 * What a resolved release means for this device: which variant it takes, or why none (design: formats.md,
 * "Release document", "Requirements"). The choice itself is shared with the server's preview (protocol/admission.ts);
 * here it meets what only the device knows: its counter floor, its free storage, and the digests that failed here.
 */
import { chooseVariant } from "@flotilla/protocol/admission";
import type { Release, ReleaseCustom } from "@flotilla/protocol/documents/release";
import type { DeviceAttributes } from "@flotilla/protocol/documents/reports";
import type { ChosenVariant, ModelState } from "./state.ts";

export type Verdict =
  | { readonly kind: "take"; readonly variant: ChosenVariant }
  | { readonly kind: "rejected"; readonly code?: string; readonly reasons: readonly string[] }
  /** The variant that this device takes has failed its trial here before. */
  | { readonly kind: "blocked"; readonly code: string; readonly variant: string };

export interface AdmissionFacts {
  readonly attributes: DeviceAttributes;
  /** Free now; the attribute of that name, where there is one, caps it. */
  readonly storageBytes: number;
  /** Highest `minCounter` ever seen for this model. */
  readonly counterFloor: number;
  readonly blocked: ModelState["blocked"];
}

/** Longest list of reasons in a status (documents/reports.ts). */
const maxReasons = 64;

export function admit(release: Release, custom: ReleaseCustom, facts: AdmissionFacts): Verdict {
  const floor = Math.max(facts.counterFloor, custom.minCounter);
  if (release.counter !== custom.counter) {
    const reason = `the document says counter ${release.counter}, its signed target ${custom.counter}`;
    return { kind: "rejected", code: "INTEGRITY_METADATA", reasons: [reason] };
  }
  if (release.counter < floor) {
    const reason = `counter ${release.counter} is below the floor ${floor}`;
    return { kind: "rejected", code: "INTEGRITY_ROLLBACK", reasons: [reason] };
  }
  const cap = facts.attributes.storageBytes;
  const storageBytes = typeof cap === "number" ? Math.min(cap, facts.storageBytes) : facts.storageBytes;
  const admission = chooseVariant(release.variants, { ...facts.attributes, storageBytes });
  if (!admission.admitted) {
    const reasons = admission.refusals.map(({ variant, attribute, reason }) => `${variant}: ${attribute}: ${reason}`);
    return { kind: "rejected", reasons: reasons.slice(0, maxReasons).map((reason) => reason.slice(0, 512)) };
  }
  const { name, digest, sizeBytes, golden, tolerance, requirements, outputs } = admission.variant;
  const failed = facts.blocked.find((entry) => entry.digest === digest);
  if (failed !== undefined) return { kind: "blocked", code: failed.code, variant: name };
  return {
    kind: "take",
    variant: {
      name,
      model: { digest, sizeBytes },
      golden,
      tolerance,
      counter: release.counter,
      inputs: requirements.inputs.map((tensor) => tensor.name),
      outputs: requirements.outputs.map((tensor) => tensor.name),
      classes: outputs.labels?.length ?? null,
    },
  };
}
