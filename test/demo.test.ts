/** The demo as an end-to-end test: the whole journey over real processes, a real broker, a real database, real runtimes. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { expect, test } from "vitest";

const root = path.resolve(import.meta.dirname, "..");

interface DemoResult {
  readonly converted: Record<string, { accuracy: number; drop: number; bytes: number; maxRel: number }>;
  readonly devices: number;
  readonly release1: { healthy: number };
  readonly release2: { stage: number; outcome: string; activated: number; trialFailures: number };
  readonly release3: { activated: number; rolledBack: number; healthyOnRelease1: number };
  readonly metrics: Record<string, { runs: number; latencyP50Ms: number; latencyP95Ms: number; accuracy: number }>;
  readonly agents: { id: string; variant: string; release: string; logSha256: string }[];
  readonly seconds: number;
}

async function runDemo(): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [path.join(root, "scripts", "demo", "main.ts"), "--json"], { cwd: root });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk;
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}

test("the whole journey, and nothing left behind", { timeout: 600_000 }, async () => {
  const { code, stdout, stderr } = await runDemo();
  expect(code, stderr).toBe(0);
  const lines = stdout.trim().split("\n");
  expect(lines).toHaveLength(1);
  const result = JSON.parse(lines[0]!) as DemoResult;

  expect(Object.keys(result.converted).sort()).toEqual(["float16", "float32", "int8"]);
  expect(result.converted.float32?.maxRel).toBeLessThanOrEqual(1e-5);
  expect(result.converted.int8?.drop).toBeLessThanOrEqual(0.005);
  expect(result.converted.int8!.bytes / result.converted.float32!.bytes).toBeLessThanOrEqual(0.27);

  expect(result.devices).toBe(203);
  expect(result.release1).toEqual({ healthy: 203 });
  expect(result.release2).toMatchObject({ stage: 1, outcome: "rolled-back", activated: 0 });
  expect(result.release2.trialFailures).toBeGreaterThan(1);
  expect(result.release3.activated).toBeGreaterThan(0);
  expect(result.release3.rolledBack).toBe(result.release3.activated);
  expect(result.release3.healthyOnRelease1).toBe(203);

  expect(Object.keys(result.metrics).sort()).toEqual(["float16", "int8"]);
  for (const { runs, latencyP50Ms, latencyP95Ms, accuracy } of Object.values(result.metrics)) {
    expect(runs).toBeGreaterThanOrEqual(100);
    expect(latencyP95Ms).toBeGreaterThanOrEqual(latencyP50Ms);
    expect(accuracy).toBeGreaterThan(0.95);
  }
  expect(result.agents.map(({ id, variant, release }) => ({ id, variant, release }))).toEqual([
    { id: "board-npu-1", variant: "int8", release: "release-1" },
    { id: "board-gpu-1", variant: "float16", release: "release-1" },
    { id: "board-npu-2", variant: "int8", release: "release-1" },
  ]);
  for (const { logSha256 } of result.agents) expect(logSha256).toMatch(/^[0-9a-f]{64}$/);

  // No port: the server that the demo named does not answer any more. The pipes closed, so no child holds them either.
  const url = /listens at (http:\S+)/.exec(stderr)?.[1];
  expect(url).toBeDefined();
  await expect(fetch(`${url}/v1/health`)).rejects.toThrow("fetch failed");
});
