/** Given/expect builders for the reducer: states, documents and events with defaults. */
import type { Directive, FleetIndex, ModelDirective } from "@flotilla/protocol/documents/control";
import type { Release } from "@flotilla/protocol/documents/release";
import type { Status } from "@flotilla/protocol/documents/reports";
import { addToSketch, createSketch, encodeSketch } from "@flotilla/protocol/sketch";
import { step } from "../../src/core/agent.ts";
import type { Effect } from "../../src/core/effects.ts";
import type { AgentEvent, EventOf } from "../../src/core/events.ts";
import { type AgentState, emptyModel, type HealthWindow, initialState, type ModelState } from "../../src/core/state.ts";

export const model = "digits";
export const t0 = 1_764_000_000_000;

export const attributes = {
  runtimes: "scripted@1.0.0",
  operators: "*",
  memoryBytes: 1e6,
  storageBytes: 1e9,
  accelerators: "",
};

type Head = "kind" | "nowMs";
export type EventFields = {
  [K in AgentEvent["kind"]]: Omit<EventOf<K>, Head> & { kind: K; nowMs?: number };
}[AgentEvent["kind"]];

/** A device driven by hand: its clock, its state, everything that it asked for. */
export class Device {
  state: AgentState = initialState("test-fleet", "device-1");
  nowMs = t0;
  effects: readonly Effect[] = [];
  factory: EventOf<"started">["factory"] = new Map();

  send(event: EventFields): this {
    const next = step(this.state, { nowMs: this.nowMs, ...event } as AgentEvent);
    this.state = next.state;
    this.effects = next.effects;
    return this;
  }

  start(inventory: EventOf<"started">["inventory"] = this.inventory()): this {
    const boot = (this.state.bootCount + 1).toString(16).padStart(16, "0");
    return this.send({ kind: "started", boot, attributes, inventory, factory: this.factory });
  }

  /** The slots as they should be. */
  inventory(): EventOf<"started">["inventory"] {
    return Object.entries(this.state.models).flatMap(([name, { active, previous, factory }]) =>
      [active, previous, factory].flatMap((one) =>
        one === null ? [] : [{ model: name, slot: one.slot, digest: one.variant.model.digest }],
      ),
    );
  }

  pass(ms: number): this {
    this.nowMs += ms;
    return this.send({ kind: "tick" });
  }

  index(change: Partial<FleetIndex> = {}): this {
    return this.send({ kind: "index-received", document: indexOf(this.nowMs, change) });
  }

  directive(words: Partial<ModelDirective> = {}, change: Partial<Directive> = {}): this {
    return this.send({ kind: "directive-received", document: directiveOf(this.nowMs, words, change) });
  }

  /** Plays the driver for the candidate's next step, successfully. */
  succeed(options: ReleaseOptions = {}): this {
    const { candidate } = this.model();
    const id = { model, candidate: candidate?.id ?? -1 };
    switch (candidate?.phase) {
      case "resolving": {
        const found = releaseOf(candidate.target.release, options);
        return this.send({ kind: "resolved", ...id, ...found, storageBytes: 1e9 });
      }
      case "downloading":
        return this.send({ kind: "downloaded", ...id });
      case "verifying":
        return this.send({ kind: "verified", ...id });
      case "trialing":
        return this.send({ kind: "trial-passed", ...id, profile: trialProfile });
      case "activating":
        return this.send({ kind: "activated", ...id });
      default:
        return this;
    }
  }

  fail(code: string, final = false): this {
    const candidate = this.model().candidate?.id ?? -1;
    return this.send({ kind: "step-failed", model, candidate, code, detail: [], final });
  }

  /** From offered to active. */
  install(release: string, words: Partial<ModelDirective> = {}, options: ReleaseOptions = {}): this {
    this.directive({ rollout: `rollout-${release}`, release, salt: release, ...words });
    for (let i = 0; i < 5; i++) this.succeed(options);
    return this;
  }

  /** Installed and past its probation. */
  settle(release: string, options: ReleaseOptions = {}): this {
    return this.install(release, {}, options).pass(10_000);
  }

  runs(count: number, change: Partial<HealthWindow> & { readonly latencyMs?: number } = {}): this {
    const { active } = this.model();
    if (active === null) return this;
    this.nowMs += 1_000;
    return this.send({
      kind: "run-recorded",
      model,
      release: active.release,
      variant: active.variant.name,
      window: windowOf(this.nowMs, count, change),
      confidence: null,
      memoryBytes: null,
    });
  }

