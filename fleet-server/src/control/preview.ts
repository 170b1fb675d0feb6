/**
 * Who is in a cohort, which variant of a release each would take, and why the rest takes none: the same admission that
 * devices apply to themselves (protocol: admission.ts), over what they last told of themselves.
 */
import { chooseVariant } from "@flotilla/protocol/admission";
import { compileCohort } from "@flotilla/protocol/cohort";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { DeviceStore } from "../ports/device-store.ts";
import type { ReleaseCatalogue } from "../ports/release-catalogue.ts";
import type { RolloutStore } from "../ports/rollout-store.ts";

export interface CohortPreview {
  readonly matching: number;
  /** Variant → devices. Empty if no release is asked about. */
  readonly variants: Record<string, number>;
  /** Why devices are not in the cohort, or take no variant → devices. */
  readonly reasons: Record<string, number>;
}

const pageSize = 500;

/** @throws ROLLOUT_NOT_FOUND for an unknown cohort or release */
export async function previewCohort(
  parts: { devices: DeviceStore; rollouts: RolloutStore; trust: ReleaseCatalogue },
  cohortId: string,
  query: { readonly model?: string; readonly release?: string },
): Promise<CohortPreview> {
  const entry = (await parts.rollouts.cohorts()).find(({ id }) => id === cohortId);
  if (entry === undefined) throw new FlotillaError("ROLLOUT_NOT_FOUND", `There is no cohort ${cohortId}.`);
  const { model, release: releaseId } = query;
  const asked = model !== undefined && releaseId !== undefined;
  const found = asked ? await parts.trust.find(model, releaseId) : null;
  if (asked && found === null) {
    throw new FlotillaError("ROLLOUT_NOT_FOUND", `There is no published release ${releaseId} of ${model}.`);
  }
  const expression = compileCohort(entry.cel);
  const preview: CohortPreview = { matching: 0, variants: {}, reasons: {} };
  let matching = 0;
  for await (const device of allDevices(parts.devices)) {
    if (device.revoked) {
      count(preview.reasons, "revoked");
      continue;
    }
    const { matches, problem } = expression.evaluate(device);
    if (!matches) {
      count(preview.reasons, problem === undefined ? "does not match" : `cannot be evaluated: ${problem}`);
      continue;
    }
    matching++;
    if (found === null) continue;
    const admission = chooseVariant(found.release.variants, device.attributes);
    if (admission.admitted) count(preview.variants, admission.variant.name);
    else for (const reason of describe(admission.refusals)) count(preview.reasons, reason);
  }
  return { ...preview, matching };
}

const describe = (refusals: readonly { variant: string; attribute: string; reason: string }[]): Set<string> =>
  new Set(refusals.map(({ variant, attribute, reason }) => `${variant}: ${attribute}: ${reason}`));

const count = (counts: Record<string, number>, name: string): void => {
  counts[name] = (counts[name] ?? 0) + 1;
};

async function* allDevices(devices: DeviceStore) {
  for (let after: string | undefined; ; ) {
    const page = await devices.list({ limit: pageSize, ...(after === undefined ? {} : { after }) });
    yield* page;
    if (page.length < pageSize) return;
    after = page.at(-1)?.device;
  }
}
