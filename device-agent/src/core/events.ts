/**
 * Everything that can happen to an agent. Time comes in with the event; documents in it have had their signatures
 * verified (driver/control-intake.ts) and nothing more.
 */
import type { DeviceDocument, Directive, FleetIndex } from "@flotilla/protocol/documents/control";
import type { Release, ReleaseCustom } from "@flotilla/protocol/documents/release";
import type { Ack, DeviceAttributes } from "@flotilla/protocol/documents/reports";
import type { HealthWindow, Installed, Profile, SlotName } from "./state.ts";

/** What was found in the slots at start: which files still have the digest that the state gives them. */
export interface Inventory {
  readonly model: string;
  readonly slot: SlotName;
  readonly digest: string;
}

/** Result of work done for a candidate. */
interface ForCandidate {
  readonly model: string;
  readonly candidate: number;
}

export type AgentEvent = { readonly nowMs: number } & (
  | {
      readonly kind: "started";
      readonly boot: string;
      readonly attributes: DeviceAttributes;
      readonly inventory: readonly Inventory[];
      /** What came with the device, by model. */
      readonly factory: ReadonlyMap<string, Installed>;
    }
  | { readonly kind: "stopping" }
  | { readonly kind: "tick" }
  | { readonly kind: "connected" }
  /** The keys that may sign control documents now, as a fingerprint; comes before the first document by new ones. */
  | { readonly kind: "control-keys"; readonly keys: string }
  | { readonly kind: "index-received"; readonly document: FleetIndex }
  | { readonly kind: "directive-received"; readonly document: Directive }
  | { readonly kind: "document-received"; readonly document: DeviceDocument }
  | { readonly kind: "ack-received"; readonly ack: Ack }
  | (ForCandidate & {
      readonly kind: "resolved";
      readonly release: Release;
      readonly custom: ReleaseCustom;
      readonly storageBytes: number;
    })
  | (ForCandidate & { readonly kind: "downloaded" })
  | (ForCandidate & { readonly kind: "verified" })
  | (ForCandidate & { readonly kind: "trial-passed"; readonly profile: Profile })
  | (ForCandidate & { readonly kind: "activated" })
  /** Any step that went wrong. `final`: no retry can help (a digest, a signature, a trial). */
  | (ForCandidate & {
      readonly kind: "step-failed";
      readonly code: string;
      readonly detail: readonly string[];
      readonly final: boolean;
    })
  /** What should run could not be loaded, outside of a candidate's activation. */
  | { readonly kind: "load-failed"; readonly model: string; readonly digest: string; readonly code: string }
  /** A closed window of live runs. */
  | {
      readonly kind: "run-recorded";
      readonly model: string;
      readonly release: string;
      readonly variant: string;
      readonly window: HealthWindow;
      /** Sketch of the largest probabilities; null where the model is no classifier. */
      readonly confidence: string | null;
      readonly memoryBytes: number | null;
    }
);

export type AgentEventKind = AgentEvent["kind"];
export type EventOf<K extends AgentEventKind> = Extract<AgentEvent, { readonly kind: K }>;
