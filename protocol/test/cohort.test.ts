/** The vectors that every reader of cohort expressions has to agree with. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { type CohortSubject, compileCohort, compileCohorts, matchingCohorts } from "../src/cohort.ts";

interface Vectors {
  readonly subjects: Readonly<Record<string, CohortSubject>>;
  readonly vectors: readonly { readonly cel: string; readonly matches: readonly string[] }[];
  readonly refused: readonly string[];
}
const file = fileURLToPath(new URL("../src/cohort-vectors.json", import.meta.url));
const { subjects, vectors, refused } = JSON.parse(readFileSync(file, "utf8")) as Vectors;

test.each(vectors)("$cel", ({ cel, matches }) => {
  const expression = compileCohort(cel);
  const found = Object.keys(subjects).filter((name) => expression.evaluate(subjects[name]!).matches);
  expect(found).toEqual(matches);
});

describe("refused when it is made, not when it is used", () => {
  test.each(refused)("%s", (cel) => {
    expect(() => compileCohort(cel)).toThrowError(expect.objectContaining({ code: "CONFIG_COHORT_INVALID" }));
  });
  test.each([
    ["deep nesting", `${"(".repeat(200)}true${")".repeat(200)}`],
    ["a thousand operators", Array(1000).fill("true").join(" && ")],
    ["a long list", `1 in [${Array(1000).fill("1").join(",")}]`],
  ])("%s", (_, cel) => {
    expect(() => compileCohort(cel)).toThrowError(expect.objectContaining({ code: "CONFIG_COHORT_INVALID" }));
  });
});

test("what an expression stumbles over is told", () => {
  expect(compileCohort("attributes.missing == 1").evaluate(subjects.board!)).toEqual({
    matches: false,
    problem: expect.stringContaining("missing"),
  });
});

test("cohorts come highest priority first, equal ones by id", () => {
  const cohorts = compileCohorts([
    { id: "all-b", cel: "true", priority: 0 },
    { id: "canary", cel: '"canary" in tags', priority: 10 },
    { id: "all-a", cel: "true", priority: 0 },
  ]);
  expect(matchingCohorts(cohorts, subjects.board!)).toEqual(["canary", "all-a", "all-b"]);
  expect(matchingCohorts(cohorts, subjects.phone!)).toEqual(["all-a", "all-b"]);
});
