/**
 * Cohort expressions: CEL over a device's own `attributes` and `tags`, and nothing else (design: formats.md, "Fleet
 * index"), so server and device always agree. Numbers are doubles on both sides: compare with any literal, calculate
 * with `2.0`. `matches()` is refused because its regular expressions run without a time bound here.
 * An expression that fails on a device (say, an attribute it does not have) does not match that device.
 */
import { type ASTNode, Environment } from "@marcbachmann/cel-js";
import type { CohortEntry } from "./documents/control.ts";
import type { DeviceAttributes } from "./documents/reports.ts";
import { FlotillaError } from "./errors.ts";

/** What an expression is evaluated over. */
export interface CohortSubject {
  readonly attributes: DeviceAttributes;
  readonly tags: readonly string[];
}

export interface CohortExpression {
  readonly cel: string;
  /** Whether the subject is in the cohort, and if the expression failed on it, why. */
  evaluate(subject: CohortSubject): { readonly matches: boolean; readonly problem?: string };
}

/** Far above any sensible expression, low enough that evaluating one is always instant. */
const limits = { maxAstNodes: 1000, maxDepth: 32, maxListElements: 256, maxMapEntries: 64, maxCallArguments: 16 };
const refusedCalls = new Set(["matches"]);

const environment = new Environment({ unlistedVariablesAreDyn: false, limits })
  .registerVariable("attributes", "map<string, dyn>")
  .registerVariable("tags", "list<string>");

/**
 * Parses and checks an expression.
 * @throws CONFIG_COHORT_INVALID if it does not parse, is not boolean, or names anything but `attributes` and `tags`
 */
export function compileCohort(cel: string): CohortExpression {
  const refuse = (why: string, cause?: unknown): never => {
    throw new FlotillaError("CONFIG_COHORT_INVALID", `The cohort expression ${JSON.stringify(cel)} ${why}.`, {
      details: { cel },
      cause,
    });
  };
  let parsed: ReturnType<Environment["parse"]>;
  try {
    parsed = environment.parse(cel);
  } catch (error) {
    return refuse(`does not parse: ${firstLine(error)}`, error);
  }
  const refused = findRefusedCall(parsed.ast);
  if (refused !== null) return refuse(`uses ${refused}(), which has no time bound`);
  const checked = parsed.check();
  if (!checked.valid) return refuse(`is not valid: ${firstLine(checked.error)}`, checked.error);
  if (checked.type !== "bool") {
    return refuse(`is of type ${checked.type ?? "unknown"}, not bool; write a comparison such as \`… == true\``);
  }
  return {
    cel,
    evaluate(subject) {
      try {
        const value: unknown = parsed({ attributes: subject.attributes, tags: subject.tags });
        return value === true ? { matches: true } : { matches: false };
      } catch (error) {
        return { matches: false, problem: firstLine(error) };
      }
    },
  };
}

/** A cohort of the fleet index, ready to be evaluated. */
export interface CompiledCohort extends CohortEntry {
  readonly expression: CohortExpression;
}

/** Compiles the entries of a fleet index, highest priority first (equal priorities: by id). */
export function compileCohorts(entries: readonly CohortEntry[]): CompiledCohort[] {
  return entries
    .map((entry) => ({ ...entry, expression: compileCohort(entry.cel) }))
    .sort((a, b) => b.priority - a.priority || (a.id < b.id ? -1 : 1));
}

/** The ids of the cohorts that a device is in, highest priority first; `cohorts` must be in that order. */
export function matchingCohorts(cohorts: readonly CompiledCohort[], subject: CohortSubject): string[] {
  return cohorts.filter((cohort) => cohort.expression.evaluate(subject).matches).map((cohort) => cohort.id);
}

function findRefusedCall(value: unknown): string | null {
  if (Array.isArray(value)) {
    for (const item of value) {
      const found = findRefusedCall(item);
      if (found !== null) return found;
    }
    return null;
  }
  if (!isNode(value)) return null;
  if ((value.op === "call" || value.op === "rcall") && refusedCalls.has(value.args[0])) return value.args[0];
  return findRefusedCall(value.args);
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === "object" && value !== null && "op" in value && "args" in value;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}
