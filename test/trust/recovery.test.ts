/**
 * What the trust client survives: rotated and stolen keys, torn and foreign files in its own store, and death at every
 * single store operation (facts: trust-and-faults §1 "errors must not leave the client unrecoverable", §7 rows K1–K3, G1).
 */

import { decodeFloors } from "@flotilla/device-agent/core/trust/floors";
import { createTrustClient } from "@flotilla/device-agent/core/trust/trust-client";
import type { MetadataStore } from "@flotilla/device-agent/ports/metadata-store";
import { editRoot } from "@flotilla/fleet-server/trust/edit-root";
import { delegateRelease, removeDelegation, setDelegation } from "@flotilla/fleet-server/trust/edit-targets";
import { publishStaged, signRole } from "@flotilla/fleet-server/trust/staging";
import { directiveRole } from "@flotilla/protocol/documents/control";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { JsonValue } from "@flotilla/protocol/json-value";
import { describe, expect, it } from "vitest";
import {
  expiries,
  fetcherOf,
  newSigners,
  nowMs,
  releasePath,
  type SimulatedRepository,
  setupWith,
  simulateDevice,
  simulateRepository,
  storeOver,
} from "./repository-simulator.ts";

const refused = (code: string, step?: string) =>
  step === undefined
    ? expect.objectContaining({ code })
    : expect.objectContaining({ code, details: expect.objectContaining({ step }) });

/** Root hands timestamp and snapshot to new keys, which sign from then on, beginning at low versions again. */
async function rotateOnlineKeys(repository: SimulatedRepository): Promise<void> {
  const { keys, store } = repository;
  keys.snapshot = newSigners(1);
  keys.timestamp = newSigners(1);
  const roles = { snapshot: setupWith(keys.snapshot), timestamp: setupWith(keys.timestamp) };
  await editRoot(store, roles, expiries.rootMs);
  await signRole(store, "root", keys.root);
  await publishStaged(store, nowMs);
  for (const name of store.files.keys()) if (name.includes("snapshot.json")) store.files.delete(name);
  await repository.forgeOnline({ snapshotVersion: 1, timestampVersion: 1 });
}

