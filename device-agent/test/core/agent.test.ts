/** The reducer in tables: given this state and these events, expect this state, these effects and these reports. */
import { describe, expect, it } from "vitest";
import { step } from "../../src/core/agent.ts";
import type { AgentEvent } from "../../src/core/events.ts";
import { initialState } from "../../src/core/state.ts";
import { Device, directiveOf, type EventFields, indexOf, model, releaseOf, t0 } from "./builders.ts";

const ready = (): Device => new Device().start().index();

describe("an update", () => {
  it("takes each step only when the one before is done, and reports it", () => {
    const device = ready().directive();
    expect(device.model().candidate?.phase).toBe("resolving");
    expect(device.asked()).toEqual(["resolve", "send-reports"]);
    expect(device.succeed().asked()).toEqual(["download", "send-reports"]);
    expect(device.succeed().asked()).toEqual(["verify", "send-reports"]);
    expect(device.succeed().asked()).toEqual(["trial", "send-reports"]);
    expect(device.succeed().asked()).toEqual(["activate"]);
    expect(device.model().active).toBeNull();
    device.succeed();
    expect(device.model().active?.release).toBe("release-1");
    expect(device.model().active?.committed).toBe(false);
    device.pass(10_000);
    expect(device.model().active?.committed).toBe(true);
    expect(device.reported()).toEqual(["offered", "downloading", "verifying", "trialing", "activated", "healthy"]);
  });

  it("says in every status what runs after it", () => {
    const device = ready().settle("release-1").install("release-2");
    const about = device.statuses().filter(({ release }) => release === "release-2");
    expect(about.map(({ state, running }) => [state, running])).toEqual([
      ["offered", "release-1"],
      ["downloading", "release-1"],
      ["verifying", "release-1"],
      ["trialing", "release-1"],
      ["activated", "release-2"],
    ]);
  });

  it("writes into the slot that does not run and keeps the other as the way back", () => {
    const device = ready().settle("release-1");
    const first = device.model().active?.slot;
    device.install("release-2");
    expect(device.model().active?.slot).not.toBe(first);
    expect(device.model().previous?.release).toBe("release-1");
  });

  it("keeps the way back until the new release is known to be wanted in its slot", () => {
    const device = ready().settle("release-1").settle("release-2");
    device.directive({ rollout: "rollout-3", release: "release-3" });
    expect(device.model().previous?.release).toBe("release-1");
    device.succeed({ accelerators: ["npu"] });
    expect(device.reported().at(-1)).toBe("rejected");
    expect(device.model().previous?.release).toBe("release-1");
  });

  it.each<[string, AgentEvent]>([
    ["a result for no candidate", { kind: "verified", nowMs: t0, model, candidate: 99 }],
    ["a result of another phase", { kind: "activated", nowMs: t0, model, candidate: 1 }],
    ["an event of a later version", { kind: "mystery", nowMs: t0 } as unknown as AgentEvent],
    [
      "an ack for another boot",
      {
        kind: "ack-received",
        nowMs: t0,
        ack: { type: "flotilla/ack", version: 1, device: "device-1", boot: "ffffffffffffffff", sequence: 9 },
      },
    ],
  ])("changes nothing on %s", (_name, event) => {
    const device = ready().directive();
    expect(step(device.state, event).state).toBe(device.state);
    expect(step(device.state, event).effects).toEqual([]);
  });
});

