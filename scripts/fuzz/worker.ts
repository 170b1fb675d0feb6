/**
 * Runs cases of one target in a thread of its own, told from outside by the number of the case it is at: whoever watches
 * sees a hang as a number that stands still. A case is (target, seed of the run, number).
 */
import { parentPort, workerData } from "node:worker_threads";
import type { SourceFormat } from "@flotilla/converter/sources/source";
import { FlotillaError } from "@flotilla/protocol/errors";
import { mutate } from "./mutate.ts";
import { type Random, seeded } from "./random.ts";
import { damageInside } from "./rewrap.ts";
import { ScratchFolder, type Seed, seedsOf } from "./targets.ts";

export interface WorkerOrder {
  readonly target: SourceFormat;
  readonly seed: number;
  readonly from: number;
  readonly to: number;
  /** One Int32: the number of the case. */
  readonly at: SharedArrayBuffer;
}

export interface Finding {
  readonly target: string;
  readonly case: number;
  readonly problem: string;
  /** The files as they were read. */
  readonly files: Readonly<Record<string, Uint8Array>>;
}

export interface WorkerAnswer {
  readonly finding?: Finding;
  readonly done?: {
    readonly accepted: number;
    readonly refused: Readonly<Record<string, number>>;
    readonly peakRssBytes: number;
  };
}

const maxCaseMs = 1_000;
const maxRssBytes = 512 * 2 ** 20;

/** The damaged model of a case. */
export function damagedModel(seeds: readonly Seed[], seed: number, number: number): Seed {
  const random = seeded(seed * 1_000_003 + number);
  const model = seeds[random.below(seeds.length)];
  if (!model) throw new FlotillaError("CONFIG_INVALID", "There are no seeds.");
  const name = fileToDamage(model, random);
  const bytes = model.files[name] ?? new Uint8Array(0);
  const damaged = random.below(2) === 0 ? damageInside(bytes, random) : undefined;
  return { ...model, files: { ...model.files, [name]: damaged ?? mutate(bytes, random) } };
}

/** Mostly a file that says what the model is, sometimes another. */
function fileToDamage({ files }: Seed, random: Random): string {
  const names = Object.keys(files);
  const main = names.filter((name) => /\.(json|pb|onnx|index|h5|keras|tflite)$/.test(name));
  const choice = main.length > 0 && random.below(8) > 0 ? main : names;
  return choice[random.below(choice.length)] ?? "";
}

async function runCases({ target, seed, from, to, at }: WorkerOrder): Promise<WorkerAnswer> {
  const seeds = seedsOf(target);
  const scratch = new ScratchFolder();
  const counter = new Int32Array(at);
  const refused: Record<string, number> = {};
  let accepted = 0;
  let overRss = false;
  try {
    for (const model of seeds) await scratch.open(target, model); // a seed that is refused would test nothing
    for (let number = from; number < to; number++) {
      Atomics.store(counter, 0, number);
      const model = damagedModel(seeds, seed, number);
      const start = process.cpuUsage();
      const code = await outcome(scratch, target, model);
      const { user, system } = process.cpuUsage(start);
      const spentMs = Math.round((user + system) / 1000);
      const rss = process.resourceUsage().maxRSS * 1024;
      const problem =
        code.startsWith("!") ? code.slice(1)
        : spentMs > maxCaseMs ? `took ${spentMs} ms`
        : rss > maxRssBytes && !overRss ? `the process has grown to ${Math.round(rss / 2 ** 20)} MiB`
        : undefined; // biome-ignore format: a table
      overRss ||= rss > maxRssBytes;
      if (problem !== undefined) report(target, number, problem, model);
      else if (code === "accepted") accepted++;
      else refused[code] = (refused[code] ?? 0) + 1;
    }
  } finally {
    scratch.clear();
  }
  return { done: { accepted, refused, peakRssBytes: process.resourceUsage().maxRSS * 1024 } };
}

function report(target: string, number: number, problem: string, { files }: Seed): void {
  parentPort?.postMessage({ finding: { target, case: number, problem, files } } satisfies WorkerAnswer);
}

/** "accepted", the code of the refusal, or "!" and what should not have happened. */
async function outcome(scratch: ScratchFolder, target: SourceFormat, model: Seed): Promise<string> {
  try {
    await scratch.open(target, model);
    return "accepted";
  } catch (thrown) {
    if (!(thrown instanceof FlotillaError)) {
      return `!${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`;
    }
    const ours = thrown.code === "INTERNAL" || thrown.code === "GRAPH_INVALID";
    return ours ? `!${thrown.code}: ${thrown.stack ?? thrown.message}` : thrown.code;
  }
}

if (parentPort) {
  const order: WorkerOrder = workerData;
  parentPort.postMessage(await runCases(order));
}
