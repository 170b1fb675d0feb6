/** The fuzzer's watch over its processes: what hangs is killed, what dies is told, and both times the rest still runs. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { runChunk } from "../scripts/fuzz/run-chunk.ts";

it("a case that hangs is killed and found, as is one that ends the process; the cases behind are run", async () => {
  const program = join(import.meta.dirname, "support", "hanging-worker.ts");
  const { parts, findings } = await runChunk(
    { target: "onnx", seed: 1, from: 2, to: 7 },
    { hangMs: 500, startMs: 60_000, program },
  );
  expect(parts.map(({ worstCase }) => worstCase)).toEqual([2, 4, 6]);
  expect(findings.map(({ case: number }) => number)).toEqual([3, 5]);
  expect(findings[0]?.problem).toMatch(/^hangs/);
  expect(findings[1]?.problem).toMatch(/exit code 7/);
});
