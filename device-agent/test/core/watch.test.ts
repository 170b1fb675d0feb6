/** Probation and the stop rule: what catches a bad release, what does not, and what happens then. */
import { describe, expect, it } from "vitest";
import { Device } from "./builders.ts";

/** Release 1 did well for 100 live runs; release 2 has just been activated. */
const upgraded = (): Device => new Device().start().index().settle("release-1").runs(100).install("release-2");
const last = (device: Device): string | undefined => device.reported().at(-1);
const oneClass = (runs: number, name = "0") => ({ classes: { [name]: runs }, confident: runs });

describe("a release in probation", () => {
  it("is committed after its runs and its time, and not before", () => {
    const device = new Device()
      .start()
      .index()
      .install("release-1", { probation: { minRuns: 50, minMs: 5_000 } });
    expect(device.pass(60_000).model().active?.committed).toBe(false);
    expect(device.runs(49).model().active?.committed).toBe(false);
    expect(device.runs(1).model().active?.committed).toBe(true);
    expect(last(device)).toBe("healthy");
  });

  it.each([
    ["fails too often", { errors: 11 }, "HEALTH_ERROR_RATE"],
    ["answers NaN", { errors: 30, nonFinite: 30 }, "HEALTH_OUTPUT"],
    ["is ten times slower", { latencyMs: 20 }, "HEALTH_LATENCY"],
    ["says one class, surely", oneClass(100), "HEALTH_OUTPUT"],
  ])("that %s is left for the one before", (_name, change, code) => {
    const device = upgraded().runs(100, change);
    expect(device.model().active?.release).toBe("release-1");
    expect(last(device)).toBe(`failed/probation ${code}`);
    expect(device.statuses().at(-1)).toMatchObject({ release: "release-2", running: "release-1" });
    expect(device.effects.find(({ kind }) => kind === "activate")).toMatchObject({
      candidate: null,
      installed: { release: "release-1" },
    });
    // And it is not begun again.
    expect(device.pass(3_600_000).model()).toMatchObject({ candidate: null, active: { release: "release-1" } });
  });

  it.each([
    ["fails as often as allowed", 100, { errors: 10 }],
    ["fails in too few runs to say so", 19, { errors: 19 }],
    ["is slower within the noise of timers", 100, { latencyMs: 6.5 }],
    ["says one class without being sure", 100, { classes: { 0: 60, 1: 20, 2: 10, 3: 10 }, confident: 10 }],
  ])("that %s goes on", (_name, runs, change) => {
    expect(upgraded().runs(runs, change).model().active?.release).toBe("release-2");
  });

  it("that sees what the release before saw goes on, even if that is one class", () => {
    const device = new Device().start().index().settle("release-1").runs(100, oneClass(100, "3"));
    device.install("release-2").runs(100, oneClass(100, "3"));
    expect(device.model().active?.release).toBe("release-2");
  });

  it("that predicts other classes than the release before saw here is left", () => {
    const device = new Device()
      .start()
      .index()
      .settle("release-1")
      .runs(100, { classes: { 0: 50, 1: 50 } });
    device.install("release-2").runs(100, { classes: { 2: 50, 3: 50 } });
    expect(last(device)).toBe("failed/probation HEALTH_OUTPUT");
  });

  it("that is plainly less accurate on labelled inputs is left", () => {
    const device = new Device().start().index().settle("release-1").runs(100, { labelled: 100, correct: 98 });
    device.install("release-2").runs(100, { labelled: 100, correct: 60 });
    expect(last(device)).toBe("failed/probation HEALTH_OUTPUT");
  });

  it("that goes wrong from some input on is caught by its newest runs", () => {
    const device = upgraded();
    for (let i = 0; i < 10; i++) device.runs(20);
    expect(device.model().active?.committed).toBe(true);
    const again = new Device().start().index().settle("release-1").runs(100);
    again.install("release-2", { probation: { minRuns: 100_000, minMs: 0 } });
    for (let i = 0; i < 10; i++) again.runs(20);
    again.runs(20, oneClass(20));
    expect(last(again)).toBe("failed/probation HEALTH_OUTPUT");
  });
});

