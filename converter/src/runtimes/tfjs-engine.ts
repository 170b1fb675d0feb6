/**
 * TensorFlow.js in Node: its one engine and backends, shared by the runtimes of LayersModels and GraphModels.
 * The WASM backend is plain SIMD, one thread (74 ms where the CPU backend takes 966, MobileNetV2). A model with an
 * operator that has no WASM kernel moves to the CPU backend as a whole. tfjs has one engine per process and keeps the
 * backend in use in a global, so all work waits for its turn. Loads nothing of tfjs before the first model, and nothing
 * from the network ever.
 */
import { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";
import { FlotillaError } from "@flotilla/protocol/errors";
import type * as Core from "@tensorflow/tfjs-core";

/** The build that models run on unless they cannot. */
export const wasmBuild = "wasm-simd";

let loading: Promise<typeof Core> | undefined;

/** tfjs-core with both backends registered. */
export function loadEngine(): Promise<typeof Core> {
  loading ??= (async () => {
    const [core, wasm] = await Promise.all([
      import("@tensorflow/tfjs-core"),
      import("@tensorflow/tfjs-backend-wasm"),
      import("@tensorflow/tfjs-backend-cpu"),
    ]);
    core.enableProdMode();
    const manifest = createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm/package.json");
    wasm.setWasmPaths(join(dirname(manifest), "wasm-out") + sep);
    wasm.setThreadsCount(1);
    return core;
  })();
  return loading;
}

let lastTurn: Promise<unknown> = Promise.resolve();

/** Nothing else of tfjs runs between the beginning of `work` and its end. */
export function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const turn = lastTurn.then(work);
  lastTurn = turn.catch(() => undefined);
  return turn;
}

/** The version of an installed package of tfjs. */
export function tfjsVersion(name: "@tensorflow/tfjs-layers" | "@tensorflow/tfjs-converter"): string {
  const manifest: { version: string } = createRequire(import.meta.url)(`${name}/package.json`);
  return manifest.version;
}

/** Runs one model's work on the WASM backend until a kernel is missing there, and from then on on the CPU backend. */
export class TfjsBackend {
  readonly #core: typeof Core;
  readonly #owner: string;
  #missingKernel: string | undefined;

  /** `owner`: the runtime that speaks in errors. */
  constructor(core: typeof Core, owner: string) {
    this.#core = core;
    this.#owner = owner;
  }

  get build(): string {
    return this.#missingKernel === undefined ? wasmBuild : `cpu (no WASM kernel ${this.#missingKernel})`;
  }

  /** @throws UNSUPPORTED_RUNTIME with the words of tfjs; `what` says what cannot be done */
  run<T>(what: string, work: () => Promise<T>): Promise<T> {
    return inTurn(async () => {
      try {
        return await this.#attempt(work);
      } catch (cause) {
        const missing = /Kernel '(\w+)' not registered/.exec(cause instanceof Error ? cause.message : "")?.[1];
        if (missing === undefined || this.#missingKernel !== undefined) throw tfjsCannot(this.#owner, what, cause);
        this.#missingKernel = missing;
      }
      try {
        return await this.#attempt(work);
      } catch (cause) {
        throw tfjsCannot(this.#owner, what, cause);
      }
    });
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T> {
    const backend = this.#missingKernel === undefined ? "wasm" : "cpu";
    if (!(await this.#core.setBackend(backend))) throw tfjsCannot(this.#owner, `has no ${backend} backend here`);
    return work();
  }
}

export function tfjsCannot(owner: string, what: string, cause?: unknown): FlotillaError {
  if (cause instanceof FlotillaError) return cause;
  const words = cause instanceof Error ? `: ${cause.message}` : "";
  return new FlotillaError("UNSUPPORTED_RUNTIME", `${owner} ${what}${words}.`, { cause });
}
