/** The driver against a bad network, a bad disk, bad variants and a bad clock: the old model runs, and the end is right. */

import { controlPayloadType } from "@flotilla/protocol/documents/control";
import { signEnvelope } from "@flotilla/protocol/dsse";
import { topics } from "@flotilla/protocol/topics";
import { beforeEach, describe, expect, it } from "vitest";
import type { AgentHandle, AgentStatus } from "../src/core/driver/agent-driver.ts";
import type { HttpAnswer } from "../src/ports/http-transport.ts";
import { buildTinyModel, type TinyModel } from "./runtimes/tiny-model.ts";
import { testSigner } from "./support/keys.ts";
import { type MemoryWorld, memoryWorld, turns } from "./support/memory-device.ts";
import { addingModel } from "./support/real-model.ts";
import { classCount, encodeScript, inputFor, type Script } from "./support/scripted-runtime.ts";
import { cohortId, fleetId, modelId } from "./support/tiny-fleet.ts";

const runs = (release: string) => (status: AgentStatus) => {
  const model = status.models[modelId];
  return model?.release === release && model.committed && model.candidate === null && status.waiting === 0;
};
const reported = (state: string) => () => world.fleet.statuses.some((status) => status.state === state);

const padding = "x".repeat(300);
let world: MemoryWorld;
let agent: AgentHandle;

/** A device that runs release 1 well; release 2 is published, not yet ordered. */
beforeEach(async () => {
  world = await memoryWorld();
  await world.fleet.addRelease("release-1", 1, [{ script: { name: "one" } }]);
  await world.fleet.setIndex();
  await world.fleet.setDirective({});
  agent = await world.start();
  await world.until(agent, runs("release-1"));
});

async function order(script: Partial<Script> = {}, words: object = {}): Promise<void> {
  await world.fleet.addRelease("release-2", 2, [{ script: { name: "two", padding, ...script } }]);
  await world.fleet.setDirective({ rollout: "rollout-2", release: "release-2", ...words });
}

const isModel = (path: string): boolean => path.includes(".tflite");

describe("a download", () => {
  /** What happens to the answers for the model file, one after the other; then all is well. */
  const cut = (at: number) => (answer: HttpAnswer) => ({ ...answer, body: answer.body.subarray(0, at) });
  const faults: readonly (readonly [string, readonly ((answer: HttpAnswer) => HttpAnswer)[]])[] = [
    ["is cut in the middle", [cut(100)]],
    ["is cut three times", [cut(50), cut(60), cut(70)]],
    ["meets a server in trouble", [(answer) => ({ ...answer, status: 500, body: new Uint8Array() })]],
    ["meets a captive portal", [(answer) => ({ ...answer, headers: {}, body: new TextEncoder().encode("<html>") })]],
    ["gets more than was signed", [(answer) => ({ ...answer, headers: {}, body: new Uint8Array(5_000) })]],
    [
      "is cut and then answered with another range",
      [cut(100), (answer) => ({ ...answer, headers: { ...answer.headers, "content-range": "bytes 7-99/100" } })],
    ],
    ["is cut and then answered from the start", [cut(100), (answer) => ({ ...answer, status: 200 })]],
    ["is cut and goes on with wrong bytes", [cut(100), (answer) => ({ ...answer, body: answer.body.map(() => 1) })]],
    ["is cut and the file has changed", [cut(100), (answer) => ({ ...answer, status: 412, body: new Uint8Array() })]],
  ];

  it.each(faults)("that %s ends with the signed bytes all the same", async (_name, answers) => {
    let next = 0;
    const ranges: (string | undefined)[] = [];
    world.intercept((request, answer) => {
      if (!isModel(request.path)) return answer;
      ranges.push(request.headers?.range);
      return answers[next++]?.(answer) ?? answer;
    });
    await order();
    await world.until(agent, runs("release-2"));
    expect(next).toBeGreaterThan(answers.length);
  });

  it("goes on where it was cut", async () => {
    const ranges: (string | undefined)[] = [];
    world.intercept((request, answer) => {
      if (!isModel(request.path)) return answer;
      ranges.push(request.headers?.range);
      return ranges.length === 1 ? cut(100)(answer) : answer;
    });
    await order();
    await world.until(agent, runs("release-2"));
    expect(ranges).toEqual([undefined, "bytes=100-"]);
  });

  it("of wrong bytes is refused, not retried for ever, and never active", async () => {
    let asked = 0;
    world.intercept((request, answer) => {
      if (!isModel(request.path)) return answer;
      asked++;
      return { ...answer, body: answer.body.map((byte, at) => (at === 40 ? byte ^ 1 : byte)) };
    });
    await order();
    await world.until(agent, () => world.fleet.statuses.some(({ code }) => code === "INTEGRITY_DIGEST"));
    expect(asked).toBe(1);
    expect(agent.status().models[modelId]?.release).toBe("release-1");
  });

  it("that never works ends after its retries", async () => {
    world.intercept((request, answer) => (isModel(request.path) ? { ...answer, status: 503 } : answer));
    await order({}, { retries: 2 });
    await world.until(agent, reported("failed/download"));
    expect(world.fleet.statuses.at(-1)).toMatchObject({ code: "TRANSPORT_STATUS", running: "release-1" });
  });
});

