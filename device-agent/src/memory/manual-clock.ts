/** A clock that goes when it is told to: for simulation, and for tests that must not wait. */
import type { Clock } from "../ports/clock.ts";

export interface ManualClock extends Clock {
  /** Lets time pass; timers fire in their order. */
  advance(ms: number): void;
  /** Sets the wall clock without letting time pass, as a bad time server does. */
  setWall(nowMs: number): void;
}

export function manualClock(startMs = 1_764_000_000_000): ManualClock {
  let wallMs = startMs;
  let elapsedMs = 0;
  let timers: { readonly atMs: number; readonly run: () => void }[] = [];
  return {
    nowMs: () => Math.floor(wallMs),
    monotonicMs: () => elapsedMs,
    after(delayMs, run) {
      const timer = { atMs: elapsedMs + delayMs, run };
      timers.push(timer);
      return () => {
        timers = timers.filter((one) => one !== timer);
      };
    },
    advance(ms) {
      const endMs = elapsedMs + ms;
      for (;;) {
        const next = timers.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0];
        if (next === undefined) break;
        timers = timers.filter((one) => one !== next);
        wallMs += Math.max(0, next.atMs - elapsedMs);
        elapsedMs = Math.max(elapsedMs, next.atMs);
        next.run();
      }
      wallMs += endMs - elapsedMs;
      elapsedMs = endMs;
    },
    setWall(nowMs) {
      wallMs = nowMs;
    },
  };
}