describe("failures", () => {
  it("are retried as often as the directive says, later each time, then end", () => {
    const device = ready().directive();
    const waits: number[] = [];
    for (const attempt of [1, 2, 3]) {
      expect(device.model().candidate?.phase).toBe("resolving");
      device.fail("TRANSPORT_UNREACHABLE");
      if (attempt === 3) break;
      waits.push((device.model().candidate?.retryAtMs ?? 0) - device.nowMs);
      device.pass(waits.at(-1) ?? 0);
    }
    expect(waits[0]).toBeGreaterThan(0);
    expect(waits[1]).toBeGreaterThan(waits[0] ?? 0);
    expect(device.reported()).toEqual(["offered", "failed/download TRANSPORT_UNREACHABLE"]);
    expect(device.pass(3_600_000).model().candidate).toBeNull();
  });

  it("that no retry can mend end at once", () => {
    const device = ready().directive().succeed();
    expect(device.fail("INTEGRITY_DIGEST", true).reported().at(-1)).toBe("failed/verify INTEGRITY_DIGEST");
  });

  it("of a trial block the digest for good: other rollouts and restarts do not try it again", () => {
    const device = ready().settle("release-1");
    device.directive({ rollout: "rollout-2", release: "release-2" }).succeed().succeed().succeed();
    device.fail("TRIAL_MISMATCH");
    expect(device.reported().at(-1)).toBe("failed/trial TRIAL_MISMATCH");
    expect(device.model().active?.release).toBe("release-1");
    device.start().directive({ rollout: "rollout-2b", release: "release-2" });
    device.succeed();
    expect(device.asked()).not.toContain("download");
    expect(device.reported().at(-1)).toBe("failed/trial TRIAL_MISMATCH");
  });

  it("of a step that takes too long are cancelled and counted", () => {
    const device = ready().directive().succeed();
    device.pass(31_000);
    expect(device.asked()).toContain("cancel");
    expect(device.model().candidate?.phase).toBe("backoff");
    expect(device.model().candidate?.failures).toBe(1);
  });

  it("of an activation bring back what ran", () => {
    const device = ready().settle("release-1");
    device.directive({ rollout: "rollout-2", release: "release-2", retries: 0 });
    for (let i = 0; i < 4; i++) device.succeed();
    device.fail("TRIAL_LOAD", true);
    expect(device.effects.find(({ kind }) => kind === "activate")).toMatchObject({
      candidate: null,
      installed: { release: "release-1" },
    });
    expect(device.reported().at(-1)).toBe("failed/activate TRIAL_LOAD");
    expect(device.statuses().at(-1)?.running).toBe("release-1");
  });

  it("reject with every reason what the device cannot take", () => {
    const device = ready()
      .directive()
      .succeed({ accelerators: ["npu", "gpu"] });
    expect(device.reported().at(-1)).toBe("rejected");
    expect(device.statuses().at(-1)?.detail).toEqual(["plain: accelerators: found none, needs one of npu, gpu"]);
  });
});

describe("counters", () => {
  it("refuse a release below the highest minCounter ever seen, and keep it through a lost state", () => {
    const device = ready().settle("release-5", { counter: 5, minCounter: 4 });
    expect(device.state.floors.counters[model]).toBe(4);
    device.directive({ rollout: "rollout-3", release: "release-3" }).succeed({ counter: 3 });
    expect(device.reported().at(-1)).toBe("rejected INTEGRITY_ROLLBACK");
    const fresh = new Device();
    fresh.state = { ...initialState("test-fleet", "device-1"), floors: device.state.floors };
    fresh.start().index().directive({ rollout: "rollout-3", release: "release-3" }).succeed({ counter: 3 });
    expect(fresh.reported().at(-1)).toBe("rejected INTEGRITY_ROLLBACK");
  });

  it("refuse a document whose counter is not the signed target's", () => {
    const device = ready().directive();
    const candidate = device.model().candidate?.id ?? 0;
    const { release } = releaseOf("release-1", { counter: 7 });
    const custom = { counter: 1, minCounter: 0 };
    device.send({ kind: "resolved", model, candidate, release, custom, storageBytes: 1e9 });
    expect(device.reported().at(-1)).toBe("rejected INTEGRITY_METADATA");
  });
});