describe("a variant", () => {
  it.each<[string, Script, string]>([
    ["whose answers are others'", { name: "two", shift: 1 }, "TRIAL_DISAGREES"],
    ["that does not load", { name: "two", loads: false }, "TRIAL_LOAD"],
    ["that fails on every input", { name: "two", failsAbove: -1 }, "TRIAL_LOAD"],
    ["that hangs", { name: "two", hangs: true }, "TRIAL_TIMEOUT"],
  ])("%s fails its trial, is not active for a moment and is not tried again", async (_name, script, code) => {
    const recorded: Script = { name: "sound", ...(script.shift ? { shift: script.shift } : {}) };
    await world.fleet.addRelease("release-2", 2, [{ script, recorded }]);
    await world.fleet.setDirective({ rollout: "rollout-2", release: "release-2" });
    await world.until(agent, reported("failed/trial"));
    expect(world.fleet.statuses.at(-1)).toMatchObject({ code, running: "release-1" });
    await world.fleet.setDirective({ rollout: "rollout-2b", release: "release-2" });
    await world.until(
      agent,
      () => world.fleet.statuses.at(-1)?.rollout === "rollout-2b" && agent.status().waiting === 0,
    );
    const again = world.fleet.statuses.filter(({ rollout }) => rollout === "rollout-2b").map(({ state }) => state);
    expect(again).toEqual(["offered", "failed/trial"]);
  });

  const shape = [1, classCount];
  const add = { kind: "add", inputs: [0, 1], outputs: [2] } as const;
  const sound: TinyModel = {
    tensors: [
      { name: "image", type: "float32", shape },
      { name: "constant", type: "float32", shape, data: new Uint8Array(4 * classCount) },
      { name: "scores", type: "float32", shape },
    ],
    operators: [add],
    inputs: [0],
    outputs: [2],
  };
  const [image, , scores] = sound.tensors;
  const short = { name: "constant", type: "float32", shape, data: new Uint8Array(4) } as const;
  it.each<[string, Uint8Array, string]>([
    ["names a tensor that is not there", buildTinyModel({ ...sound, operators: [{ ...add, inputs: [0, 70_000] }] }), "FORMAT_CORRUPT"],
    ["has a constant shorter than its shape", buildTinyModel({ ...sound, tensors: [image!, short, scores!] }), "FORMAT_CORRUPT"],
    ["asks for more memory than any device has", buildTinyModel({ ...sound, tensors: [image!, sound.tensors[1]!, { ...scores!, shape: [2 ** 30, 4] }] }), "FORMAT_LIMIT"],
    ["ends in the middle", buildTinyModel(sound).subarray(0, 300), "FORMAT_TRUNCATED"],
    ["is no .tflite file", new TextEncoder().encode("something else, validly signed"), "FORMAT_UNRECOGNIZED"],
  ])("that %s is refused before a runtime sees it, although it is what was signed", async (_name, bytes, code) => {
    let asked = 0;
    world.intercept((request, answer) => {
      if (isModel(request.path)) asked++;
      return answer;
    });
    const model = addingModel(1);
    await world.fleet.addModel("release-2", 2, { ...model, bytes, runtimes: [{ name: "scripted", minVersion: "1.0" }] });
    await world.fleet.setDirective({ rollout: "rollout-2", release: "release-2" });
    await world.until(agent, reported("failed/verify"));
    expect(world.fleet.statuses.at(-1)).toMatchObject({ code, running: "release-1" });
    expect(world.fleet.statuses.some(({ state, rollout }) => rollout === "rollout-2" && state === "trialing")).toBe(false);
    expect(asked).toBe(1);
    expect(agent.status().models[modelId]).toMatchObject({ release: "release-1", candidate: null });
    await agent.infer(modelId, new Map([["image", inputFor(0)]]));
  }); // biome-ignore format: a table

  it("with the goldens of another fails although all is validly signed", async () => {
    const script: Script = { name: "permuted", shift: 1 };
    await world.fleet.addRelease("release-2", 2, [{ script, recorded: { name: "sound" } }]);
    await world.fleet.setDirective({ rollout: "rollout-2", release: "release-2" });
    await world.until(agent, reported("failed/trial"));
    expect(world.fleet.statuses.at(-1)).toMatchObject({ code: "TRIAL_MISMATCH" });
  });
});

