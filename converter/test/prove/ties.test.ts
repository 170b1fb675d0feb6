import { describe, expect, it } from "vitest";
import { answersNearby, settleTies } from "../../src/prove/ties.ts";
import type { Sample, SourceTruth } from "../../src/runtimes/source-truth.ts";

/** Keeps x where it is at least 1, else 0: jumps at 1. */
const gate: SourceTruth = {
  label: "gate",
  run: async (samples) =>
    samples.map(
      (sample): Sample =>
        sample.map((array) => ({
          ...array,
          data: Float32Array.from(array.data as Float32Array, (value) => (value >= 1 ? value : 0)),
        })),
    ),
  close: () => undefined,
};
const inputs = Float32Array.from({ length: 200 }, (_, at) => (at === 0 ? 1 : at === 1 ? 0.99 : 2));
const sample: Sample = [{ dtype: "float32", shape: [200], data: inputs }];

async function settled(variant: Float32Array) {
  const [answer] = await gate.run([sample]);
  const [nearby = []] = await answersNearby(gate, [sample]);
  const source = answer?.[0]?.data as Float32Array;
  const others = nearby.map((one) => one[0]?.data as Float32Array);
  return { ...settleTies(source, others, variant, 1e-4), original: source };
}

describe("ties", () => {
  it("are shown by the source itself: a value at the edge may fall either way", async () => {
    const variant = inputs.map((value, at) => (at < 2 ? 0 : value));
    const { source, ties } = await settled(variant);
    expect(ties).toBe(1);
    expect(source[0]).toBe(0);
  });

  it("are nothing that the source never gives: a value off the edge that falls is a difference", async () => {
    const variant = inputs.map((value, at) => (at === 1 ? 0.99 : at === 5 ? 0 : value));
    const { source, ties, original } = await settled(variant);
    expect(ties).toBe(0);
    expect(source[1]).toBe(original[1]);
    expect(source[5]).toBe(2);
  });

  it("are few: an output that jumps everywhere proves nothing", () => {
    const zeros = new Float32Array(100);
    const ones = zeros.map(() => 1);
    expect(settleTies(zeros, [ones], ones, 0)).toEqual({ source: zeros, ties: 0 });
  });
});
