/**
 * The agent's whole state: one JSON value, on disk before any of its effects runs, so that a power cut at any moment
 * leaves something to go on from. Derived things (the pointer file, the loaded model) are made again from it.
 * Every list in it is bounded; nothing here is trusted from the network without the checks of documents.ts.
 */
import type { DeviceDocument, Directive, FleetIndex, ModelDirective } from "@flotilla/protocol/documents/control";
import type { TrialTolerance } from "@flotilla/protocol/documents/release";
import type { DeviceAttributes, DeviceState, Metrics, Status } from "@flotilla/protocol/documents/reports";

/** Two slots that updates alternate between, and the place of what came with the device, which none of them writes. */
export type SlotName = "a" | "b" | "factory";

export interface BlobFile {
  readonly digest: string;
  readonly sizeBytes: number;
}

/** What the release document says of the variant chosen, as far as the device goes on needing it. */
export interface ChosenVariant {
  readonly name: string;
  readonly model: BlobFile;
  readonly golden: BlobFile;
  readonly tolerance: TrialTolerance;
  /** The release's counter: never below the floor. */
  readonly counter: number;
  /** Input and output names by position in the file. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Number of labels of the first output; null where the release names none. */
  readonly classes: number | null;
}

/** What is remembered of outputs and latency: of the trial, and of live runs of a release that did well. */
export interface Profile {
  readonly runs: number;
  readonly latencyP95Ms: number;
  /** Class index → how often it was the most probable one; empty where the model is no classifier. */
  readonly classes: Readonly<Record<string, number>>;
  readonly labelled: number;
  readonly correct: number;
}

/** How an activation is watched: the directive's words at the time. */
export type WatchRules = Pick<ModelDirective, "probation" | "stopRule">;

export interface Installed {
  readonly slot: SlotName;
  readonly rollout: string;
  readonly release: string;
  readonly variant: ChosenVariant;
  readonly watch: WatchRules;
  /** Past its probation. */
  readonly committed: boolean;
  /** Whether commit is reported (`healthy`); for what a rollback brought back, `rolled-back` has said all. */
  readonly reported: boolean;
  readonly activatedAtMs: number;
  /** Agent starts with this model since it was activated and not committed; counted BEFORE it is loaded. */
  readonly unprovenStarts: number;
  /** Runs since activation. */
  readonly runs: number;
  readonly trial: Profile;
  /** Of live runs; null before the first window. */
  readonly live: Profile | null;
}

/**
 * waiting → resolving → downloading → verifying → trialing → ready → activating; `backoff` returns to resolving.
 * `ready` has passed its trial and waits for leave to activate (an expired directive gives none).
 */
export type CandidatePhase =
  | "waiting"
  | "resolving"
  | "downloading"
  | "verifying"
  | "trialing"
  | "ready"
  | "activating"
  | "backoff";

export interface Candidate {
  /** Ties effects to their results; results of an older candidate are ignored. */
  readonly id: number;
  readonly target: Target;
  readonly phase: CandidatePhase;
  readonly slot: SlotName;
  /** Already on disk and proven (the previous release): only its activation is to be done. */
  readonly reuse: boolean;
  readonly variant: ChosenVariant | null;
  readonly trial: Profile | null;
  readonly notBeforeMs: number;
  readonly phaseSinceMs: number;
  readonly failures: number;
  /** Trials and activations begun, counted BEFORE each: one that kills the agent is not tried for ever. */
  readonly riskyStarts: number;
  readonly retryAtMs: number;
}

/** What a device should run for one model, and under which words (select.ts). */
export interface Target {
  readonly model: string;
  readonly rollout: string;
  readonly release: string;
  /** `restore`: a rollback's order; its steps are not reported, only that it was done. */
  readonly intent: "install" | "restore";
  readonly arm: "stage" | "control" | "base" | "pin";
  /** The rollout that a `restore` ends. */
  readonly ends: string | null;
  /** Wait before starting, from the bucket's place inside the stage. */
  readonly delayMs: number;
  readonly startMs: number;
  readonly stepMs: number;
  readonly retries: number;
  readonly watch: WatchRules;
}