describe("live runs", () => {
  const live = async (count: number, mean: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const inputs = new Map([["image", inputFor(i % 4, mean)]]);
      await agent.infer(modelId, inputs, { label: i % 4 }).catch(() => {});
    }
    await world.pass(3_000);
  };

  it.each<[string, Partial<Script>, string]>([
    ["fails", { failsAbove: 0.6 }, "HEALTH_ERROR_RATE"],
    ["answers NaN", { nanAbove: 0.6 }, "HEALTH_OUTPUT"],
    ["is slow", { slowAbove: 0.6 }, "HEALTH_LATENCY"],
    ["says one class, surely", { collapsesAbove: 0.6 }, "HEALTH_OUTPUT"],
  ])("bring down a release that %s from some input on, without asking anyone", async (_name, script, code) => {
    await live(100, 0);
    await order(script, { probation: { minRuns: 10_000, minMs: 0 } });
    await world.until(agent, (status) => status.models[modelId]?.release === "release-2");
    await live(60, 0);
    expect(agent.status().models[modelId]?.release).toBe("release-2");
    world.broker.setUp(false);
    await live(200, 1);
    await turns();
    expect(agent.status().models[modelId]?.release).toBe("release-1");
    world.broker.setUp(true);
    await world.until(agent, (status) => status.waiting === 0);
    expect(world.fleet.statuses.at(-1)).toMatchObject({ state: "failed/probation", code, running: "release-1" });
  });

  it("are reported as sketches with what was right", async () => {
    await live(40, 0);
    await world.until(agent, () => world.fleet.metrics.length > 0);
    expect(world.fleet.metrics[0]).toMatchObject({ runs: 40, errors: 0, labelled: { runs: 40, correct: 40 } });
  });
});

describe("a stolen directive key", () => {
  const year2100Ms = Date.UTC(2100, 0, 1);

  it("cannot end time for the device: dates behind the trusted metadata's end are not believed", async () => {
    await world.fleet.setIndex({ issuedAtMs: year2100Ms, expiresAtMs: year2100Ms + 86_400_000 });
    await world.fleet.setDirective({ paused: true }, { issuedAtMs: year2100Ms, expiresAtMs: year2100Ms + 86_400_000 });
    await turns();
    await agent.stop();
    agent = await world.start();
    await world.fleet.setIndex();
    await order();
    await world.until(agent, runs("release-2"));
  });

  it("is over with its rotation, whatever sequences it signed, also across a restart", async () => {
    const last = { sequence: 0xffff_ffff };
    await world.fleet.setIndex(last);
    await world.fleet.setDirective({ paused: true }, last);
    await turns();
    await order();
    await turns();
    expect(agent.status().models[modelId]).toMatchObject({ release: "release-1", candidate: null });
    await world.fleet.repository.rotateDirectiveKey();
    await agent.stop();
    agent = await world.start();
    world.clock.advance(10_000);
    await world.fleet.setIndex();
    await order();
    await world.until(agent, runs("release-2"));
  });
});