  model(): ModelState {
    return this.state.models[model] ?? emptyModel;
  }

  /** All statuses still in the outbox: `state` or `state code`. */
  reported(): string[] {
    return this.statuses().map(({ state, code }) => (code === undefined ? state : `${state} ${code}`));
  }

  statuses(): Status[] {
    return this.state.outbox.flatMap((entry) => (entry.kind === "status" ? [entry.document] : []));
  }

  asked(): string[] {
    return this.effects.map(({ kind }) => kind);
  }
}

export const trialProfile = {
  runs: 8,
  latencyP95Ms: 2,
  classes: { 0: 2, 1: 2, 2: 2, 3: 2 },
  labelled: 0,
  correct: 0,
} as const;

let sequence = 0;

export function indexOf(nowMs: number, change: Partial<FleetIndex> = {}): FleetIndex {
  return {
    type: "flotilla/fleet-index",
    version: 1,
    fleet: "test-fleet",
    sequence: ++sequence,
    issuedAtMs: nowMs,
    expiresAtMs: nowMs + 86_400_000,
    cohorts: [{ id: "everyone", cel: "true", priority: 1 }],
    ...change,
  };
}

export function directiveOf(
  nowMs: number,
  words: Partial<ModelDirective> = {},
  change: Partial<Directive> = {},
): Directive {
  return {
    type: "flotilla/directive",
    version: 1,
    fleet: "test-fleet",
    cohort: "everyone",
    sequence: ++sequence,
    issuedAtMs: nowMs,
    expiresAtMs: nowMs + 86_400_000,
    models: {
      [model]: {
        rollout: "rollout-1",
        action: "install",
        release: "release-1",
        salt: "salt",
        stage: { number: 1, thresholdBp: 10_000 },
        paused: false,
        deadlines: { startMs: 60_000, stepMs: 30_000 },
        retries: 2,
        probation: { minRuns: 0, minMs: 5_000 },
        stopRule: { windowS: 300, minRuns: 20, maxErrorRate: 0.1, maxLatencyRatio: 5, maxRestarts: 2 },
        ...words,
      },
    },
    ...change,
  };
}

export interface ReleaseOptions {
  readonly counter?: number;
  readonly minCounter?: number;
  readonly digest?: string;
  readonly accelerators?: string[];
}

export function releaseOf(
  release: string,
  options: ReleaseOptions = {},
): Pick<EventOf<"resolved">, "release" | "custom"> {
  const number = Number(/\d+$/.exec(release)?.[0] ?? 1);
  const { counter = number, minCounter = 0, digest = String(number).padStart(64, "0"), accelerators } = options;
  const document: Release = {
    type: "flotilla/release",
    version: 1,
    model,
    release,
    createdAtMs: t0,
    counter,
    variants: [
      {
        name: "plain",
        digest,
        sizeBytes: 1000,
        format: "tflite",
        recipe: "float32",
        requirements: {
          operators: {},
          runtimes: [{ name: "scripted", minVersion: "1.0" }],
          arenaBytes: 1000,
          sizeBytes: 1000,
          storageBytes: 2000,
          ...(accelerators === undefined ? {} : { accelerators }),
          inputs: [],
          outputs: [],
        },
        golden: { digest: "f".repeat(64), sizeBytes: 100 },
        tolerance: { atol: 0, rtol: 0, integerUnits: 2 },
        preprocessing: {},
        outputs: {},
        proven: true,
      },
    ],
    evaluations: [],
    provenance: { digest: "e".repeat(64), sizeBytes: 1 },
    notes: "",
  };
  return { release: document, custom: { counter, minCounter } };
}

export function windowOf(
  toMs: number,
  runs: number,
  { latencyMs = 2, ...change }: Partial<HealthWindow> & { readonly latencyMs?: number } = {},
): HealthWindow {
  const latency = createSketch();
  if (runs > 0) addToSketch(latency, latencyMs, runs);
  const quarter = Math.floor(runs / 4);
  return {
    fromMs: toMs - 1_000,
    toMs,
    runs,
    errors: 0,
    nonFinite: 0,
    latency: encodeSketch(latency),
    confident: runs,
    classes: { 0: quarter, 1: quarter, 2: quarter, 3: runs - 3 * quarter },
    labelled: 0,
    correct: 0,
    ...change,
  };
}
