/**
 * Whether a device may take a variant, by the variant's signed requirements and the attributes that the device reports
 * (design: formats.md, "Requirements"). Shared: the agent decides with it, the server's preview predicts with it.
 * An attribute that the device does not report is inadmissible, reason `unknown`.
 *
 * The attributes read here (all flat, as documents/reports.ts allows; lists are words separated by spaces):
 *   runtimes      "litert@2.5.3 tflite@2.12.0"    runtimes and their versions
 *   operators     "*" (all that the runtimes have), or "CONV_2D@5 SOFTMAX@2": operators and the highest version of each
 *   memoryBytes   working memory that a model may take
 *   storageBytes  free storage for models
 *   accelerators  "npu gpu"; "" where there are none
 *   appVersion    "1.14.0", of the embedding app
 */
import type { Requirements, Variant } from "./documents/release.ts";
import type { DeviceAttributes } from "./documents/reports.ts";

export interface Refusal {
  /** The attribute or requirement at fault. */
  readonly attribute: string;
  /** `unknown` if the device does not report it, else what was found against what is needed. */
  readonly reason: string;
}

export type Admission =
  | { readonly admitted: true; readonly variant: Variant }
  | { readonly admitted: false; readonly refusals: readonly (Refusal & { readonly variant: string })[] };

/** The first variant in the signed order that the device can take, else every reason of every variant. */
export function chooseVariant(variants: readonly Variant[], attributes: DeviceAttributes): Admission {
  const refusals: (Refusal & { variant: string })[] = [];
  for (const variant of variants) {
    const found = refusalsOf(variant.requirements, attributes);
    if (found.length === 0) return { admitted: true, variant };
    refusals.push(...found.map((refusal) => ({ ...refusal, variant: variant.name })));
  }
  return { admitted: false, refusals };
}

/** Everything that speaks against running a variant with these requirements; empty if nothing does. */
export function refusalsOf(requirements: Requirements, attributes: DeviceAttributes): Refusal[] {
  return [
    ...refuseRuntimes(requirements, attributes),
    ...refuseOperators(requirements, attributes),
    ...refuseSize("memoryBytes", requirements.arenaBytes, attributes),
    ...refuseSize("storageBytes", requirements.storageBytes, attributes),
    ...refuseAccelerators(requirements, attributes),
    ...refuseAppVersion(requirements, attributes),
  ];
}

const unknown = (attribute: string): Refusal[] => [{ attribute, reason: "unknown" }];
const words = (text: string): string[] => text.split(" ").filter((word) => word.length > 0);

function refuseRuntimes({ runtimes }: Requirements, attributes: DeviceAttributes): Refusal[] {
  const reported = attributes.runtimes;
  if (typeof reported !== "string") return unknown("runtimes");
  const have = new Map(words(reported).map((word) => splitAt(word)));
  const fits = runtimes.some(({ name, minVersion }) => {
    const version = have.get(name);
    return version !== undefined && compareVersions(version, minVersion) >= 0;
  });
  const needed = runtimes.map(({ name, minVersion }) => `${name} ${minVersion}`).join(" or ");
  return fits ? [] : [{ attribute: "runtimes", reason: `found ${reported || "none"}, needs ${needed}` }];
}

function refuseOperators({ operators }: Requirements, attributes: DeviceAttributes): Refusal[] {
  const reported = attributes.operators;
  if (typeof reported !== "string") return unknown("operators");
  if (reported === "*") return [];
  const have = new Map(words(reported).map((word) => splitAt(word)));
  return Object.entries(operators).flatMap(([operator, { maxVersion }]) => {
    const version = have.get(operator);
    if (version === undefined) return [{ attribute: "operators", reason: `${operator} is missing` }];
    if (Number(version) >= maxVersion) return [];
    return [{ attribute: "operators", reason: `${operator} found up to version ${version}, needs ${maxVersion}` }];
  });
}

function refuseSize(attribute: string, needed: number, attributes: DeviceAttributes): Refusal[] {
  const found = attributes[attribute];
  if (typeof found !== "number") return unknown(attribute);
  return found >= needed ? [] : [{ attribute, reason: `found ${found}, needs ${needed}` }];
}

function refuseAccelerators({ accelerators }: Requirements, attributes: DeviceAttributes): Refusal[] {
  if (accelerators === undefined) return [];
  const reported = attributes.accelerators;
  if (typeof reported !== "string") return unknown("accelerators");
  if (words(reported).some((word) => accelerators.includes(word))) return [];
  return [
    { attribute: "accelerators", reason: `found ${reported || "none"}, needs one of ${accelerators.join(", ")}` },
  ];
}

function refuseAppVersion({ appVersion }: Requirements, attributes: DeviceAttributes): Refusal[] {
  if (appVersion === undefined) return [];
  const found = attributes.appVersion;
  if (typeof found !== "string") return unknown("appVersion");
  if (compareVersions(found, appVersion) >= 0) return [];
  return [{ attribute: "appVersion", reason: `found ${found}, needs ${appVersion}` }];
}

function splitAt(word: string): [string, string] {
  const at = word.lastIndexOf("@");
  return at < 0 ? [word, "0"] : [word.slice(0, at), word.slice(at + 1)];
}

/**
 * Compares dotted versions by their numbers: "1.14.0" > "1.9". Missing parts count as 0; a part that is not a number
 * ("2.0.0-alpha") counts by the digits it begins with; so a pre-release is not told from its release.
 */
export function compareVersions(a: string, b: string): number {
  const parts = (version: string): number[] => version.split(/[.+-]/).map((part) => Number.parseInt(part, 10) || 0);
  const left = parts(a);
  const right = parts(b);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return Math.sign(difference);
  }
  return 0;
}