describe("keys", () => {
  it("K1: recovers from a fast-forward attack by new online keys", async () => {
    const repository = await simulateRepository();
    const device = simulateDevice(repository);
    await repository.forgeOnline({ snapshotVersion: 1_000_000, timestampVersion: 1_000_000 });
    expect((await device.start().refresh(nowMs)).timestampVersion).toBe(1_000_000);
    await rotateOnlineKeys(repository);
    const report = await device.start().refresh(nowMs);
    expect(report).toMatchObject({ rootVersion: 2, timestampVersion: 1, snapshotVersion: 1 });
    // and the new versions are floors like any others
    await repository.forgeOnline();
    await device.start().refresh(nowMs);
    await repository.forgeOnline({ snapshotVersion: 2, timestampVersion: 1 });
    await expect(device.start().refresh(nowMs)).rejects.toThrow(refused("INTEGRITY_ROLLBACK", "5.4.3.1"));
  });

  it("K1: recovers also when the old keys stay beside the new ones", async () => {
    const repository = await simulateRepository();
    const { keys, store } = repository;
    const device = simulateDevice(repository);
    await repository.forgeOnline({
      snapshotVersion: 1_000_000,
      timestampVersion: 1_000_000,
      meta: (meta) => ({ ...meta, "release-digits.json": { version: 1_000_000 } }),
    });
    await device.start().refresh(nowMs);
    const roles = {
      snapshot: setupWith([...keys.snapshot, ...newSigners(1)]),
      timestamp: setupWith([...keys.timestamp, ...newSigners(1)]),
    };
    await editRoot(store, roles, expiries.rootMs);
    await signRole(store, "root", keys.root);
    await publishStaged(store, nowMs);
    store.files.delete("metadata/1000000.snapshot.json");
    await repository.forgeOnline({ snapshotVersion: 2, timestampVersion: 2 });
    expect(await device.start().refresh(nowMs)).toMatchObject({ timestampVersion: 2, snapshotVersion: 2 });
  });

  it("K2: two of three root keys rotate the third out; old and new sets overlap", async () => {
    const repository = await simulateRepository();
    const { keys, store } = repository;
    const device = simulateDevice(repository);
    await device.start().refresh(nowMs);
    const [one, two, lost] = keys.root;
    const [fresh] = newSigners(1);
    if (!one || !two || !lost || !fresh) return expect.unreachable();
    await editRoot(store, { root: setupWith([one, two, fresh], 2) }, expiries.rootMs);
    expect(await signRole(store, "root", [one])).toMatchObject({ complete: false });
    await expect(publishStaged(store, nowMs)).rejects.toThrow(refused("INTEGRITY_SIGNATURE"));
    expect(await signRole(store, "root", [fresh])).toMatchObject({
      complete: false,
      needs: [
        { by: "root 1", valid: 1, threshold: 2 },
        { by: "root 2", valid: 2, threshold: 2 },
      ],
    });
    expect(await signRole(store, "root", [two])).toMatchObject({ complete: true });
    await repository.publish({ root: [one] });
    expect((await device.start().refresh(nowMs)).rootVersion).toBe(2);
    // The lost key has no say any more.
    await editRoot(store, {}, expiries.rootMs);
    await expect(signRole(store, "root", [lost])).rejects.toThrow(refused("CONFIG_INVALID"));
  });

  it("K3: a revoked release key signs nothing any more, not even what the device has cached", async () => {
    const repository = await simulateRepository();
    const device = simulateDevice(repository);
    const client = device.start();
    await client.refresh(nowMs);
    await client.findTarget(releasePath);
    const stolen = repository.keys.release;
    // The delegation goes to another key; what the stolen one has signed stays where it is.
    const targetsMs = expiries.targetsMs;
    await delegateRelease(repository.store, "digits", setupWith(newSigners(1)), { targetsMs, roleMs: targetsMs });
    await signRole(repository.store, "targets", repository.keys.targets);
    await expect(publishStaged(repository.store, nowMs)).rejects.toThrow(refused("INTEGRITY_SIGNATURE", "5.6.3"));
    const staged = repository.store.files.get("staged/targets.json");
    repository.store.files.set("metadata/2.targets.json", staged ?? new Uint8Array());
    await repository.forgeOnline();
    await client.refresh(nowMs);
    await expect(client.findTarget(releasePath)).rejects.toThrow(refused("INTEGRITY_SIGNATURE", "5.6.3"));
    await repository.forge("1.release-digits.json", stolen, (signed) => ({ ...signed, version: 2 }));
    repository.store.files.set(
      "metadata/2.release-digits.json",
      repository.store.files.get("metadata/1.release-digits.json") ?? new Uint8Array(),
    );
    await repository.forgeOnline();
    await client.refresh(nowMs);
    await expect(client.findTarget(releasePath)).rejects.toThrow(refused("INTEGRITY_SIGNATURE", "5.6.3"));
  });

  it("K3: the directive key comes from the current targets metadata only, rotates and ends with it", async () => {
    const repository = await simulateRepository();
    const { keys, store } = repository;
    const client = simulateDevice(repository).start();
    expect(() => client.keysForRole(directiveRole)).toThrow(refused("INTEGRITY_METADATA"));
    await client.refresh(nowMs);
    expect([...client.keysForRole(directiveRole).keys.keys()]).toEqual(keys.directive.map(({ keyid }) => keyid));
    const next = newSigners(2);
    await setDelegation(store, directiveRole, { ...setupWith(next, 2), paths: ["directives/*"] }, expiries.targetsMs);
    await repository.publish();
    await client.refresh(nowMs);
    expect(client.keysForRole(directiveRole)).toMatchObject({ threshold: 2 });
    expect([...client.keysForRole(directiveRole).keys.keys()].sort()).toEqual(next.map(({ keyid }) => keyid).sort());
    await removeDelegation(store, directiveRole, expiries.targetsMs);
    await repository.publish();
    await client.refresh(nowMs);
    expect(() => client.keysForRole(directiveRole)).toThrow(refused("INTEGRITY_NOT_FOUND"));
  });
});

