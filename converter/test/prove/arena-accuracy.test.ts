/** The arena of hand-made graphs, and Wilson's interval at known points. */
import { describe, expect, test } from "vitest";
import { constantOf, GraphDraft } from "../../src/ir/graph.ts";
import { topIndex, wilson } from "../../src/prove/accuracy.ts";
import { planArena } from "../../src/prove/arena.ts";

/** A chain x → t1 → … → tN of float tensors of these element counts. */
function chain(...sizes: number[]) {
  const draft = new GraphDraft();
  const ids = sizes.map((size, at) => draft.addTensor({ name: `t${at}`, dtype: "float32", shape: [size] }));
  for (const [at, id] of ids.entries()) {
    const from = ids[at - 1];
    if (from !== undefined)
      draft.addNode({ kind: "RELU", name: `n${at}`, inputs: [from], outputs: [id], attributes: {} });
  }
  draft.inputs = ids.slice(0, 1);
  draft.outputs = ids.slice(-1);
  return draft;
}

describe("arena", () => {
  test("input and output live throughout, the middle is reused", () => {
    // 64-byte units: t0 stays; beside it at most two of t1 … t4 live at once.
    expect(planArena(chain(16, 16, 16, 16, 16).freeze())).toBe(3 * 64);
  });

  test("sizes are rounded up to 64 bytes", () => {
    expect(planArena(chain(1, 17).freeze())).toBe(64 + 128);
  });

  test("constants take no arena", () => {
    const draft = chain(16, 16);
    draft.addTensor({ name: "w", dtype: "float32", shape: [1000], constant: constantOf(new Uint8Array(4000)) });
    expect(planArena(draft.freeze())).toBe(128);
  });
});

describe("accuracy", () => {
  test("Wilson's 95 % interval", () => {
    const half = wilson(50, 100);
    expect(half.value).toBe(0.5);
    expect(half.low).toBeCloseTo(0.4038, 4);
    expect(half.high).toBeCloseTo(0.5962, 4);
    expect(wilson(10, 10).low).toBeCloseTo(0.7225, 4);
    expect(wilson(0, 10).high).toBeCloseTo(0.2775, 4);
    expect(wilson(0, 0)).toMatchObject({ low: 0, high: 1 });
  });

  test("the first of equal scores is the top", () => {
    expect(topIndex([1, 3, 3])).toBe(1);
  });
});