describe("the disk", () => {
  it("with a damaged state file gives the other copy, with both damaged the pointer and the floors", async () => {
    await agent.stop();
    world.storage.damage("state.a", (bytes) => bytes.subarray(0, 10));
    agent = await world.start();
    expect(agent.status().models[modelId]?.release).toBe("release-1");
    await agent.stop();
    world.storage.damage("state.a", () => new Uint8Array());
    world.storage.damage("state.b", (bytes) => bytes.map((byte, at) => (at === 90 ? byte ^ 4 : byte)));
    agent = await world.start();
    await turns();
    expect(agent.status().models[modelId]?.release).toBe("release-1");
    await agent.infer(modelId, new Map([["image", inputFor(0)]]));
    expect(await world.storage.read("state.b.broken")).not.toBeNull();
    // The old orders are replays now: only newer ones are taken, and those work.
    await order();
    await world.until(agent, runs("release-2"));
  });

  it("with a flipped bit in the active model is noticed at start, and the release before runs", async () => {
    await order();
    await world.until(agent, runs("release-2"));
    await agent.stop();
    const inB = await world.storage.size(`models/${modelId}/b/model.tflite`);
    const slot = inB === encodeScript({ name: "one" }).length ? "a" : "b";
    world.storage.damage(`models/${modelId}/${slot}/model.tflite`, (bytes) =>
      bytes.map((byte, at) => (at === 9 ? byte ^ 1 : byte)),
    );
    world.intercept((request, answer) => (isModel(request.path) ? { ...answer, status: 503 } : answer));
    agent = await world.start();
    await turns();
    expect(agent.status().models[modelId]?.release).toBe("release-1");
    await agent.infer(modelId, new Map([["image", inputFor(0)]]));
    world.intercept(null);
    await world.until(agent, runs("release-2"));
  });

  it("that takes nothing any more leaves the old model running, and the update to later", async () => {
    const { write } = world.storage;
    world.storage.write = async () => {
      throw new TypeError("ENOSPC");
    };
    // The device's own wrapper was made at its start.
    await agent.stop();
    agent = await world.start();
    await turns();
    await agent.infer(modelId, new Map([["image", inputFor(0)]]));
    await order();
    await world.pass(10_000);
    expect(agent.status().models[modelId]?.release).toBe("release-1");
    world.storage.write = write;
    await agent.stop();
    agent = await world.start();
    await world.until(agent, runs("release-2"));
  });
});

describe("orders", () => {
  it("that are forged, replayed or foreign change nothing", async () => {
    const topic = topics.directive(fleetId, cohortId);
    const replay = (await world.fleet.handle({ method: "GET", path: `/v1/cohorts/${cohortId}/directive` })).body;
    await world.fleet.setDirective({ rollout: "rollout-1", release: "release-1" });
    await world.until(agent, runs("release-1"));
    const before = world.fleet.statuses.length;
    const forged = await signEnvelope(
      controlPayloadType,
      new TextEncoder().encode(JSON.stringify({ type: "flotilla/directive", version: 1 })),
      [testSigner("a stranger")],
    );
    for (const payload of [replay, forged, new Uint8Array(), new TextEncoder().encode("{}")]) {
      world.broker.publish(topic, payload);
      await world.pass(2_000);
    }
    expect(world.fleet.statuses.length).toBe(before);
    expect(agent.status().models[modelId]).toMatchObject({ release: "release-1", candidate: null });
  });

  it("come over HTTP where MQTT does not, and reports go the same way", async () => {
    world.broker.setUp(false);
    await order();
    await world.until(agent, runs("release-2"));
    expect(world.fleet.statuses.at(-1)).toMatchObject({ state: "healthy", release: "release-2" });
  });

  it("for a release that nobody signed are not followed", async () => {
    await world.fleet.setDirective({ rollout: "rollout-9", release: "release-9", retries: 1 });
    await world.until(agent, reported("failed/verify"));
    expect(world.fleet.statuses.at(-1)).toMatchObject({ code: "INTEGRITY_NOT_FOUND", running: "release-1" });
  });
});

describe("acknowledgements", () => {
  it("that do not come make the device send again, until they do; the server counts once", async () => {
    world.fleet.setAcks(false);
    await order();
    await world.until(agent, reported("healthy"));
    await world.pass(30_000);
    expect(agent.status().waiting).toBeGreaterThan(0);
    world.fleet.setAcks(true);
    await world.until(agent, (status) => status.waiting === 0);
    const keys = world.fleet.statuses.map(({ boot, sequence }) => `${boot}/${sequence}`);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe("a wrong clock", () => {
  it.each([
    ["of 1970", 0],
    ["ten years ahead", 2_080_000_000_000],
  ])("%s deactivates nothing", async (_name, nowMs) => {
    world.clock.setWall(nowMs);
    await world.pass(10_000);
    await agent.stop();
    agent = await world.start();
    await turns();
    expect(agent.status().models[modelId]?.release).toBe("release-1");
    await agent.infer(modelId, new Map([["image", inputFor(0)]]));
  });
});
