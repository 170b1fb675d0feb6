/**
 * A `.tflite` runtime in a worker thread, so that a model that hangs or crashes is ended from outside and takes nothing
 * with it (faults A3, A6, G5). `openWorkerRuntime` is one worker; `reopeningRuntime` opens another when the last one
 * died, and loads its models again: for the models that run for the app.
 */
import { Worker } from "node:worker_threads";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { LoadedModel, TfliteRuntime } from "../ports/tflite-runtime.ts";
import type { TrialSession } from "../ports/trial-runtimes.ts";
import type { RuntimeKind } from "./runtime-kinds.ts";
import type { WorkerAnswer, WorkerRequest } from "./worker-messages.ts";

type AnswerOf<K extends WorkerAnswer["kind"]> = Extract<WorkerAnswer, { readonly kind: K }>;

export interface WorkerSession extends TrialSession {
  /** Whether the worker is there to be used. */
  isAlive(): boolean;
}

/** Compiling 12 MB of WebAssembly on a busy board takes seconds, not minutes. */
const openTimeoutMs = 60_000;

/** @throws TRIAL_CRASHED if the worker ends before it is ready, TRIAL_TIMEOUT if it does not get there */
export async function openWorkerRuntime(kind: RuntimeKind): Promise<WorkerSession> {
  const worker = new Worker(new URL("./runtime-worker.ts", import.meta.url), { workerData: { kind } });
  const pending = new Map<number, PromiseWithResolvers<WorkerAnswer>>();
  let next = 1;
  let alive = true;

  function end(why: string, cause?: unknown): void {
    if (!alive) return;
    alive = false;
    worker.terminate();
    const error = new FlotillaError("TRIAL_CRASHED", `The runtime's thread ended: ${why}.`, { cause });
    for (const { reject } of pending.values()) reject(error);
    pending.clear();
  }

  function expect(id: number): Promise<WorkerAnswer> {
    const waiting = Promise.withResolvers<WorkerAnswer>();
    pending.set(id, waiting);
    return waiting.promise;
  }

  async function ask<K extends WorkerAnswer["kind"]>(request: WorkerRequest, kind: K): Promise<AnswerOf<K>> {
    if (!alive) throw new FlotillaError("TRIAL_CRASHED", "The runtime's thread has ended.");
    const id = next++;
    const answer = expect(id);
    worker.postMessage({ id, request });
    return narrow(await answer, kind);
  }

  worker.on("message", ({ id, answer }: { readonly id: number; readonly answer: WorkerAnswer }) => {
    const waiting = pending.get(id);
    pending.delete(id);
    waiting?.resolve(answer);
  });
  worker.on("error", (error) => end(error instanceof Error ? error.message : String(error), error));
  worker.on("exit", (code) => end(`exit code ${code}`));
  // The agent decides how long the process lives, not an idle runtime.
  worker.unref();

  const timer = setTimeout(() => end(`not ready after ${openTimeoutMs} ms`), openTimeoutMs);
  const { name, version, build } = narrow(await expect(0).finally(() => clearTimeout(timer)), "ready");

  const runtime: TfliteRuntime = {
    name,
    version,
    build,
    async load(bytes) {
      const { model, inputs, outputs } = await ask({ kind: "load", bytes }, "loaded");
      return {
        inputs,
        outputs,
        run: async (values) => (await ask({ kind: "run", model, inputs: values }, "ran")).outputs,
        close() {
          if (alive) ask({ kind: "close", model }, "closed").catch(() => {});
        },
      };
    },
  };
  return { runtime, kill: () => end("it was killed"), isAlive: () => alive };
}

function narrow<K extends WorkerAnswer["kind"]>(answer: WorkerAnswer, kind: K): AnswerOf<K> {
  if (answer.kind === "failed") throw new FlotillaError(answer.code, answer.message);
  if (answer.kind !== kind) throw new FlotillaError("INTERNAL", `The worker answered ${answer.kind}, not ${kind}.`);
  return answer as AnswerOf<K>;
}

export interface ReopeningRuntime extends TfliteRuntime {
  close(): void;
}

/** @param runTimeoutMs a run that takes longer is ended, and the worker with it */
export async function reopeningRuntime(kind: RuntimeKind, runTimeoutMs: number): Promise<ReopeningRuntime> {
  let session = await openWorkerRuntime(kind);
  let opening: Promise<WorkerSession> | null = null;
  let closed = false;

  async function alive(): Promise<WorkerSession> {
    if (session.isAlive()) return session;
    if (closed) throw new FlotillaError("TRIAL_CRASHED", "The runtime has been closed.");
    opening ??= openWorkerRuntime(kind).finally(() => {
      opening = null;
    });
    session = await opening;
    return session;
  }

  /** Work on the worker under the time limit; past it the worker is killed and the work rejects. */
  async function limited<T>(on: WorkerSession, work: Promise<T>): Promise<T> {
    const timer = setTimeout(() => on.kill(), runTimeoutMs);
    try {
      return await work;
    } finally {
      clearTimeout(timer);
    }
  }

  const { name, version, build } = session.runtime;
  return {
    name,
    version,
    build,
    async load(bytes) {
      let home = await alive();
      let loaded: LoadedModel = await limited(home, home.runtime.load(bytes));
      return {
        inputs: loaded.inputs,
        outputs: loaded.outputs,
        async run(inputs) {
          const now = await alive();
          if (now !== home) {
            loaded = await limited(now, now.runtime.load(bytes));
            home = now;
          }
          return await limited(now, loaded.run(inputs));
        },
        close: () => loaded.close(),
      };
    },
    close() {
      closed = true;
      session.kill();
    },
  };
}