describe("documents", () => {
  it("with a sequence that went down are refused", () => {
    const device = ready();
    const old = directiveOf(t0, { release: "release-9" });
    device.directive();
    const before = device.state;
    device.send({ kind: "directive-received", document: old });
    expect(device.state).toBe(before);
  });

  it.each<[string, EventFields]>([
    ["another fleet's index", { kind: "index-received", document: indexOf(t0, { fleet: "other-fleet" }) }],
    [
      "another fleet's directive",
      { kind: "directive-received", document: directiveOf(t0, {}, { fleet: "other-fleet" }) },
    ],
    [
      "a cohort's that the index does not know",
      {
        kind: "directive-received",
        document: directiveOf(t0, {}, { cohort: "strangers" }),
      },
    ],
    [
      "another device's document",
      {
        kind: "document-received",
        document: {
          type: "flotilla/device",
          version: 1,
          fleet: "test-fleet",
          device: "device-2",
          sequence: 1_000_000,
          issuedAtMs: t0,
          expiresAtMs: t0 + 1000,
          tags: [],
          pins: {},
          revoked: true,
        },
      },
    ],
  ])("of %s changes nothing", (_name, event) => {
    const device = ready();
    const before = device.state;
    device.send({ ...event });
    expect(device.state).toBe(before);
  });

  it("that have expired start nothing and stop nothing", () => {
    const device = ready().settle("release-1").directive({ rollout: "rollout-2", release: "release-2", paused: true });
    device.pass(90_000_000).directive({ rollout: "rollout-2", release: "release-2" }, { expiresAtMs: device.nowMs });
    expect(device.model().candidate).toBeNull();
    expect(device.model().active?.release).toBe("release-1");
    device.pass(90_000_000);
    expect(device.model().active?.release).toBe("release-1");
  });

  it("that expire between trial and activation hold the activation until they are renewed", () => {
    const device = ready();
    const expiresAtMs = device.nowMs + 1_000;
    device.directive({}, { expiresAtMs }).succeed().succeed().succeed();
    device.nowMs += 2_000;
    device.succeed();
    expect(device.model().candidate?.phase).toBe("ready");
    device.directive({});
    expect(device.model().candidate?.phase).toBe("activating");
  });

  it("are not believed to be younger because the clock says 1970", () => {
    const device = ready().directive({}, { expiresAtMs: t0 - 1, issuedAtMs: t0 });
    device.nowMs = 0;
    device.send({ kind: "tick" });
    expect(device.model().candidate).toBeNull();
  });
});

