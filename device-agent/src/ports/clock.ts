/** Time. The wall clock may jump; durations are measured by the other one. */
export interface Clock {
  /** Unix milliseconds, as far as the device knows. */
  nowMs(): number;
  /** Milliseconds since some moment, never going back. */
  monotonicMs(): number;
  /** Calls `run` once after `delayMs`; returns what stops it. A waiting timer does not keep a process alive. */
  after(delayMs: number, run: () => void): () => void;
}
