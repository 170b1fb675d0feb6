/** Node's clock and randomness behind the agent's ports. */
import { randomBytes } from "node:crypto";
import type { Clock } from "../ports/clock.ts";
import type { Entropy } from "../ports/entropy.ts";

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

export const systemEntropy: Entropy = { bytes: (count) => new Uint8Array(randomBytes(count)) };