describe("selection", () => {
  it("leaves devices outside the stage on the base, and gives newcomers the base", () => {
    const words = { stage: { number: 1, thresholdBp: 0 }, base: { rollout: "rollout-0", release: "release-0" } };
    const device = ready().directive({ release: "release-1", ...words });
    expect(device.model().candidate?.target).toMatchObject({ release: "release-0", rollout: "rollout-0", arm: "base" });
  });

  it("does nothing outside the stage where there is no base", () => {
    const device = ready().directive({ stage: { number: 1, thresholdBp: 0 } });
    expect(device.model().candidate).toBeNull();
    expect(device.reported()).toEqual([]);
  });

  it("takes the matching cohort of highest priority", () => {
    const cohorts = [
      { id: "everyone", cel: "true", priority: 1 },
      { id: "canaries", cel: '"canary" in tags', priority: 10 },
      { id: "broken", cel: "nonsense ==", priority: 99 },
    ];
    const device = new Device().start().index({ cohorts });
    device.directive({ release: "release-1" });
    device.send({
      kind: "document-received",
      document: {
        type: "flotilla/device",
        version: 1,
        fleet: "test-fleet",
        device: "device-1",
        sequence: 1,
        issuedAtMs: t0,
        expiresAtMs: t0 + 1e9,
        tags: ["canary"],
        pins: {},
        revoked: false,
      },
    });
    expect(device.effects).toContainEqual({ kind: "subscribe", cohorts: ["canaries", "everyone"] });
    device.directive({ rollout: "rollout-2", release: "release-2" }, { cohort: "canaries" });
    expect(device.model().candidate?.target.release).toBe("release-2");
    expect(device.reported()).toEqual(["offered", "superseded", "offered"]);
  });

  it("offers nothing while paused, and goes on when that ends", () => {
    const device = ready().directive({ paused: true });
    expect(device.reported()).toEqual([]);
    expect(device.directive({ paused: false }).reported()).toEqual(["offered"]);
  });

  it("spreads the starts by the bucket", () => {
    const device = ready().directive({ rate: { spreadMs: 10_000 } });
    expect(device.model().candidate?.phase).toBe("waiting");
    expect(device.pass(10_000).model().candidate?.phase).toBe("resolving");
  });

  it("follows a pin and says that it opts out", () => {
    const device = ready().settle("release-1");
    device.send({
      kind: "document-received",
      document: {
        type: "flotilla/device",
        version: 1,
        fleet: "test-fleet",
        device: "device-1",
        sequence: 1,
        issuedAtMs: t0,
        expiresAtMs: t0 + 1e9,
        tags: [],
        pins: { [model]: "release-1" },
        revoked: false,
      },
    });
    device.directive({ rollout: "rollout-2", release: "release-2" });
    expect(device.reported().at(-1)).toBe("opted-out");
    expect(device.model().candidate).toBeNull();
    expect(device.model().active?.release).toBe("release-1");
  });

  it("takes part in nothing once revoked, and goes on running", () => {
    const device = ready().settle("release-1");
    device.send({
      kind: "document-received",
      document: {
        type: "flotilla/device",
        version: 1,
        fleet: "test-fleet",
        device: "device-1",
        sequence: 1,
        issuedAtMs: t0,
        expiresAtMs: t0 + 1e9,
        tags: [],
        pins: {},
        revoked: true,
      },
    });
    device.directive({ rollout: "rollout-2", release: "release-2" });
    expect(device.model().candidate).toBeNull();
    expect(device.model().active?.release).toBe("release-1");
  });
});

describe("a rollback", () => {
  it("reactivates the previous release at once and says which one was left", () => {
    const device = ready().settle("release-1").settle("release-2");
    device.directive({ rollout: "rollout-release-2", action: "rollback", release: "release-1" });
    expect(device.asked()).toContain("activate");
    device.succeed();
    expect(device.model().active).toMatchObject({ release: "release-1", committed: true });
    expect(device.statuses().at(-1)).toMatchObject({
      state: "rolled-back",
      rollout: "rollout-release-2",
      release: "release-2",
      running: "release-1",
    });
    expect(device.model().previous).toBeNull();
  });

  it("ends what is on its way, and asks nothing of devices that never had it", () => {
    const device = ready().settle("release-1");
    device.directive({ rollout: "rollout-2", release: "release-2" }).succeed();
    device.directive({ rollout: "rollout-2", action: "rollback", release: "release-1" });
    expect(device.reported().at(-1)).toBe("superseded");
    expect(device.model()).toMatchObject({ candidate: null, active: { release: "release-1" } });
  });

  it("fetches the older release where the slot was used for something else", () => {
    const device = ready().settle("release-1").settle("release-2").settle("release-3");
    device.directive({ rollout: "rollout-release-3", action: "rollback", release: "release-1" });
    for (let i = 0; i < 5; i++) device.succeed();
    expect(device.model().active?.release).toBe("release-1");
    expect(device.statuses().at(-1)).toMatchObject({ state: "rolled-back", release: "release-3" });
    const about = device.statuses().filter(({ rollout }) => rollout === "rollout-release-3");
    expect(about.map(({ state }) => state).slice(-3)).toEqual(["activated", "healthy", "rolled-back"]);
  });

  it("below the counter floor is refused: only the engineer's word goes back further", () => {
    const device = ready().settle("release-1").settle("release-2", { counter: 2, minCounter: 2 });
    device.directive({ rollout: "rollout-release-2", action: "rollback", release: "release-1" });
    expect(device.reported().at(-1)).toBe("rejected INTEGRITY_ROLLBACK");
    expect(device.model().active?.release).toBe("release-2");
  });

  it("gives a newcomer the older release without a word about the rollout", () => {
    const device = ready().directive({ rollout: "rollout-2", action: "rollback", release: "release-1" });
    for (let i = 0; i < 5; i++) device.succeed();
    device.pass(10_000);
    expect(device.model().active).toMatchObject({ release: "release-1", committed: true });
    expect(device.reported()).toEqual([]);
  });
});

