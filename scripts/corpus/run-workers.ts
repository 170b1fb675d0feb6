/**
 * Spreads the corpus over child processes: one process for a batch of models (runtimes load once), a new one for the
 * next (WebAssembly memory never shrinks). A process that dies or hangs fails the model it was at, and no other.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { CorpusEntry, Target } from "./manifest.ts";
import type { Measurement, TargetMeasurement } from "./measurement.ts";
import type { MeasureOrder } from "./worker.ts";

export interface RunOptions {
  readonly jobs: number;
  readonly twice: boolean;
  /** Called in the order of completion. */
  readonly onMeasured: (measurement: Measurement) => void;
}

const modelsPerProcess = 12;
/** The largest take a minute on two idle cores; a busy machine may need several times that. */
const modelTimeoutMs = 400_000;
const keptErrorCharacters = 2000;

/** In the order of `entries`. */
export async function measureAll(entries: readonly CorpusEntry[], options: RunOptions): Promise<Measurement[]> {
  const waiting = entries.entries();
  const measured: Measurement[] = [];
  const work = async () => {
    let worker: Worker | null = null;
    for (const [at, entry] of waiting) {
      if (!worker?.usable) {
        worker?.stop();
        worker = new Worker();
        await worker.ready();
      }
      const measurement = await worker.measure({ entry, twice: options.twice });
      measured[at] = measurement;
      options.onMeasured(measurement);
    }
    worker?.stop();
  };
  await Promise.all(Array.from({ length: options.jobs }, work));
  return measured;
}

class Worker {
  readonly #child: ChildProcess = fork(join(import.meta.dirname, "worker.ts"), {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  #left = modelsPerProcess;
  #errors = "";

  constructor() {
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-keptErrorCharacters);
    });
  }

  get usable(): boolean {
    return this.#left > 0 && this.#child.connected;
  }

  stop(): void {
    this.#child.kill();
  }

  /** A process that cannot even load the converter says nothing of a model: the run ends. */
  async ready(): Promise<void> {
    const settled = new AbortController();
    const { signal } = settled;
    const [said]: unknown[] = await Promise.race([
      once(this.#child, "message", { signal }),
      once(this.#child, "close", { signal }).then(() => []),
    ]);
    settled.abort();
    if (said !== "ready") throw new FlotillaError("INTERNAL", `The converter cannot be loaded. ${this.#errors}`);
  }

  async measure(order: MeasureOrder): Promise<Measurement> {
    this.#left--;
    const settled = new AbortController();
    const started = performance.now();
    try {
      this.#child.send(order);
      const signal = AbortSignal.any([settled.signal, AbortSignal.timeout(modelTimeoutMs)]);
      const ended = once(this.#child, "exit", { signal }).then(() => null);
      const [measurement]: (Measurement | null)[] = await Promise.race([
        once(this.#child, "message", { signal }),
        ended.then(() => [null]),
      ]);
      if (measurement) return measurement;
    } catch {
      // Too long: the process is of no more use.
    } finally {
      settled.abort();
    }
    this.#left = 0;
    this.#child.kill("SIGKILL");
    return lost(order.entry, (performance.now() - started) / 1000, this.#errors);
  }
}

function lost(entry: CorpusEntry, seconds: number, errors: string): Measurement {
  const message = `The process that converted it ${seconds * 1000 >= modelTimeoutMs ? "took too long" : "died"}. ${errors}`;
  const nothing: TargetMeasurement = {
    maxRel: null,
    against: null,
    goldenMaxRel: null,
    dead: [],
    operators: {},
    transposes: 0,
    bytes: 0,
    sha256: "",
    sameTwice: null,
    error: { code: "INTERNAL", message, operators: [] },
    goldenError: null,
  };
  const targets: Record<Target, TargetMeasurement> = { tflite: nothing, tfjs: nothing };
  const { model, format, framework = `npm ${entry.package}` } = entry;
  return { model, format, recognisedAs: null, framework, targets, pictureDifference: null, seconds, peakRssBytes: 0 };
}
