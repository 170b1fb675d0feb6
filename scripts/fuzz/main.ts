/**
 * `npm run fuzz [-- --cases N --seed S --only READER --case N[-M] --jobs N --chunk N --log FILE --json]`: damaged models
 * through all readers; default 10⁶ cases, a process for each core. With `--log`, a run that was stopped goes on.
 * Findings are written below `fuzz-findings/`, to become fixtures, with the command that repeats each; exit 1 if any.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { FlotillaError } from "@flotilla/protocol/errors";
import { cutsOf, damagedModel } from "./damaged-model.ts";
import type { ChunkReport, Finding } from "./run-chunk.ts";
import { type FuzzReport, runFuzz } from "./run-fuzz.ts";
import { fuzzTargets, seedsOf } from "./targets.ts";

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "1000000" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
    case: { type: "string" },
    jobs: { type: "string", default: String(availableParallelism()) },
    chunk: { type: "string", default: "25000" },
    log: { type: "string" },
    json: { type: "boolean", default: false },
  },
});

const start = performance.now();
const [cases, seed, jobs, chunkCases] = [values.cases, values.seed, values.jobs, values.chunk].map(whole);
const [first = 0, last = first] = (values.case ?? "").split("-").map(whole);
if (values.only !== undefined && !fuzzTargets.some((target) => target === values.only))
  throw new FlotillaError("CONFIG_INVALID", `There is no reader ${values.only}, there are ${fuzzTargets.join(", ")}.`);

const reports = await runFuzz({
  cases: cases ?? 0,
  seed: seed ?? 1,
  jobs: Math.max(jobs ?? 1, 1),
  chunkCases: Math.max(chunkCases ?? 1, 1),
  ...(values.only === undefined ? {} : { only: values.only }),
  ...(values.case === undefined ? {} : { range: [first, last + 1] as const }),
  ...(values.log === undefined ? {} : { log: values.log }),
  onChunk: progress,
});
const findings = reports.flatMap((report) => report.findings);
for (const finding of findings) await keep(finding);
const total = {
  cases: reports.reduce((sum, report) => sum + report.cases, 0),
  findings: findings.length,
  worstMs: Math.max(...reports.map((report) => report.worstMs)),
  peakRssBytes: Math.max(...reports.map((report) => report.peakRssBytes)),
  seconds: Math.round((performance.now() - start) / 1000),
};
if (values.json) {
  const told = findings.map((finding) => ({ ...finding, repeat: commandOf(finding) }));
  console.log(JSON.stringify({ ...total, seed, readers: reports, repeats: told }, null, 2));
} else {
  for (const report of reports) console.log(line(report));
  for (const finding of findings)
    console.log(`\n${commandOf(finding)}\n${finding.problem.split("\n").slice(0, 6).join("\n")}`);
  const peak = mebibytes(total.peakRssBytes);
  console.log(`${total.cases} cases, ${total.findings} findings, worst case ${total.worstMs} ms, peak ${peak} MiB, ${total.seconds} s`); // biome-ignore format: one line
}
process.exitCode = findings.length === 0 ? 0 : 1;

function whole(text: string): number {
  if (text === "" || /^\d{1,12}$/.test(text)) return Number(text);
  throw new FlotillaError("CONFIG_INVALID", `"${text}" is not a whole number.`);
}

function commandOf({ target, seed, case: number }: Finding): string {
  return `npm run fuzz -- --only ${target} --seed ${seed} --case ${number}`;
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}

function line({ target, cases, accepted, refused, findings, ...figures }: FuzzReport): string {
  const codes = Object.entries(refused)
    .sort(([, a], [, b]) => b - a)
    .map(([code, count]) => `${code} ${count}`)
    .join(", ");
  const { cutsDone, cuts, worstMs, worstCase, peakRssBytes } = figures;
  return (
    `${target}: ${cases} cases, ${cutsDone} of ${cuts} boundaries, worst ${worstMs} ms (case ${worstCase}), ` +
    `peak ${mebibytes(peakRssBytes)} MiB, ${findings.length} findings; accepted ${accepted}; ${codes}`
  );
}

function progress({ chunk, parts, findings }: ChunkReport, done: number, all: number): void {
  const peak = mebibytes(Math.max(0, ...parts.map((part) => part.peakRssBytes)));
  const spent = ((performance.now() - start) / 1000).toFixed(0);
  console.error(
    `${done}/${all} ${chunk.target} ${chunk.from}-${chunk.to - 1}: ${findings.length} findings, peak ${peak} MiB, ${spent} s`,
  );
  for (const finding of findings) console.error(`  ${commandOf(finding)}: ${finding.problem.split("\n")[0]}`);
}

/** The damaged files, as they were read. */
async function keep({ target, seed: of, case: number, problem }: Finding): Promise<void> {
  const folder = join("fuzz-findings", `${target}-${of}-${number}`);
  const seeds = seedsOf(target);
  const { files } = damagedModel(seeds, cutsOf(seeds), of, number);
  for (const [name, bytes] of Object.entries({ ...files, "problem.txt": new TextEncoder().encode(problem) })) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  }
}
