import { describe, expect, it } from "vitest";
import { NearbyAnswers, settleTies } from "../../src/prove/ties.ts";
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
  const original = answer?.[0]?.data as Float32Array;
  const asked: number[] = [];
  const nearby = new NearbyAnswers(async () => gate, [sample]);
  const { sources, ties } = await settleTies([{ source: original, variant, tolerance: 1e-4 }], async (move) => {
    asked.push(move);
    return (await nearby.answer(0, move)).map(({ data }) => data as Float32Array);
  });
  return { source: sources[0] ?? [], ties, original, asked };
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

  it("cost nothing where nothing differs, and no more moves than show them", async () => {
    expect((await settled(inputs.map((value, at) => (at === 1 ? 0 : value)))).asked).toEqual([]);
    const { asked } = await settled(inputs.map((value, at) => (at < 2 ? 0 : value)));
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.length).toBeLessThan(16);
  });

  it("are few: an output that jumps everywhere proves nothing, and the source is not asked", async () => {
    const source = new Float32Array(100);
    const variant = source.map(() => 1);
    const asked: number[] = [];
    const settled = await settleTies([{ source, variant, tolerance: 0 }], async (move) => {
      asked.push(move);
      return [variant];
    });
    expect(settled).toEqual({ sources: [source], ties: 0 });
    expect(asked).toEqual([]);
  });
});
