/**
 * What the agent wants done, as data. Every effect is idempotent: after a crash the state asks for it again. Results come
 * back as events that carry the candidate's id. The driver has one executor per kind (driver/executors.ts); a kind
 * without an executor does not compile.
 */
import type { BlobFile, ChosenVariant, Installed, SlotName } from "./state.ts";

export type Effect =
  /** Follow these cohorts' directives, and no others. */
  | { readonly kind: "subscribe"; readonly cohorts: readonly string[] }
  | { readonly kind: "say-hello" }
  | { readonly kind: "send-reports" }
  /** Refresh trust, look the release up among the signed targets, fetch its document. */
  | { readonly kind: "resolve"; readonly model: string; readonly candidate: number; readonly release: string }
  | {
      readonly kind: "download";
      readonly model: string;
      readonly candidate: number;
      readonly slot: SlotName;
      readonly file: BlobFile;
      readonly golden: BlobFile;
    }
  | {
      readonly kind: "verify";
      readonly model: string;
      readonly candidate: number;
      readonly slot: SlotName;
      readonly file: BlobFile;
      readonly golden: BlobFile;
    }
  | {
      readonly kind: "trial";
      readonly model: string;
      readonly candidate: number;
      readonly slot: SlotName;
      readonly variant: ChosenVariant;
      readonly timeoutMs: number;
    }
  /** Load the slot's model, then move the pointer to it; answers `activated` if a candidate is given. */
  | {
      readonly kind: "activate";
      readonly model: string;
      readonly candidate: number | null;
      /** What the pointer will say; enough to go on from if the state is lost. */
      readonly installed: Installed;
    }
  /** Nothing runs for this model: unload it and remove the pointer. */
  | { readonly kind: "deactivate"; readonly model: string }
  /** Stop work on a candidate that was given up. */
  | { readonly kind: "cancel"; readonly model: string; readonly candidate: number };

export type EffectKind = Effect["kind"];
export type EffectOf<K extends EffectKind> = Extract<Effect, { readonly kind: K }>;
