/**
 * Feeds the samples of an `.npz` to an agent's active model at a given rate: arrays by input name, first axis = sample,
 * `labels` for the right answers. What a camera would do on a board. A run that fails is counted, by the agent too.
 */
import { readFile } from "node:fs/promises";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { ArrayData, NdArray } from "@flotilla/protocol/nd-array";
import { decodeNpz } from "@flotilla/protocol/npz";
import type { AgentHandle } from "../core/driver/agent-driver.ts";

export interface FeedOptions {
  readonly file: string;
  /** Default: every model that is active; then all take the same inputs. */
  readonly model?: string;
  readonly runsPerSecond: number;
  /** Begin again at the end; default true. */
  readonly loop?: boolean;
}

export interface Feed {
  stop(): void;
  counts(): { readonly runs: number; readonly failed: number };
  /** Resolves when a feed that does not loop has come to its end, or was stopped. */
  readonly done: Promise<void>;
}

/** @throws FORMAT_NPZ, IO_NOT_FOUND, CONFIG_INVALID before the first run */
export async function startFeed(agent: AgentHandle, options: FeedOptions): Promise<Feed> {
  const { file, model, runsPerSecond, loop = true } = options;
  if (!(runsPerSecond > 0 && runsPerSecond <= 100_000)) {
    throw new FlotillaError("CONFIG_INVALID", `A feed makes more than 0 runs a second, not ${runsPerSecond}.`);
  }
  const { inputs, labels, count } = await readSamples(file);
  const finished = Promise.withResolvers<void>();
  const startMs = performance.now();
  let [made, runs, failed] = [0, 0, 0];
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  function stop(): void {
    stopped = true;
    clearTimeout(timer);
    finished.resolve();
  }

  async function runSample(sample: number): Promise<void> {
    const { models } = agent.status();
    const names = model === undefined ? Object.keys(models) : [model];
    for (const name of names) {
      // Before the first activation there is nothing to run.
      if ((models[name]?.release ?? null) === null) continue;
      const values = new Map([...inputs].map(([input, stack]) => [input, sampleOf(stack, sample)]));
      const label = labels?.[sample];
      runs++;
      await agent.infer(name, values, label === undefined ? {} : { label }).catch(() => {
        failed++;
      });
    }
  }

  async function catchUp(): Promise<void> {
    // At the rate asked for; never more than a second's worth behind.
    const due = Math.floor(((performance.now() - startMs) * runsPerSecond) / 1000);
    made = Math.max(made, due - Math.ceil(runsPerSecond));
    while (made < due && !stopped) {
      await runSample(made % count);
      made++;
      if (!loop && made >= count) return stop();
    }
    if (!stopped) timer = setTimeout(again, Math.max(1, Math.min(50, 1000 / runsPerSecond)));
  }
  const again = (): void => void catchUp().catch(stop);
  again();
  return { stop, counts: () => ({ runs, failed }), done: finished.promise };
}

async function readSamples(file: string): Promise<{
  readonly inputs: ReadonlyMap<string, NdArray>;
  readonly labels: readonly number[] | null;
  readonly count: number;
}> {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(await readFile(file));
  } catch (cause) {
    throw new FlotillaError("IO_NOT_FOUND", `The inputs ${file} cannot be read.`, { cause });
  }
  const inputs = decodeNpz(bytes);
  const labelled = inputs.get("labels");
  inputs.delete("labels");
  const count = Math.min(...[...inputs.values()].map(({ shape }) => shape[0] ?? 0));
  if (!(count > 0 && Number.isFinite(count))) throw new FlotillaError("CONFIG_INVALID", `${file} holds no samples.`);
  return { inputs, labels: labelled === undefined ? null : Array.from(labelled.data, Number), count };
}

function sampleOf({ dtype, shape, data }: NdArray, sample: number): NdArray {
  const size = data.length / (shape[0] ?? 1);
  return { dtype, shape: [1, ...shape.slice(1)], data: data.slice(sample * size, (sample + 1) * size) as ArrayData };
}
