/**
 * Runs cases over all readers and watches: nothing may crash, take more than a second, or grow by more than 512 MB.
 * Every target gets the same number of cases; what is found is given back with the damaged files.
 */
import { Worker } from "node:worker_threads";
import type { SourceFormat } from "@flotilla/converter/sources/source";
import { fuzzTargets } from "./targets.ts";
import type { Finding, WorkerAnswer, WorkerOrder } from "./worker.ts";

export interface FuzzReport {
  readonly target: string;
  readonly cases: number;
  readonly accepted: number;
  /** Cases by the code of their refusal. */
  readonly refused: Readonly<Record<string, number>>;
  readonly findings: readonly Finding[];
  readonly peakRssBytes: number;
  readonly seconds: number;
}

/** A case that stands still for so long hangs, even on a machine that others use too. */
const hangMs = 15_000;

export async function runFuzz(facts: {
  readonly cases: number;
  readonly seed: number;
  readonly only?: string;
  readonly onTarget?: (report: FuzzReport) => void;
}): Promise<readonly FuzzReport[]> {
  const targets = fuzzTargets.filter((target) => facts.only === undefined || target === facts.only);
  const reports: FuzzReport[] = [];
  for (const [place, target] of targets.entries()) {
    const cases = Math.floor((facts.cases * (place + 1)) / targets.length) - Math.floor((facts.cases * place) / targets.length); // biome-ignore format: one sum
    const report = await fuzzTarget(target, cases, facts.seed);
    facts.onTarget?.(report);
    reports.push(report);
  }
  return reports;
}

async function fuzzTarget(target: SourceFormat, cases: number, seed: number): Promise<FuzzReport> {
  const start = performance.now();
  const findings: Finding[] = [];
  const refused: Record<string, number> = {};
  let [accepted, peakRssBytes, from] = [0, 0, 0];
  while (from < cases) {
    const part = await runWorker({ target, seed, from, to: cases, at: new SharedArrayBuffer(4) }, findings);
    accepted += part.done?.accepted ?? 0;
    peakRssBytes = Math.max(peakRssBytes, part.done?.peakRssBytes ?? process.resourceUsage().maxRSS * 1024);
    for (const [code, count] of Object.entries(part.done?.refused ?? {})) refused[code] = (refused[code] ?? 0) + count;
    from = part.next;
  }
  return { target, cases, accepted, refused, findings, peakRssBytes, seconds: (performance.now() - start) / 1000 };
}

/** One worker, until it is done or dies at a case; `next` is where to go on. */
function runWorker(order: WorkerOrder, findings: Finding[]): Promise<Pick<WorkerAnswer, "done"> & { next: number }> {
  const counter = new Int32Array(order.at);
  return new Promise((resolve) => {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData: order });
    let [last, since] = [-1, performance.now()];
    const fail = (problem: string): void => {
      clearInterval(watch);
      const number = Math.max(counter[0] ?? 0, order.from);
      findings.push({ target: order.target, case: number, problem, files: {} });
      void worker.terminate().then(() => resolve({ next: number + 1 }));
    };
    const watch = setInterval(() => {
      const at = Atomics.load(counter, 0);
      if (at !== last) [last, since] = [at, performance.now()];
      else if (performance.now() - since > hangMs) fail(`hangs (${hangMs} ms and more)`);
    }, 250);
    worker.on("message", ({ finding, done }: WorkerAnswer) => {
      if (finding) findings.push(finding);
      if (!done) return;
      clearInterval(watch);
      resolve({ done, next: order.to });
    });
    worker.on("error", (error) => fail(error instanceof Error ? error.message : String(error)));
  });
}