describe("the device's own files", () => {
  const damages: readonly (readonly [string, (bytes: Uint8Array) => Uint8Array])[] = [
    ["empty", () => new Uint8Array(0)],
    ["one byte long", (bytes) => bytes.slice(0, 1)],
    ["cut at half", (bytes) => bytes.slice(0, bytes.length >> 1)],
    ["one byte short", (bytes) => bytes.slice(0, -1)],
    ["one byte long too many", (bytes) => Uint8Array.of(...bytes, 0x7d)],
    ["all zero", (bytes) => new Uint8Array(bytes.length)],
    ["flipped in its middle", (bytes) => bytes.map((byte, i) => (i === bytes.length >> 1 ? byte ^ 0x11 : byte))],
    ["JSON null", () => new TextEncoder().encode("null")],
    ["nested without end", () => new TextEncoder().encode("[".repeat(100_000))],
  ];
  const names = [
    "root.json",
    "timestamp.json",
    "snapshot.json",
    "targets.json",
    "release-digits.json",
    "floors.a",
    "floors.b",
  ];

  it.each(damages)("recovers when any one of them, or all of them, are %s", async (_, damage) => {
    const repository = await simulateRepository();
    await repository.addRelease("rel-2");
    await repository.publish();
    const device = simulateDevice(repository);
    const client = device.start();
    await client.refresh(nowMs);
    await client.findTarget(releasePath);
    const sound = new Map(device.files);
    expect([...sound.keys()].sort()).toEqual([...names].sort());
    for (const damaged of [...names.map((name) => [name]), names]) {
      for (const [name, bytes] of sound) device.files.set(name, damaged.includes(name) ? damage(bytes) : bytes);
      const restarted = device.start();
      expect(await restarted.refresh(nowMs)).toMatchObject({ timestampVersion: 2, snapshotVersion: 2 });
      expect((await restarted.findTarget(releasePath)).lengthBytes).toBe(5);
      for (const name of ["root.json", "timestamp.json", "snapshot.json", "targets.json", "release-digits.json"]) {
        expect({ name, bytes: device.files.get(name) }).toEqual({ name, bytes: sound.get(name) });
      }
    }
  });

  it.each([
    [
      "timestamp.json lost, older timestamp served",
      ["timestamp.json"],
      { timestampVersion: 1, snapshotVersion: 1 },
      "5.4.3.1",
    ],
    [
      "both online files lost, older snapshot served",
      ["timestamp.json", "snapshot.json"],
      { snapshotVersion: 1 },
      "5.4.3.2",
    ],
    [
      "also one copy of the floors lost",
      ["timestamp.json", "snapshot.json", "floors.a"],
      { snapshotVersion: 1 },
      "5.4.3.2",
    ],
  ])("keeps its floors: %s", async (_, lost, served, step) => {
    const repository = await simulateRepository();
    await repository.addRelease("rel-2");
    await repository.publish();
    const device = simulateDevice(repository);
    await device.start().refresh(nowMs);
    for (const name of lost) device.files.set(name, new Uint8Array(0));
    await repository.forgeOnline(served);
    await expect(device.start().refresh(nowMs)).rejects.toThrow(refused("INTEGRITY_ROLLBACK", step));
  });

  it.each([
    ["an older timestamp", { timestampVersion: 1 }, "5.4.3.1"],
    ["an older snapshot", { snapshotVersion: 1 }, "5.4.3.2"],
    [
      "an older role",
      { meta: (meta: Record<string, JsonValue>) => ({ ...meta, "release-digits.json": { version: 1 } }) },
      "5.5.5",
    ],
  ])("refuses %s by its metadata files alone when both copies of the floors are lost", async (_, served, step) => {
    const repository = await simulateRepository();
    await repository.addRelease("rel-2");
    await repository.publish();
    const device = simulateDevice(repository);
    await device.start().refresh(nowMs);
    device.files.set("floors.a", new Uint8Array(9));
    device.files.delete("floors.b");
    await repository.forgeOnline(served);
    await expect(device.start().refresh(nowMs)).rejects.toThrow(refused("INTEGRITY_ROLLBACK", step));
  });

  it("keeps the floors of delegated roles when the snapshot is lost", async () => {
    const repository = await simulateRepository();
    await repository.addRelease("rel-2");
    await repository.publish();
    const device = simulateDevice(repository);
    await device.start().refresh(nowMs);
    device.files.delete("snapshot.json");
    await repository.forgeOnline({ meta: (meta) => ({ ...meta, "release-digits.json": { version: 1 } }) });
    await expect(device.start().refresh(nowMs)).rejects.toThrow(refused("INTEGRITY_ROLLBACK", "5.5.5"));
  });

  it("does not go back to an older root when its own is lost and newer ones are withheld", async () => {
    const repository = await simulateRepository();
    const device = simulateDevice(repository);
    await editRoot(repository.store, {}, expiries.rootMs);
    await repository.publish();
    expect((await device.start().refresh(nowMs)).rootVersion).toBe(2);
    device.files.set("root.json", new Uint8Array(0));
    const withheld = repository.store.files.get("metadata/2.root.json");
    repository.store.files.delete("metadata/2.root.json");
    await expect(device.start().refresh(nowMs)).rejects.toThrow(refused("INTEGRITY_ROLLBACK", "5.3.5"));
    repository.store.files.set("metadata/2.root.json", withheld ?? new Uint8Array());
    expect((await device.start().refresh(nowMs)).rootVersion).toBe(2);
  });

  it("tells which files it had to replace", async () => {
    const repository = await simulateRepository();
    const device = simulateDevice(repository);
    expect((await device.start().refresh(nowMs)).recovered).toEqual([]);
    device.files.set("timestamp.json", new Uint8Array(3));
    device.files.set("floors.b", new Uint8Array(3));
    expect([...(await device.start().refresh(nowMs)).recovered].sort()).toEqual(["floors.b", "timestamp.json"]);
  });

  it("asks only for root and timestamp when nothing is new", async () => {
    const repository = await simulateRepository();
    const device = simulateDevice(repository);
    await device.start().refresh(nowMs);
    expect(device.requests.splice(0)).toEqual(["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"]);
    const client = device.start();
    await client.refresh(nowMs);
    expect(device.requests.splice(0)).toEqual(["2.root.json", "timestamp.json"]);
    await client.findTarget(releasePath);
    await client.findTarget(releasePath);
    expect(device.requests).toEqual(["1.release-digits.json"]);
  });
});