describe("a start", () => {
  it("loads what was active", () => {
    const device = ready().settle("release-1");
    device.start();
    expect(device.effects.filter(({ kind }) => kind === "activate")).toMatchObject([
      { candidate: null, installed: { release: "release-1" } },
    ]);
    expect(device.state.bootCount).toBe(2);
  });

  it("counts unproven starts before loading and falls back after too many, not loading it once more", () => {
    const device = ready()
      .settle("release-1")
      .install("release-2", { stopRule: directiveStop(2) });
    expect(device.start().model().active).toMatchObject({ release: "release-2", unprovenStarts: 1 });
    expect(device.start().model().active).toMatchObject({ release: "release-2", unprovenStarts: 2 });
    device.start();
    expect(device.model().active?.release).toBe("release-1");
    const loaded = device.effects.flatMap((effect) => (effect.kind === "activate" ? [effect.installed.release] : []));
    expect(loaded).toEqual(["release-1"]);
    expect(device.reported().at(-1)).toBe("failed/probation HEALTH_RESTARTS");
    expect(device.start().model().active?.release).toBe("release-1");
  });

  it("does not count a start after an orderly stop", () => {
    const device = ready().settle("release-1").install("release-2");
    device.send({ kind: "stopping" }).start();
    expect(device.model().active?.unprovenStarts).toBe(0);
  });

  it("falls back if the active file is damaged, and to nothing if both are", () => {
    const device = ready().settle("release-1").settle("release-2");
    const good = device.inventory().filter(({ slot }) => slot === device.model().previous?.slot);
    device.start(good);
    expect(device.model().active?.release).toBe("release-1");
    expect(device.reported()).toContain("failed/activate IO_STATE_CORRUPT");
    // What is wanted is fetched again.
    expect(device.model().candidate?.target.release).toBe("release-2");
    device.start([]);
    expect(device.model().active).toBeNull();
    expect(device.asked()).toContain("deactivate");
  });

  it("gives up on a digest whose trial the agent does not survive", () => {
    const device = ready().settle("release-1").directive({ rollout: "rollout-2", release: "release-2" });
    for (let i = 0; i < 3; i++) {
      device.succeed().succeed().succeed();
      expect(device.model().candidate?.phase).toBe("trialing");
      device.start();
    }
    expect(device.reported().at(-1)).toBe("failed/trial TRIAL_CRASHED");
    expect(device.model().blocked).toMatchObject([{ code: "TRIAL_CRASHED" }]);
    expect(device.model().active?.release).toBe("release-1");
  });

  it("begins its reports anew under its own boot and keeps the unacknowledged ones", () => {
    const device = ready().directive();
    const before = device.statuses();
    device.start();
    expect(device.statuses().slice(0, before.length)).toEqual(before);
    device.succeed();
    expect(device.statuses().at(-1)).toMatchObject({ boot: device.state.boot, sequence: 1 });
  });
});

