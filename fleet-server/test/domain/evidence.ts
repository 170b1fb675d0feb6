/** Builders for what a tick sees: counts that add up, and runs. */
import { addToSketch, createSketch } from "@flotilla/protocol/sketch";
import type { RunAggregate, StageEvidence } from "../../src/domain/gate.ts";
import { countStates, type StateGroup } from "../../src/domain/stage-counts.ts";

export const group = (
  state: StateGroup["state"],
  devices: number,
  overrides: Partial<StateGroup> = {},
): StateGroup => ({
  state,
  devices,
  timedOut: false,
  activated: state === "healthy" || state === "activated" || state === "rolled-back",
  holds: state === "healthy" || state === "activated",
  ...overrides,
});

export function runs(latenciesMs: readonly number[] = [], overrides: Partial<RunAggregate> = {}): RunAggregate {
  const latencyMs = createSketch();
  for (const value of latenciesMs) addToSketch(latencyMs, value);
  return {
    runs: latenciesMs.length,
    errors: 0,
    latencyMs,
    confidence: createSketch(),
    labelledRuns: 0,
    correct: 0,
    ...overrides,
  };
}

export const evidence = (groups: readonly StateGroup[], overrides: Partial<StageEvidence> = {}): StageEvidence => ({
  counts: countStates(groups),
  stage: runs(),
  previous: null,
  control: null,
  ...overrides,
});