describe("death at every store operation", () => {
  class Killed extends FlotillaError {
    constructor() {
      super("IO_FAILED", "The process was killed.");
    }
  }

  /** A store that dies at its n-th change, either before it is done or right after. */
  function dyingStore(files: Map<string, Uint8Array>, at: number, after: boolean): MetadataStore & { changes: number } {
    const store = storeOver(files);
    const dying = {
      changes: 0,
      read: store.read,
      write: (name: string, bytes: Uint8Array) => change(() => store.write(name, bytes)),
      delete: (name: string) => change(() => store.delete(name)),
    };
    async function change(work: () => Promise<void>): Promise<void> {
      if (dying.changes++ !== at) return await work();
      if (after) await work();
      throw new Killed();
    }
    return dying;
  }

  const scenarios: readonly (readonly [string, (repository: SimulatedRepository) => Promise<void>])[] = [
    ["the first refresh", async () => undefined],
    [
      "an update",
      async (repository) => {
        await repository.addRelease("rel-2");
        await repository.publish();
      },
    ],
    [
      "the recovery from a fast-forward",
      async (repository) => {
        await rotateOnlineKeys(repository);
      },
    ],
  ];

  it.each(scenarios)(
    "in %s leaves a device that completes it after a restart, floors not lower",
    async (name, change) => {
      const repository = await simulateRepository();
      const files = new Map<string, Uint8Array>();
      const { shippedRoot } = repository;
      const run = async (store: MetadataStore) => {
        const client = createTrustClient({ fetcher: fetcherOf(repository), store, shippedRoot });
        const report = await client.refresh(nowMs);
        return { report, target: await client.findTarget(releasePath) };
      };
      if (name !== "the first refresh") {
        if (name === "the recovery from a fast-forward") {
          await repository.forgeOnline({ snapshotVersion: 900, timestampVersion: 900 });
        }
        await run(storeOver(files));
      }
      await change(repository);
      const start = new Map(files);
      const wanted = await run(storeOver(new Map(start)));
      let deaths = 0;
      for (const after of [false, true]) {
        for (let at = 0; ; at++) {
          const disk = new Map(start);
          const outcome = await run(dyingStore(disk, at, after)).catch((error: unknown) => error);
          if (!(outcome instanceof Killed)) break;
          deaths++;
          expect(await run(storeOver(disk))).toMatchObject({
            report: { timestampVersion: wanted.report.timestampVersion, rootVersion: wanted.report.rootVersion },
            target: wanted.target,
          });
          const floors = decodeFloors(disk.get("floors.a") ?? new Uint8Array());
          expect(floors).toMatchObject({ timestampVersion: wanted.report.timestampVersion });
        }
      }
      expect(deaths).toBeGreaterThanOrEqual(8);
    },
  );
});
