/**
 * Whether a measurement is what the manifest expects, and no worse than the baseline that is checked in
 * (test/corpus/baseline.json: parity by powers of ten, transposes, operators; never seconds).
 */
import type { CorpusEntry, Expectation, Target } from "./manifest.ts";
import { expectationOf, targets } from "./manifest.ts";
import type { Measurement, TargetMeasurement } from "./measurement.ts";

/** design: formats.md, "Parity" */
const float32MaxRel = 1e-4;
/** The picture's bytes are rounded: half a step, and the last bits of a sum of thousands at values around 255. */
const pictureBound = 0.51;
const parityClasses = ["1e-6", "1e-5", "1e-4", "beyond"] as const;
export type ParityClass = (typeof parityClasses)[number] | "unproven";

export interface BaselineTarget {
  readonly parity: ParityClass;
  readonly transposes: number;
  readonly operators: number;
}

/** Model → format → what was reached; formats that refuse or are pending are not in it. */
export type Baseline = Readonly<Record<string, Readonly<Partial<Record<Target, BaselineTarget>>>>>;

export interface Verdict {
  readonly status: "ok" | "pending" | "failed";
  /** Why it failed; or what has become better than the baseline. */
  readonly notes: readonly string[];
}

export function judge(entry: CorpusEntry, measurement: Measurement, baseline: Baseline): Verdict {
  const failures: string[] = [];
  const byReason = new Map<string, Target[]>();
  const { recognisedAs } = measurement;
  if (recognisedAs !== null && recognisedAs !== entry.format) {
    failures.push(`recognised as ${recognisedAs}, not ${entry.format}`);
  }
  const { pictureDifference } = measurement;
  if (pictureDifference !== null && !(pictureDifference <= pictureBound)) {
    failures.push(`the package's own picture: ${pictureDifference} of 255 apart, more than ${pictureBound}`);
  }
  let pending = false;
  for (const target of targets) {
    const found = measurement.targets[target];
    if (found === "pending") pending = true;
    else {
      const known = baseline[entry.model]?.[target];
      const expected = expectationOf(entry, target);
      const reasons = [...unexpected(found, expected, entry), ...(known ? regressions(found, known) : [])];
      for (const reason of reasons) byReason.set(reason, [...(byReason.get(reason) ?? []), target]);
    }
  }
  for (const [reason, at] of byReason) failures.push(`${at.join(" and ")}: ${reason}`);
  return { status: failures.length > 0 ? "failed" : pending ? "pending" : "ok", notes: failures };
}

function unexpected(found: TargetMeasurement, expected: Expectation, entry: CorpusEntry): string[] {
  return "refused" in expected ? notRefused(found, expected) : notConverted(found, entry);
}

function notRefused(
  { error }: TargetMeasurement,
  expected: { readonly refused: string; readonly operators: readonly string[] },
): string[] {
  if (!error) return [`should be refused with ${expected.refused}`];
  if (error.code !== expected.refused) return [`refused with ${error.code}, not ${expected.refused}: ${error.message}`];
  const named = error.operators.join(", ");
  const wanted = [...expected.operators].sort().join(", ");
  return named === wanted ? [] : [`the refusal names [${named}] and should name [${wanted}]`];
}

function notConverted(found: TargetMeasurement, entry: CorpusEntry): string[] {
  const { error, goldenError, goldenMaxRel, maxRel, sameTwice } = found;
  const reasons: string[] = [];
  const bound = entry.goldenMaxRel ?? float32MaxRel;
  const provenByRecord = goldenMaxRel !== null && goldenMaxRel <= bound;
  const noRuntime = error?.code === "PROOF_UNAVAILABLE";
  if (error && !(noRuntime && provenByRecord)) reasons.push(`${error.code}: ${error.message}`);
  else if (!error && maxRel === null) reasons.push("was not proven");
  if ((entry.golden !== undefined || entry.twin) && !provenByRecord && (!error || noRuntime)) {
    reasons.push(
      goldenMaxRel === null
        ? `recorded answers: ${goldenError?.code}: ${goldenError?.message}`
        : `recorded answers: ${goldenMaxRel.toExponential(1)} apart, more than ${bound}`,
    );
  }
  if (sameTwice === false) reasons.push("the second conversion gave other bytes");
  return reasons;
}

function regressions(found: TargetMeasurement, known: BaselineTarget): string[] {
  const reached = baselineTarget(found);
  if (!reached) return [];
  const place = (one: ParityClass) => (one === "unproven" ? parityClasses.length : parityClasses.indexOf(one));
  const reasons: string[] = [];
  // Two classes: processors differ in the last bits, and a figure may lie near a border.
  if (place(reached.parity) > place(known.parity) + 1) reasons.push(`parity ${reached.parity}, was ${known.parity}`);
  if (reached.transposes > known.transposes) reasons.push(`${reached.transposes} transposes, were ${known.transposes}`);
  if (reached.operators > known.operators) reasons.push(`${reached.operators} operators, were ${known.operators}`);
  return reasons;
}

/** null for what was not converted. */
export function baselineTarget(found: TargetMeasurement | "pending"): BaselineTarget | null {
  if (found === "pending" || found.bytes === 0) return null;
  const operators = Object.values(found.operators).reduce((sum, count) => sum + count, 0);
  return { parity: parityClass(found.maxRel ?? found.goldenMaxRel), transposes: found.transposes, operators };
}

function parityClass(maxRel: number | null): ParityClass {
  if (maxRel === null) return "unproven";
  return parityClasses.find((one) => one !== "beyond" && maxRel <= Number(one)) ?? "beyond";
}
