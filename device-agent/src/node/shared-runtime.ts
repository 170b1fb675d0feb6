/**
 * One runtime for many virtual devices: models are loaded once per digest and freed with their last user; every run is
 * really made. Nothing but the loading is shared: no result and no verdict.
 */
import { sha256Hex } from "@flotilla/protocol/digest";
import type { LoadedModel, TfliteRuntime } from "../ports/tflite-runtime.ts";
import type { TrialRuntimes } from "../ports/trial-runtimes.ts";

interface Shared {
  readonly loading: Promise<LoadedModel>;
  users: number;
}

export function sharedRuntime(runtime: TfliteRuntime): TfliteRuntime {
  const models = new Map<string, Shared>();
  return {
    name: runtime.name,
    version: runtime.version,
    build: runtime.build,
    async load(bytes) {
      const digest = sha256Hex(bytes);
      const shared = models.get(digest) ?? { loading: runtime.load(bytes), users: 0 };
      models.set(digest, shared);
      shared.users++;
      let open = true;
      const release = (): void => {
        if (!open) return;
        open = false;
        if (--shared.users > 0) return;
        if (models.get(digest) === shared) models.delete(digest);
        shared.loading.then((loaded) => loaded.close()).catch(() => {});
      };
      try {
        const loaded = await shared.loading;
        return { inputs: loaded.inputs, outputs: loaded.outputs, run: (inputs) => loaded.run(inputs), close: release };
      } catch (error) {
        release();
        throw error;
      }
    },
  };
}

/** Trials in a shared runtime: it cannot be killed for one of them, so the time limit only ends the waiting. */
export function sharedTrials(runtime: TfliteRuntime): TrialRuntimes {
  return { open: async () => ({ runtime, kill: () => {} }) };
}