export interface FinishedTarget {
  readonly rollout: string;
  readonly release: string;
  readonly state: DeviceState;
}

/** One closed window of live runs, as far as the watch needs it. */
export interface HealthWindow {
  readonly fromMs: number;
  readonly toMs: number;
  readonly runs: number;
  readonly errors: number;
  /** Runs with NaN or infinite outputs. */
  readonly nonFinite: number;
  readonly latency: string;
  /** Runs whose most probable class had a probability of at least 0.9. */
  readonly confident: number;
  readonly classes: Readonly<Record<string, number>>;
  readonly labelled: number;
  readonly correct: number;
}

export interface ModelState {
  readonly active: Installed | null;
  /** The last good one, still in its slot; null once a new candidate needs that slot. */
  readonly previous: Installed | null;
  /** What came with the device: the last thing to fall back on. */
  readonly factory: Installed | null;
  readonly candidate: Candidate | null;
  /** Digests that failed a trial here, with the code: never tried again. */
  readonly blocked: readonly { readonly digest: string; readonly code: string }[];
  /** Targets that came to an end here and are not begun again. */
  readonly finished: readonly FinishedTarget[];
  readonly windows: readonly HealthWindow[];
}

export type OutboxEntry =
  | { readonly kind: "status"; readonly document: Status }
  | { readonly kind: "metrics"; readonly document: Metrics };

/** What must never go down, whatever happens to the rest of the state (kept twice: driver/twin-file.ts). */
export interface Floors {
  readonly index: number;
  readonly document: number;
  /** By cohort. */
  readonly directives: Readonly<Record<string, number>>;
  /** Whose sequences those are: a fingerprint of the directive role's keys; empty before the first document. */
  readonly controlKeys: string;
  /** Agent starts: the server takes reports of a lower count for old ones. */
  readonly boots: number;
  /** By model: the highest `minCounter` ever seen. */
  readonly counters: Readonly<Record<string, number>>;
  /** The latest time that a signed document has shown: no clock is believed below it. */
  readonly timeMs: number;
}

export interface AgentState {
  readonly version: 1;
  readonly fleet: string;
  readonly device: string;
  readonly boot: string;
  readonly bootCount: number;
  /** Sequence of the next report of this boot. */
  readonly nextSequence: number;
  readonly nextCandidate: number;
  /** The clock at the last change; a clock that went back shows against it. */
  readonly clockMs: number;
  /** The last agent ended by being asked to. */
  readonly cleanStop: boolean;
  readonly attributes: DeviceAttributes;
  readonly index: FleetIndex | null;
  readonly directives: Readonly<Record<string, Directive>>;
  readonly document: DeviceDocument | null;
  readonly floors: Floors;
  readonly models: Readonly<Record<string, ModelState>>;
  readonly outbox: readonly OutboxEntry[];
}

export const noFloors: Floors = {
  index: 0,
  document: 0,
  directives: {},
  controlKeys: "",
  boots: 0,
  counters: {},
  timeMs: 0,
};

export const emptyModel: ModelState = {
  active: null,
  previous: null,
  factory: null,
  candidate: null,
  blocked: [],
  finished: [],
  windows: [],
};

/** A device that has never run. */
export function initialState(fleet: string, device: string): AgentState {
  return {
    version: 1,
    fleet,
    device,
    boot: "0000000000000000",
    bootCount: 0,
    nextSequence: 1,
    nextCandidate: 1,
    clockMs: 0,
    cleanStop: true,
    attributes: {},
    index: null,
    directives: {},
    document: null,
    floors: noFloors,
    models: {},
    outbox: [],
  };
}

/** Bounds of the lists in the state. */
export const stateLimits = { blocked: 256, finished: 64, windows: 64, models: 64 } as const;