describe("new keys for control documents", () => {
  it("void the sequences and the words of the old ones, and nothing else", () => {
    const device = new Device().start().send({ kind: "control-keys", keys: "old" }).index();
    device.settle("release-1", { minCounter: 1 });
    const highest = { sequence: 0xffff_ffff };
    device.index(highest).directive({ rollout: "rollout-2", release: "release-2" }, highest).succeed();
    device.directive({ rollout: "rollout-3", release: "release-3" });
    expect(device.model().candidate?.target.release).toBe("release-2");
    device.send({ kind: "control-keys", keys: "new" });
    expect(device.model()).toMatchObject({ active: { release: "release-1" }, candidate: null });
    device.index().directive({ rollout: "rollout-3", release: "release-3" });
    expect(device.model().candidate?.target.release).toBe("release-3");
    expect(device.state.floors).toMatchObject({ controlKeys: "new", counters: { [model]: 1 } });
  });

  it("that are the ones known change nothing", () => {
    const device = ready().send({ kind: "control-keys", keys: "old" }).settle("release-1");
    const before = device.state;
    expect(device.send({ kind: "control-keys", keys: "old" }).state).toBe(before);
  });
});

describe("a candidate whose slot comes to run", () => {
  const downloadSlots = (device: Device) =>
    device.effects.flatMap((effect) => (effect.kind === "download" ? [effect.slot] : []));

  it("is written to the other slot if the device falls back while it waits", () => {
    const device = ready().settle("release-1").install("release-2");
    device.directive({ rollout: "rollout-3", release: "release-3", salt: "three" });
    expect(device.model().candidate).toMatchObject({ phase: "waiting", slot: device.model().previous?.slot });
    device.runs(100, { errors: 90 });
    expect(device.model().active?.release).toBe("release-1");
    device.succeed();
    expect(downloadSlots(device)).toEqual([device.model().active?.slot === "a" ? "b" : "a"]);
  });

  it("is written to the other slot if the device falls back while its release is looked up", () => {
    const device = ready().settle("release-1").settle("release-2");
    device.directive({ rollout: "rollout-3", release: "release-3", salt: "three" });
    expect(device.model().candidate).toMatchObject({ phase: "resolving", slot: device.model().previous?.slot });
    device.runs(100, { errors: 90 });
    expect(device.model().active?.release).toBe("release-1");
    device.succeed();
    expect(downloadSlots(device)).toEqual([device.model().active?.slot === "a" ? "b" : "a"]);
  });

  it("is written to the other slot if a start finds the active file damaged", () => {
    const device = ready().settle("release-1").settle("release-2");
    device.directive({ rollout: "rollout-3", release: "release-3", salt: "three" });
    device.start(device.inventory().filter(({ slot }) => slot === device.model().previous?.slot));
    expect(device.model().active?.release).toBe("release-1");
    device.succeed();
    expect(downloadSlots(device)).toEqual([device.model().active?.slot === "a" ? "b" : "a"]);
  });

  it("has nothing to do if it was the way back that the device took by itself", () => {
    const device = ready().settle("release-1").settle("release-2");
    device.directive({ rollout: "rollout-release-2", action: "rollback", release: "release-1" });
    expect(device.model().candidate).toMatchObject({ phase: "activating", reuse: true });
    device.runs(100, { errors: 90 });
    expect(device.model()).toMatchObject({ active: { release: "release-1" }, candidate: null });
    expect(device.reported().at(-1)).toBe("rolled-back HEALTH_ERROR_RATE");
  });
});

it("a lost state does not make a device look younger than its own old reports", () => {
  const device = ready().start().start();
  expect(device.state.bootCount).toBe(3);
  const fresh = new Device();
  fresh.state = { ...initialState("test-fleet", "device-1"), floors: device.state.floors };
  expect(fresh.start().state.bootCount).toBe(4);
});

describe("the clock", () => {
  it("set back during probation or a step does not stop the agent for years", () => {
    const device = ready().install("release-1");
    device.nowMs -= 10 * 365 * 86_400_000;
    device.send({ kind: "tick" });
    expect(device.model().active?.committed).toBe(false);
    expect(device.pass(6_000).model().active?.committed).toBe(true);
  });
});

const directiveStop = (maxRestarts: number) => ({
  windowS: 300,
  minRuns: 20,
  maxErrorRate: 0.1,
  maxLatencyRatio: 5,
  maxRestarts,
});
