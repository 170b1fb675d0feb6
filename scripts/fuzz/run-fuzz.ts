/**
 * Runs cases over all readers, in chunks, several processes at a time: nothing may crash, take more than a second, or need
 * more than 512 MB. One process reads thousands of models one after another, so that what a reader leaves behind counts.
 * Every target gets the same number of cases.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import type { SourceFormat } from "@flotilla/converter/sources/source";
import { type Chunk, type ChunkReport, type Finding, runChunk } from "./run-chunk.ts";
import { fuzzTargets } from "./targets.ts";

export interface FuzzReport {
  readonly target: string;
  readonly cases: number;
  readonly accepted: number;
  /** Cases by the code of their refusal. */
  readonly refused: Readonly<Record<string, number>>;
  readonly findings: readonly Finding[];
  readonly peakRssBytes: number;
  readonly worstMs: number;
  readonly worstCase: number;
  readonly cuts: number;
  readonly cutsDone: number;
}

export interface FuzzPlan {
  readonly cases: number;
  readonly seed: number;
  readonly only?: string;
  /** The cases from the first to the one behind the last, of every target, in the place of `cases`. */
  readonly range?: readonly [number, number];
  readonly jobs: number;
  readonly chunkCases: number;
  /** A line for each finished chunk; chunks that are in it already are not run again. */
  readonly log?: string;
  readonly onChunk?: (report: ChunkReport, done: number, all: number) => void;
}

export async function runFuzz(plan: FuzzPlan): Promise<readonly FuzzReport[]> {
  const targets = fuzzTargets.filter((target) => plan.only === undefined || target === plan.only);
  const chunks = targets.flatMap((target, place) => chunksOf(target, plan, sharesOf(plan.cases, targets.length, place)));
  const before = plan.log ? logged(plan.log) : [];
  const reports: ChunkReport[] = [];
  const waiting = chunks.filter((chunk) => {
    const known = before.find((report) => JSON.stringify(report.chunk) === JSON.stringify(chunk));
    if (known) reports.push(known);
    return known === undefined;
  });
  const work = async (): Promise<void> => {
    for (let chunk = waiting.shift(); chunk; chunk = waiting.shift()) {
      const report = await runChunk(chunk);
      if (plan.log) appendFileSync(plan.log, `${JSON.stringify(report)}\n`);
      reports.push(report);
      plan.onChunk?.(report, reports.length, chunks.length);
    }
  };
  await Promise.all(Array.from({ length: Math.min(plan.jobs, Math.max(waiting.length, 1)) }, work));
  return targets.map((target) => summed(target, reports.filter(({ chunk }) => chunk.target === target)));
} // biome-ignore format: one call

const sharesOf = (cases: number, targets: number, place: number): number =>
  Math.floor((cases * (place + 1)) / targets) - Math.floor((cases * place) / targets);

function chunksOf(target: SourceFormat, { seed, range, chunkCases }: FuzzPlan, cases: number): readonly Chunk[] {
  const [first, end] = range ?? [0, cases];
  const chunks: Chunk[] = [];
  for (let from = first; from < end; from += chunkCases)
    chunks.push({ target, seed, from, to: Math.min(from + chunkCases, end) });
  return chunks;
}

const logged = (file: string): readonly ChunkReport[] =>
  existsSync(file)
    ? readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line): ChunkReport => JSON.parse(line))
    : [];

function summed(target: string, reports: readonly ChunkReport[]): FuzzReport {
  const parts = reports.flatMap((report) => report.parts);
  const refused: Record<string, number> = {};
  for (const part of parts)
    for (const [code, count] of Object.entries(part.refused)) refused[code] = (refused[code] ?? 0) + count;
  const worst = parts.reduce((a, b) => (b.worstMs > a.worstMs ? b : a), { worstMs: 0, worstCase: 0 });
  return {
    target,
    cases: reports.reduce((sum, { chunk }) => sum + chunk.to - chunk.from, 0),
    accepted: parts.reduce((sum, part) => sum + part.accepted, 0),
    refused,
    findings: reports.flatMap((report) => report.findings),
    peakRssBytes: Math.max(0, ...parts.map((part) => part.peakRssBytes)),
    worstMs: worst.worstMs,
    worstCase: worst.worstCase,
    cuts: Math.max(0, ...parts.map((part) => part.cuts)),
    cutsDone: parts.reduce((sum, part) => sum + part.cutsDone, 0),
  };
}
