/**
 * The models that run for the app: loaded from their slots, swapped whole, measured on every run. A run that is under
 * way on a model that is replaced ends on it; only then is it freed. Knows nothing of rollouts.
 */
import { sha256Hex } from "@flotilla/protocol/digest";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { NdArray } from "@flotilla/protocol/nd-array";
import type { Clock } from "../../ports/clock.ts";
import type { DeviceStorage } from "../../ports/device-storage.ts";
import type { LoadedModel, TfliteRuntime } from "../../ports/tflite-runtime.ts";
import type { AgentEvent } from "../events.ts";
import { type Answer, readAnswer, toNumbers } from "../outputs.ts";
import type { Installed } from "../state.ts";
import { gatherWindow, type WindowGatherer } from "../telemetry.ts";
import { paths } from "./layout.ts";

/** What a run tells the app's hook. */
export interface RunReport {
  readonly model: string;
  readonly release: string;
  readonly variant: string;
  readonly latencyMs: number;
  /** Class and probability, where the model is a classifier. */
  readonly top: Answer["top"];
}

export interface LiveModels {
  /** Loads what is installed and lets it take over. @throws INTEGRITY_DIGEST, IO_NOT_FOUND, TRIAL_LOAD */
  activate(model: string, installed: Installed): Promise<void>;
  deactivate(model: string): void;
  /** One run of what is active. @throws ROLLOUT_NOT_FOUND if nothing is; CONFIG_INVALID for missing inputs */
  infer(
    model: string,
    inputs: ReadonlyMap<string, NdArray>,
    options?: { readonly label?: number },
  ): Promise<ReadonlyMap<string, NdArray>>;
  /** Closes windows that are old or full (all that hold runs if `all`) and hands them on. */
  closeWindows(all: boolean): void;
  close(): void;
}

interface Live {
  installed: Installed;
  readonly loaded: LoadedModel;
  window: WindowGatherer;
  underWay: number;
  replaced: boolean;
}

export interface LiveModelsParts {
  readonly storage: DeviceStorage;
  readonly runtime: TfliteRuntime;
  readonly clock: Clock;
  readonly windowMs: number;
  readonly windowRuns: number;
  readonly onWindow: (event: AgentEvent) => void;
  readonly onRun?: (run: RunReport) => void;
}

export function liveModels(parts: LiveModelsParts): LiveModels {
  const { storage, runtime, clock, windowMs, windowRuns, onWindow, onRun } = parts;
  const running = new Map<string, Live>();

  function closeWindow(model: string, live: Live): void {
    if (live.window.runs === 0) return;
    const nowMs = clock.nowMs();
    const closed = live.window.close(nowMs);
    live.window = gatherWindow(nowMs);
    const { release, variant } = live.installed;
    onWindow({ kind: "run-recorded", nowMs, model, release, variant: variant.name, ...closed, memoryBytes: null });
  }

  function replace(model: string, next: Live | null): void {
    const before = running.get(model);
    if (next === null) running.delete(model);
    else running.set(model, next);
    if (before === undefined) return;
    closeWindow(model, before);
    before.replaced = true;
    if (before.underWay === 0) before.loaded.close();
  }

  async function measure(model: string, live: Live, ordered: readonly NdArray[], label: number | undefined) {
    const startMs = clock.monotonicMs();
    const known = label === undefined ? {} : { label };
    try {
      const outputs = await live.loaded.run(ordered);
      const latencyMs = clock.monotonicMs() - startMs;
      const numbers = outputs.map((array, at) => toNumbers(array, live.loaded.outputs[at]?.quantization ?? null));
      const answer = readAnswer(numbers, live.installed.variant.classes);
      live.window.add({ latencyMs, answer, ...known });
      const { release, variant } = live.installed;
      onRun?.({ model, release, variant: variant.name, latencyMs, top: answer.top });
      return outputs;
    } catch (error) {
      live.window.add({ latencyMs: clock.monotonicMs() - startMs, answer: null, ...known });
      throw error;
    }
  }

  return {
    async activate(model, installed) {
      const { digest } = installed.variant.model;
      const before = running.get(model);
      if (before?.installed.variant.model.digest === digest) {
        // The same bytes under another release's name: nothing to load.
        closeWindow(model, before);
        before.installed = installed;
        return;
      }
      const bytes = await storage.read(paths.model(model, installed.slot));
      if (bytes === null) throw new FlotillaError("IO_NOT_FOUND", `Slot ${installed.slot} of ${model} is empty.`);
      if (sha256Hex(bytes) !== digest) {
        throw new FlotillaError("INTEGRITY_DIGEST", `Slot ${installed.slot} of ${model} does not hold ${digest}.`);
      }
      let loaded: LoadedModel;
      try {
        loaded = await runtime.load(bytes);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new FlotillaError("TRIAL_LOAD", `The runtime does not load ${model}: ${reason}`, { cause: error });
      }
      replace(model, { installed, loaded, window: gatherWindow(clock.nowMs()), underWay: 0, replaced: false });
    },
    deactivate: (model) => replace(model, null),
    async infer(model, inputs, { label } = {}) {
      const live = running.get(model);
      if (live === undefined) throw new FlotillaError("ROLLOUT_NOT_FOUND", `No release of ${model} is active.`);
      const names = live.loaded.inputs.map((tensor, at) => live.installed.variant.inputs[at] ?? tensor.name);
      const ordered = names.map((name) => {
        const array = inputs.get(name);
        if (array !== undefined) return array;
        throw new FlotillaError("CONFIG_INVALID", `${model} needs the inputs ${names.join(", ")}; ${name} is missing.`);
      });
      live.underWay++;
      try {
        const outputs = await measure(model, live, ordered, label);
        return new Map(
          outputs.map((array, at) => [
            live.installed.variant.outputs[at] ?? live.loaded.outputs[at]?.name ?? String(at),
            array,
          ]),
        );
      } finally {
        live.underWay--;
        if (live.replaced) {
          closeWindow(model, live);
          if (live.underWay === 0) live.loaded.close();
        } else if (live.window.runs >= windowRuns) closeWindow(model, live);
      }
    },
    closeWindows(all) {
      for (const [model, live] of running) {
        if (all || clock.nowMs() - live.window.fromMs >= windowMs) closeWindow(model, live);
      }
    },
    close() {
      for (const model of [...running.keys()]) replace(model, null);
    },
  };
}
