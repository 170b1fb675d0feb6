/**
 * Where trials run. Each trial gets a runtime of its own that can be killed, so that a variant that hangs or crashes
 * takes neither the agent nor the running model with it (faults A3, A6, G5).
 */
import type { TfliteRuntime } from "./tflite-runtime.ts";

export interface TrialSession {
  readonly runtime: TfliteRuntime;
  /** Ends it, whatever it is doing: its pending calls reject with TRIAL_CRASHED. Idempotent. */
  kill(): void;
}

export interface TrialRuntimes {
  open(): Promise<TrialSession>;
}
