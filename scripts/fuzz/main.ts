/**
 * `npm run fuzz [-- --cases N --seed S --only READER --json]`: damaged models through all readers; default 10⁶ cases.
 * Findings are written below `fuzz-findings/`, to become fixtures; exit 1 if there are any.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { type FuzzReport, runFuzz } from "./run-fuzz.ts";

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "1000000" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
    json: { type: "boolean", default: false },
  },
});

function line({ target, cases, accepted, refused, findings, peakRssBytes, seconds }: FuzzReport): string {
  const codes = Object.entries(refused)
    .sort(([, a], [, b]) => b - a)
    .map(([code, count]) => `${code} ${count}`)
    .join(", ");
  const peak = Math.round(peakRssBytes / 2 ** 20);
  return `${target}: ${cases} cases in ${seconds.toFixed(0)} s, peak ${peak} MiB, ${findings.length} findings; accepted ${accepted}; ${codes}`;
}

const reports = await runFuzz({
  cases: Number(values.cases),
  seed: Number(values.seed),
  ...(values.only === undefined ? {} : { only: values.only }),
  onTarget: (report) => {
    if (!values.json) console.log(line(report));
  },
});
const findings = reports.flatMap((report) => report.findings);
for (const { target, case: number, problem, files } of findings) {
  if (!values.json) console.log(`\n${target} case ${number}: ${problem.split("\n").slice(0, 6).join("\n")}`);
  for (const [name, bytes] of Object.entries(files)) {
    const path = join("fuzz-findings", `${target}-${values.seed}-${number}`, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  }
}
if (values.json) {
  const plain = reports.map((report) => ({ ...report, findings: report.findings.map(({ files, ...rest }) => rest) }));
  console.log(JSON.stringify({ cases: Number(values.cases), seed: Number(values.seed), readers: plain }, null, 2));
}
process.exitCode = findings.length === 0 ? 0 : 1;
