/**
 * One executor per effect kind; an effect without one does not compile. Executors may run twice for the same effect
 * (after a crash), and answer with events that carry the candidate's id. What one model's slots go through is done one
 * after the other; models do not wait for each other.
 */
import { asFlotillaError, type FlotillaError } from "@flotilla/protocol/errors";
import type { Clock } from "../../ports/clock.ts";
import type { DeviceStorage } from "../../ports/device-storage.ts";
import type { TrialRuntimes } from "../../ports/trial-runtimes.ts";
import type { Effect, EffectKind, EffectOf } from "../effects.ts";
import type { AgentEvent } from "../events.ts";
import type { BlobFile, SlotName } from "../state.ts";
import type { ControlLink } from "./control-link.ts";
import type { DeviceSession } from "./device-session.ts";
import { fetchFile } from "./fetch-file.ts";
import { paths } from "./layout.ts";
import type { LiveModels } from "./live-models.ts";
import type { ReportSender } from "./report-sender.ts";
import { resolveBlob, resolveRelease } from "./resolve-release.ts";
import { runTrial } from "./run-trial.ts";
import type { StateStore } from "./state-store.ts";
import type { TrustSession } from "./trust-session.ts";
import { verifyFile } from "./verify-file.ts";
import { verifyModel } from "./verify-model.ts";

export type Executors = {
  readonly [K in EffectKind]: (effect: EffectOf<K>) => void;
} & {
  /** Gives up all work on slots; resolves when none is under way. */
  end(): Promise<void>;
};

export interface ExecutorParts {
  readonly storage: DeviceStorage;
  readonly clock: Clock;
  readonly session: DeviceSession;
  readonly trust: TrustSession;
  readonly trials: TrialRuntimes;
  readonly live: LiveModels;
  readonly store: StateStore;
  readonly link: ControlLink;
  readonly sender: ReportSender;
  readonly dispatch: (event: AgentEvent) => void;
  readonly onProblem: (error: unknown) => void;
  readonly maxTrialMs: number;
}

interface Work {
  cancelled: boolean;
  /** Ends a trial that is under way. */
  kill: () => void;
}

function giveUp(work: Work | undefined): void {
  if (work === undefined) return;
  work.cancelled = true;
  work.kill();
}

/** Metadata older than this is refreshed before a release is looked up. */
const freshForMs = 1_000;

export function perform(executors: Executors, effect: Effect): void {
  const execute = executors[effect.kind] as (effect: Effect) => void;
  execute(effect);
}

