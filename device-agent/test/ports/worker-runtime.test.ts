/** Runtimes in worker threads: they answer like the port says, can be killed at any moment, and come back. */
import { afterEach, describe, expect, it } from "vitest";
import { runtimeKinds } from "../../src/node/runtime-kinds.ts";
import { sharedRuntime } from "../../src/node/shared-runtime.ts";
import {
  openWorkerRuntime,
  type ReopeningRuntime,
  reopeningRuntime,
  type WorkerSession,
} from "../../src/node/worker-runtime.ts";
import { addingModel } from "../support/real-model.ts";

const input = { dtype: "float32", shape: [1, 4], data: Float32Array.of(1, 2, 3, 4) } as const;
const ended: (() => void)[] = [];
afterEach(() => {
  for (const end of ended.splice(0)) end();
});

async function openWorker(kind: "litert" | "tflite" = "tflite"): Promise<WorkerSession> {
  const session = await openWorkerRuntime(kind);
  ended.push(session.kill);
  return session;
}

describe.each(runtimeKinds)("%s in a worker", (kind) => {
  it("loads and runs", async () => {
    const { runtime } = await openWorker(kind);
    expect(runtime.name).toBe(kind);
    const loaded = await runtime.load(addingModel(2).bytes);
    expect(loaded.inputs[0]).toMatchObject({ name: "image", shape: [1, 4] });
    const [output] = await loaded.run([input]);
    expect([...(output?.data ?? [])]).toEqual([3, 4, 5, 6]);
    loaded.close();
  });

  it("says with a code what is no model", async () => {
    const { runtime } = await openWorker(kind);
    await expect(runtime.load(new Uint8Array(64))).rejects.toMatchObject({ name: "FlotillaError" });
    // And it is still good for others.
    await runtime.load(addingModel(1).bytes);
  });
});

describe("a worker runtime", () => {
  it("that is killed rejects what it was doing, and everything after", async () => {
    const { runtime, kill, isAlive } = await openWorker();
    const loaded = await runtime.load(addingModel(1).bytes);
    const run = loaded.run([input]);
    kill();
    await expect(run).rejects.toMatchObject({ code: "TRIAL_CRASHED" });
    await expect(loaded.run([input])).rejects.toMatchObject({ code: "TRIAL_CRASHED" });
    expect(isAlive()).toBe(false);
  });

  it("for live models comes back when a run took too long, with the models that it had", async () => {
    const runtime: ReopeningRuntime = await reopeningRuntime("tflite", 60_000);
    ended.push(runtime.close);
    const loaded = await runtime.load(addingModel(1).bytes);
    await loaded.run([input]);
    const hasty: ReopeningRuntime = await reopeningRuntime("tflite", 0);
    ended.push(hasty.close);
    await expect(hasty.load(addingModel(1).bytes)).rejects.toMatchObject({ code: "TRIAL_CRASHED" });
    const [output] = await loaded.run([input]);
    expect(output?.data[0]).toBe(2);
  });

  it("shared by many loads a file once, runs for each, and frees it with its last user", async () => {
    const { runtime } = await openWorker();
    let loads = 0;
    const shared = sharedRuntime({
      ...runtime,
      load(bytes) {
        loads++;
        return runtime.load(bytes);
      },
    });
    const { bytes } = addingModel(1);
    const [first, second] = [await shared.load(bytes), await shared.load(bytes)];
    expect(loads).toBe(1);
    first.close();
    first.close();
    expect((await second.run([input]))[0]?.data[0]).toBe(2);
    second.close();
    await shared.load(bytes);
    expect(loads).toBe(2);
    await expect(shared.load(new Uint8Array(10))).rejects.toBeDefined();
  });
});