describe("a release past its probation", () => {
  it("is still left when the stop rule is broken, as long as there is a way back", () => {
    const device = upgraded().pass(60_000);
    expect(device.model().active?.committed).toBe(true);
    device.runs(100, { errors: 50 });
    expect(last(device)).toBe("rolled-back HEALTH_ERROR_RATE");
    expect(device.model().active?.release).toBe("release-1");
  });

  it("is not judged by runs older than the window", () => {
    const device = upgraded().runs(15, { errors: 15 });
    device.pass(400_000).runs(15, { errors: 1 });
    expect(device.model().active?.release).toBe("release-2");
  });
});

describe("with nothing to fall back on", () => {
  it("a doubtful release stays, is reported once, and is not called healthy", () => {
    const device = new Device()
      .start()
      .index()
      .install("release-1")
      .runs(100, { errors: 50 })
      .runs(100, { errors: 50 });
    device.pass(600_000);
    expect(device.model().active?.release).toBe("release-1");
    expect(device.reported().filter((one) => one.startsWith("failed/probation"))).toHaveLength(1);
    expect(device.reported()).not.toContain("healthy");
  });

  it("a release that does not let the agent live is taken away", () => {
    const device = new Device().start().index().install("release-1");
    for (let i = 0; i < 3; i++) device.start();
    expect(device.model().active).toBeNull();
    expect(last(device)).toBe("failed/probation HEALTH_RESTARTS");
  });
});

describe("the next order during a probation", () => {
  it("waits for the probation, whose way back it would overwrite", () => {
    const device = upgraded().directive({ rollout: "rollout-3", release: "release-3" });
    expect(device.model()).toMatchObject({ candidate: { phase: "waiting" }, previous: { release: "release-1" } });
    device.pass(10_000);
    expect(device.reported()).toContain("healthy");
    expect(device.model().candidate?.phase).toBe("resolving");
  });

  it("does not wait for ever: what cannot be proven makes way for what is known to be good", () => {
    const device = new Device().start().index().settle("release-1");
    device.install("release-2", { probation: { minRuns: 1_000_000, minMs: 0 } });
    device.directive({ rollout: "rollout-3", release: "release-3" }).pass(61_000);
    expect(device.model().active?.release).toBe("release-1");
    expect(device.model().candidate?.phase).toBe("resolving");
    const slots = [device.model().active?.slot, device.model().candidate?.slot];
    expect(new Set(slots).size).toBe(2);
  });
});

describe("metrics", () => {
  it("that nobody takes are merged, not dropped, and leave no gap in the sequence", () => {
    const device = new Device().start().index().settle("release-1");
    for (let i = 0; i < 900; i++) device.runs(10, { latencyMs: 1 + (i % 7) });
    const sequences = device.state.outbox.map(({ document }) => document.sequence);
    expect(sequences).toEqual(sequences.map((_, index) => index + 1));
    expect(JSON.stringify(device.state.outbox).length).toBeLessThan(320_000);
    const runs = device.state.outbox.flatMap((one) => (one.kind === "metrics" ? [one.document.runs] : []));
    expect(runs.reduce((sum, count) => sum + count, 0)).toBe(9_000);
  });

  it("and statuses leave the outbox with the ack, up to its sequence", () => {
    const device = new Device().start().index().settle("release-1").runs(10);
    const ack = { type: "flotilla/ack", version: 1, device: "device-1", boot: device.state.boot, sequence: 4 } as const;
    device.send({ kind: "ack-received", ack });
    expect(device.state.outbox[0]?.document.sequence).toBe(5);
    device.send({ kind: "ack-received", ack: { ...ack, sequence: 1_000 } });
    expect(device.state.outbox).toEqual([]);
  });
});