export function createExecutors(parts: ExecutorParts): Executors {
  const { storage, clock, session, trust, trials, live, store, link, sender, dispatch, onProblem } = parts;
  /** The work under way for each candidate; what is given up is asked to end. */
  const working = new Map<number, Work>();
  const busy = new Map<string, Promise<void>>();

  /** Runs work on a model's slots behind whatever is under way on them. */
  function inTurn(model: string, work: () => Promise<void>): void {
    const mine = (busy.get(model) ?? Promise.resolve()).then(work).catch(onProblem);
    busy.set(model, mine);
  }

  /** Work for a candidate: skipped once it is cancelled, its failure told as an event. */
  function forCandidate(
    { model, candidate }: { readonly model: string; readonly candidate: number },
    work: (token: Work) => Promise<AgentEvent>,
  ): void {
    const token: Work = { cancelled: false, kill: () => {} };
    working.set(candidate, token);
    inTurn(model, async () => {
      if (token.cancelled) return;
      try {
        dispatch(await work(token));
      } catch (thrown) {
        onProblem(thrown);
        const error = asFlotillaError(thrown);
        const { code } = error;
        const detail = detailOf(error);
        dispatch({ kind: "step-failed", nowMs: clock.nowMs(), model, candidate, code, detail, final: isFinal(error) });
      } finally {
        if (working.get(candidate) === token) working.delete(candidate);
      }
    });
  }

  return {
    async end() {
      for (const token of working.values()) giveUp(token);
      await Promise.all(busy.values());
    },
    subscribe: ({ cohorts }) => {
      link.follow(cohorts).catch(onProblem);
    },
    "say-hello": () => {
      link.sayHello().catch(onProblem);
    },
    "send-reports": () => sender.send(),
    resolve: (effect) =>
      forCandidate(effect, async () => {
        await trust.refresh(freshForMs);
        const found = await resolveRelease(session, trust, effect.model, effect.release);
        const storageBytes = await storage.freeBytes();
        const { model, candidate } = effect;
        return { kind: "resolved", nowMs: clock.nowMs(), model, candidate, ...found, storageBytes };
      }),
    download: (effect) =>
      forCandidate(effect, async (token) => {
        const { model, candidate, slot, file, golden } = effect;
        await clearSlot(storage, model, slot, [file, golden]);
        const files = [
          { file: golden, extension: "npz", final: paths.golden(model, slot) },
          { file, extension: "tflite", final: paths.model(model, slot) },
        ] as const;
        for (const { file: wanted, extension, final } of files) {
          const url = await resolveBlob(trust, model, wanted, extension);
          const partial = paths.partial(model, slot, wanted.digest);
          const tag = paths.partialTag(model, slot, wanted.digest);
          await fetchFile(session, storage, { url, file: wanted, partial, tag, final }, () => token.cancelled);
        }
        return { kind: "downloaded", nowMs: clock.nowMs(), model, candidate };
      }),
    verify: (effect) =>
      forCandidate(effect, async () => {
        const { model, candidate, slot, file, golden } = effect;
        verifyModel(await verifyFile(storage, paths.model(model, slot), file));
        await verifyFile(storage, paths.golden(model, slot), golden);
        return { kind: "verified", nowMs: clock.nowMs(), model, candidate };
      }),
    trial: (effect) =>
      forCandidate(effect, async (token) => {
        const { model, candidate, slot, variant } = effect;
        const files = { model: paths.model(model, slot), golden: paths.golden(model, slot) };
        const limitMs = Math.min(effect.timeoutMs, parts.maxTrialMs);
        const killable: TrialRuntimes = {
          async open() {
            const session = await trials.open();
            token.kill = session.kill;
            return session;
          },
        };
        const profile = await runTrial({ storage, runtimes: killable, clock }, files, variant, limitMs);
        return { kind: "trial-passed", nowMs: clock.nowMs(), model, candidate, profile };
      }),
    activate: (effect) => {
      const { model, candidate, installed } = effect;
      const activate = async (): Promise<void> => {
        await live.activate(model, installed);
        await store.writePointer(model, installed);
      };
      if (candidate !== null) {
        forCandidate({ model, candidate }, async () => {
          await activate();
          return { kind: "activated", nowMs: clock.nowMs(), model, candidate };
        });
        return;
      }
      inTurn(model, async () => {
        try {
          await activate();
        } catch (thrown) {
          const { code } = asFlotillaError(thrown);
          onProblem(thrown);
          const { digest } = installed.variant.model;
          // A pointer that could not be written is no reason to leave a model that runs.
          if (!code.startsWith("IO_") || code === "IO_NOT_FOUND") {
            dispatch({ kind: "load-failed", nowMs: clock.nowMs(), model, digest, code });
          }
        }
      });
    },
    deactivate: ({ model }) =>
      inTurn(model, async () => {
        live.deactivate(model);
        await store.removePointer(model);
      }),
    cancel: ({ candidate }) => {
      giveUp(working.get(candidate));
    },
  };
}

/** Whether trying again can help: not against wrong bytes, wrong signatures, a format not read here or a failed trial. */
function isFinal({ code }: FlotillaError): boolean {
  // New metadata may name the target, or be younger.
  if (code === "INTEGRITY_NOT_FOUND" || code === "INTEGRITY_EXPIRED") return false;
  return /^(INTEGRITY|FORMAT|TRIAL)_|^UNSUPPORTED_FORMAT$/.test(code);
}

function detailOf(error: FlotillaError): readonly string[] {
  const { details } = error;
  const listed = "detail" in details && Array.isArray(details.detail) ? details.detail.map(String) : [error.message];
  return listed.slice(0, 64).map((line) => line.slice(0, 512));
}

/** Removes parts of other files from a slot that is about to be written. */
async function clearSlot(
  storage: DeviceStorage,
  model: string,
  slot: SlotName,
  keep: readonly BlobFile[],
): Promise<void> {
  const folder = paths.slot(model, slot);
  for (const name of await storage.list(folder)) {
    const stem = name.slice(0, name.lastIndexOf("."));
    const isPart = name.endsWith(".part") || name.endsWith(".etag");
    if (isPart && !keep.some(({ digest }) => digest === stem)) await storage.remove(`${folder}/${name}`);
  }
}
