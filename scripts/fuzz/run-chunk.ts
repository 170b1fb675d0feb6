/**
 * Runs a chunk of cases in processes of their own and watches from outside: a process that stands still at one case is
 * killed, one that dies is a finding at the case it was at; both times another process goes on behind that case.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SourceFormat } from "@flotilla/converter/sources/source";

/** Cases `from` to `to` - 1 of a target, in a run of this seed. */
export interface Chunk {
  readonly target: SourceFormat;
  readonly seed: number;
  readonly from: number;
  readonly to: number;
}

export interface WorkerOrder extends Chunk {
  /** Where the number of the case is written, over the one before. */
  readonly atFile: string;
  /** Where a {@link WorkerLine} is appended as JSON. */
  readonly linesFile: string;
}

export interface Finding {
  readonly target: SourceFormat;
  readonly seed: number;
  readonly case: number;
  readonly problem: string;
}

export interface ChunkDone {
  /** The first case that was not run. */
  readonly next: number;
  readonly accepted: number;
  /** Cases by the code of their refusal. */
  readonly refused: Readonly<Record<string, number>>;
  readonly peakRssBytes: number;
  readonly worstMs: number;
  readonly worstCase: number;
  /** Structural boundaries of the target's seeds, and how many of them these cases cut at. */
  readonly cuts: number;
  readonly cutsDone: number;
}

export interface WorkerLine {
  readonly finding?: Finding;
  readonly done?: ChunkDone;
}

/** What became of a chunk: of each process that was needed what it said at its end, if it came to one. */
export interface ChunkReport {
  readonly chunk: Chunk;
  readonly parts: readonly ChunkDone[];
  readonly findings: readonly Finding[];
}

export interface Watch {
  /** A case that stands still for so long hangs; one of more than a second that ends reports itself. */
  readonly hangMs: number;
  /** Time to load the readers and to read the seeds. */
  readonly startMs: number;
  /** The program that runs cases. */
  readonly program: string;
}

export const defaultWatch: Watch = {
  hangMs: 15_000,
  startMs: 600_000,
  program: join(import.meta.dirname, "worker.ts"),
};

const lookEveryMs = 250;
const keptErrorChars = 4_000;

export async function runChunk(chunk: Chunk, watch: Watch = defaultWatch): Promise<ChunkReport> {
  const parts: ChunkDone[] = [];
  const findings: Finding[] = [];
  for (let from = chunk.from; from < chunk.to; ) {
    const folder = mkdtempSync(join(tmpdir(), "flotilla-fuzz-chunk-"));
    try {
      const order = { ...chunk, from, atFile: join(folder, "at"), linesFile: join(folder, "lines") };
      const died = await watched(order, watch);
      const lines = linesOf(order.linesFile);
      findings.push(...lines.flatMap(({ finding }) => finding ?? []));
      const done = lines.findLast((line) => line.done !== undefined)?.done;
      if (done) parts.push(done);
      else {
        const number = lastCase(order.atFile) ?? from;
        const { target, seed } = chunk;
        findings.push({ target, seed, case: number, problem: died ?? "the process ended before its last case" });
      }
      from = done?.next ?? Math.max(lastCase(order.atFile) ?? from, from) + 1;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return { chunk, parts, findings };
}

/** Resolves when the process has ended: undefined, or why it did not come to its end. */
function watched(order: WorkerOrder, { hangMs, startMs, program }: Watch): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program, JSON.stringify(order)], { stdio: ["ignore", "ignore", "pipe"] });
    let [last, since, errors, hung] = [lastCase(order.atFile), standing(child), "", false];
    const look = setInterval(() => {
      const number = lastCase(order.atFile);
      const now = standing(child);
      if (number !== last) [last, since] = [number, now];
      else if (hangs(since, now, number === undefined ? startMs : hangMs)) hung = child.kill("SIGKILL");
    }, lookEveryMs);
    running.add(child);
    child.stderr.on("data", (text) => {
      errors = `${errors}${text}`.slice(-keptErrorChars);
    });
    child.on("error", (error) => {
      errors += error.message;
    });
    child.on("close", (code, signal) => {
      clearInterval(look);
      running.delete(child);
      if (hung) resolve(`hangs (${hangMs} ms and more)`);
      else resolve(code === 0 ? undefined : `the process died (${signal ?? `exit code ${code}`}): ${errors.trim()}`);
    });
  });
}

interface Standing {
  readonly clockMs: number;
  /** What the process has worked; undefined where the system does not tell. */
  readonly workedMs: number | undefined;
}

/** On a machine that others use too, the clock runs on for a process that is not let run: it must have worked as well. */
function hangs(since: Standing, now: Standing, hangMs: number): boolean {
  const stood = now.clockMs - since.clockMs;
  const worked = (now.workedMs ?? stood) - (since.workedMs ?? 0);
  return (stood > hangMs && worked > hangMs / 2) || stood > hangMs * mostPatience;
}

/** A process that waits for something that never comes does not work either. */
const mostPatience = 40;

/** Linux: fields 14 and 15 of `/proc/<pid>/stat`, in hundredths of a second; the second field may hold blanks. */
function standing({ pid }: ChildProcess): Standing {
  const stat = pid === undefined ? undefined : textOf(`/proc/${pid}/stat`);
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  const workedMs = fields ? (Number(fields[11]) + Number(fields[12])) * 10 : undefined;
  return { clockMs: performance.now(), workedMs };
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

const linesOf = (file: string): readonly WorkerLine[] =>
  (textOf(file) ?? "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line): WorkerLine => JSON.parse(line));

function lastCase(file: string): number | undefined {
  const text = textOf(file)?.trim();
  return text ? Number(text) : undefined;
}

/** Undefined before the process has made it. */
function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
    throw thrown;
  }
}
