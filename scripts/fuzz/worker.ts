/**
 * Runs cases of one target in a process of its own, which may grow by nothing but what it reads. Before each case it
 * writes its number to a file: whoever watches sees a hang as a number that stands still, and a crash as the last one.
 * What it finds is a line in a second file, so that nothing is lost with the process.
 */
import { appendFileSync, openSync, writeSync } from "node:fs";
import { FlotillaError } from "@flotilla/protocol/errors";
import { cutsOf, cutsWithin, damagedModel } from "./damaged-model.ts";
import type { ChunkDone, Finding, WorkerLine, WorkerOrder } from "./run-chunk.ts";
import { ScratchFolder, type Seed, seedsOf } from "./targets.ts";

const maxCaseMs = 1_000;
const maxRssBytes = 512 * 2 ** 20;

const peakRssBytes = (): number => process.resourceUsage().maxRSS * 1024;

/** Until the end, or until memory is over the bound: it never comes down again, so another process goes on. */
async function runCases({ target, seed, from, to, atFile, linesFile }: WorkerOrder): Promise<void> {
  const seeds = seedsOf(target);
  const cuts = cutsOf(seeds);
  const scratch = new ScratchFolder();
  const at = openSync(atFile, "w");
  const say = (line: WorkerLine): void => appendFileSync(linesFile, `${JSON.stringify(line)}\n`);
  const refused: Record<string, number> = {};
  let [accepted, worstMs, worstCase, next] = [0, 0, from, from];
  try {
    for (const model of seeds) await checkSeed(scratch, target, model);
    while (next < to && peakRssBytes() <= maxRssBytes) {
      const number = next++;
      writeSync(at, String(number).padStart(16), 0);
      const model = damagedModel(seeds, cuts, seed, number);
      const before = peakRssBytes();
      const [cpu, start] = [process.cpuUsage(), performance.now()];
      const code = await outcome(scratch, target, model);
      const spent = process.cpuUsage(cpu);
      // On a busy machine the clock runs on without us; compilers and collectors beside us make processor time too long.
      const ms = Math.round(Math.min(performance.now() - start, (spent.user + spent.system) / 1000));
      if (ms > worstMs) [worstMs, worstCase] = [ms, number];
      const find = (problem: string): void =>
        say({ finding: { target, seed, case: number, problem } satisfies Finding });
      if (code.startsWith("!")) find(code.slice(1));
      else if (code === "accepted") accepted++;
      else refused[code] = (refused[code] ?? 0) + 1;
      if (ms > maxCaseMs) find(`took ${ms} ms`);
      if (peakRssBytes() > maxRssBytes) find(memoryProblem(before, from, number));
    }
  } finally {
    scratch.clear();
  }
  const done: ChunkDone = {
    next,
    accepted,
    refused,
    peakRssBytes: peakRssBytes(),
    worstMs,
    worstCase,
    cuts: cuts.length,
    cutsDone: cutsWithin(cuts.length, to) - cutsWithin(cuts.length, from),
  };
  say({ done });
}

const mebibytes = (bytes: number): number => Math.round(bytes / 2 ** 20);

const memoryProblem = (before: number, from: number, number: number): string =>
  `the process has grown to ${mebibytes(peakRssBytes())} MiB, by ${mebibytes(peakRssBytes() - before)} in this case; it began with case ${from}` +
  (number > from ? ` (--case ${from}-${number} repeats it)` : "");

async function checkSeed(scratch: ScratchFolder, target: WorkerOrder["target"], model: Seed): Promise<void> {
  const code = await outcome(scratch, target, model);
  if (code === "accepted" || !(model.isModel || code.startsWith("!"))) return;
  throw new FlotillaError("CONFIG_INVALID", `The seed ${model.main} of ${target} would test nothing: ${code}.`);
}

/** "accepted", the code of the last refusal, or "!" and what should not have happened. */
async function outcome(scratch: ScratchFolder, target: WorkerOrder["target"], model: Seed): Promise<string> {
  let code = "accepted";
  for (const read of scratch.readings(target, model)) {
    try {
      await read();
    } catch (thrown) {
      if (!(thrown instanceof FlotillaError)) {
        return `!${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`;
      }
      if (thrown.code === "INTERNAL" || thrown.code === "GRAPH_INVALID")
        return `!${thrown.code}: ${thrown.stack ?? thrown.message}`;
      code = thrown.code;
    }
  }
  return code;
}

const order: WorkerOrder = JSON.parse(process.argv[2] ?? "{}");
await runCases(order);
