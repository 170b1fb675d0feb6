/** Prints `N passed, N failed` from Vitest's JSON report as the last line of CI; exits 1 if anything failed or nothing ran. */
import { readFileSync } from "node:fs";
import path from "node:path";

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numFailedTestSuites: number;
}

const report: Report = JSON.parse(
  readFileSync(path.join(import.meta.dirname, "..", ".vitest-results.json"), "utf8"),
) as Report;
// A suite that cannot even be loaded has no test that fails: it counts as one.
const failed = Math.max(report.numFailedTests, report.numFailedTestSuites > 0 ? 1 : 0);
console.log(`${report.numPassedTests} passed, ${failed} failed`);
process.exitCode = failed > 0 || report.numPassedTests === 0 ? 1 : 0;
