/**
 * The attack matrix on the agent's TUF client (facts: trust-and-faults §7, rows K1–K3, M1–M4, M6–M8, M10) over an
 * in-process repository. Every row: an honest refresh, the attack, the code and step it ends in, nothing stored that was
 * refused, and a refresh that works again once the repository is honest.
 */

import { defaultTrustLimits } from "@flotilla/device-agent/core/trust/limits";
import { signedHead, signMetadata } from "@flotilla/fleet-server/trust/metadata-bytes";
import { keysJson, roleKeysJson } from "@flotilla/fleet-server/trust/role-setup";
import type { JsonObject, JsonValue } from "@flotilla/protocol/json-value";
import type { Signer } from "@flotilla/protocol/public-key";
import { describe, expect, it } from "vitest";
import {
  expiries,
  newSigners,
  nowMs,
  releasePath,
  type SimulatedRepository,
  setupWith,
  simulateDevice,
  simulateRepository,
} from "./repository-simulator.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const refused = (code: string, step?: string) =>
  step === undefined
    ? expect.objectContaining({ code })
    : expect.objectContaining({ code, details: expect.objectContaining({ step }) });

interface Attack {
  readonly row: string;
  readonly name: string;
  readonly attack: (repository: SimulatedRepository) => Promise<void> | void;
  readonly code: string;
  readonly step?: string;
  /** Files that may change although the refresh fails: those verified before the refusal. */
  readonly mayStore?: readonly string[];
}

const floors = ["floors.a", "floors.b"];
const timestampTaken = ["timestamp.json", ...floors];
const snapshotTaken = [...timestampTaken, "snapshot.json"];
/** Role names → keep, with the version of one of them set. */
const withVersion = (name: string, version: number) => (meta: Record<string, JsonValue>) => ({
  ...meta,
  [name]: { version },
});

/** The attacked repository is one version ahead of the device, so that there is something to roll back from. */
const attacks: readonly Attack[] = [
  {
    row: "K1",
    name: "new targets under stolen online keys",
    attack: async (r) => {
      await r.forge("1.targets.json", [...r.keys.snapshot, ...r.keys.timestamp, ...r.keys.directive], (signed) => ({
        ...signed,
        version: 2,
      }));
      r.store.files.set("metadata/2.targets.json", r.store.files.get("metadata/1.targets.json") ?? text(""));
      await r.forgeOnline();
    },
    code: "INTEGRITY_SIGNATURE",
    step: "5.6.3",
    mayStore: snapshotTaken,
  },
  {
    row: "K2",
    name: "a root by one stolen key of three",
    attack: async (r) => {
      const [stolen] = r.keys.root;
      const own = newSigners(1);
      const signers = stolen === undefined ? own : [stolen, ...own];
      await r.forge("1.root.json", signers, (signed) => rootOf(signed, 2, signers, 1));
      r.store.files.set("metadata/2.root.json", r.store.files.get("metadata/1.root.json") ?? text(""));
    },
    code: "INTEGRITY_SIGNATURE",
    step: "5.3.4",
  },
  {
    row: "M1",
    name: "an older timestamp",
    attack: (r) => r.forgeOnline({ timestampVersion: 1 }),
    code: "INTEGRITY_ROLLBACK",
    step: "5.4.3.1",
  },
  {
    row: "M1",
    name: "a new timestamp for an older snapshot",
    attack: (r) => r.forgeOnline({ snapshotVersion: 1 }),
    code: "INTEGRITY_ROLLBACK",
    step: "5.4.3.2",
  },
  {
    row: "M1",
    name: "a new snapshot with an older delegated role",
    attack: (r) => r.forgeOnline({ meta: withVersion("release-digits.json", 1) }),
    code: "INTEGRITY_ROLLBACK",
    step: "5.5.5",
    mayStore: timestampTaken,
  },
  {
    row: "M1",
    name: "a snapshot that lost a role",
    attack: (r) => r.forgeOnline({ meta: ({ "release-digits.json": _, ...rest }) => rest }),
    code: "INTEGRITY_ROLLBACK",
    step: "5.5.5",
    mayStore: timestampTaken,
  },
  {
    row: "M2",
    name: "an expired timestamp",
    attack: (r) => r.forgeOnline({ timestampExpiresMs: nowMs }),
    code: "INTEGRITY_EXPIRED",
    step: "5.4.4",
  },
  {
    row: "M2",
    name: "an expired snapshot",
    attack: (r) => r.forgeOnline({ snapshotExpiresMs: nowMs }),
    code: "INTEGRITY_EXPIRED",
    step: "5.5.6",
    mayStore: timestampTaken,
  },
  {
    row: "M2",
    name: "expired targets",
    attack: async (r) => {
      await copyNext(r, "targets", 1, r.keys.targets, (signed) => ({ ...signed, expires: "2026-11-23T00:00:00Z" }));
      await r.forgeOnline();
    },
    code: "INTEGRITY_EXPIRED",
    step: "5.6.5",
    mayStore: snapshotTaken,
  },
  {
    row: "M2",
    name: "an expired root",
    attack: (r) => copyNext(r, "root", 1, r.keys.root, (signed) => ({ ...signed, expires: "2026-11-22T00:00:00Z" })),
    code: "INTEGRITY_EXPIRED",
    step: "5.3.10",
    mayStore: ["root.json"],
  },
  {
    row: "M3",
    name: "another validly signed snapshot of that version",
    attack: async (r) => {
      await r.forgeOnline();
      await r.forge("3.snapshot.json", r.keys.snapshot, (signed) => ({ ...signed, expires: "2099-01-01T00:00:00Z" }));
    },
    code: "INTEGRITY_DIGEST",
    step: "5.5.2",
    mayStore: timestampTaken,
  },
  {
    row: "M3",
    name: "a snapshot of another version under this name",
    attack: async (r) => {
      await r.forgeOnline({ hashes: false });
      await r.forge("3.snapshot.json", r.keys.snapshot, (signed) => ({ ...signed, version: 9 }));
    },
    code: "INTEGRITY_METADATA",
    step: "5.5.4",
    mayStore: timestampTaken,
  },
  {
    row: "M3",
    name: "targets that are not those of the snapshot",
    attack: async (r) => {
      await copyNext(r, "targets", 1, r.keys.targets, (signed) => signed);
      await r.forgeOnline();
      await r.forge("2.targets.json", r.keys.targets, (signed) => ({ ...signed, expires: "2099-01-01T00:00:00Z" }));
    },
    code: "INTEGRITY_DIGEST",
    step: "5.6.2",
    mayStore: snapshotTaken,
  },
  {
    row: "M3",
    name: "older targets under a new name",
    attack: async (r) => {
      await copyNext(r, "targets", 1, r.keys.targets, (signed) => signed);
      await r.forge("2.targets.json", r.keys.targets, (signed) => ({ ...signed, version: 1 }));
      await r.forgeOnline({ hashes: false });
    },
    code: "INTEGRITY_ROLLBACK",
    step: "5.6.4",
    mayStore: snapshotTaken,
  },
  {
    row: "M6",
    name: "a timestamp without signatures",
    attack: (r) => r.forgeOnline({ signers: { snapshot: r.keys.snapshot, timestamp: [] } }),
    code: "INTEGRITY_SIGNATURE",
    step: "5.4.2",
  },
  {
    row: "M6",
    name: "a timestamp signed by the snapshot key",
    attack: (r) => r.forgeOnline({ signers: { snapshot: r.keys.snapshot, timestamp: r.keys.snapshot } }),
    code: "INTEGRITY_SIGNATURE",
    step: "5.4.2",
  },
  {
    row: "M6",
    name: "a timestamp with a key id listed twice",
    attack: (r) => r.forgeOnline({ signers: { snapshot: r.keys.snapshot, timestamp: twice(r.keys.timestamp) } }),
    code: "INTEGRITY_METADATA",
  },
  {
    row: "M6",
    name: "a root with threshold 0 for timestamp",
    attack: (r) =>
      copyNext(r, "root", 1, r.keys.root, (signed) => withRole(signed, "timestamp", { keyids: [], threshold: 0 })),
    code: "INTEGRITY_METADATA",
  },
  {
    row: "M6",
    name: "a root with a negative threshold",
    attack: (r) =>
      copyNext(r, "root", 1, r.keys.root, (signed) => withRole(signed, "root", { keyids: [], threshold: -1 })),
    code: "INTEGRITY_METADATA",
  },
  {
    row: "M6",
    name: "1 of 2 signatures",
    attack: async (r) => {
      const signers = newSigners(2);
      await copyNext(r, "root", 1, r.keys.root, (signed) => withSigners(signed, "timestamp", signers, 2));
      await r.forgeOnline({ signers: { snapshot: r.keys.snapshot, timestamp: signers.slice(0, 1) } });
    },
    code: "INTEGRITY_SIGNATURE",
    step: "5.4.2",
    mayStore: ["root.json", "timestamp.json", "snapshot.json", ...floors],
  },
  {
    row: "M6",
    name: "the same key under two key ids against a threshold of 2",
    attack: async (r) => {
      const [key] = r.keys.timestamp;
      if (key === undefined) return;
      const alias = { ...key, keyid: "ab".repeat(32) };
      await copyNext(r, "root", 1, r.keys.root, (signed) => {
        const keys = { ...objectOf(signed.keys), [alias.keyid]: key.publicKey };
        return withRole({ ...signed, keys }, "timestamp", { keyids: [key.keyid, alias.keyid], threshold: 2 });
      });
      await r.forgeOnline({ signers: { snapshot: r.keys.snapshot, timestamp: [key, alias] } });
    },
    code: "INTEGRITY_SIGNATURE",
    step: "5.4.2",
    mayStore: ["root.json", "timestamp.json", "snapshot.json", ...floors],
  },
  {
    row: "M10",
    name: "a root that does not sign itself",
    attack: (r) => copyNext(r, "root", 1, r.keys.root, (signed) => withSigners(signed, "root", newSigners(2), 1)),
    code: "INTEGRITY_SIGNATURE",
    step: "5.3.4",
  },
  {
    row: "M10",
    name: "a root of a later version in the place of the next",
    attack: (r) => copyNext(r, "root", 1, r.keys.root, (signed) => ({ ...signed, version: 3 })),
    code: "INTEGRITY_METADATA",
    step: "5.3.5",
  },
  {
    row: "M10",
    name: "the same root again in the place of the next",
    attack: (r) => copyNext(r, "root", 1, r.keys.root, (signed) => ({ ...signed, version: 1 })),
    code: "INTEGRITY_ROLLBACK",
    step: "5.3.5",
  },
];

/** Writes version n+1 of a role, changed and signed as asked. */
async function copyNext(
  r: SimulatedRepository,
  role: string,
  version: number,
  signers: readonly Signer[],
  change: (signed: Record<string, JsonValue>) => JsonObject,
): Promise<void> {
  const held = r.store.files.get(`metadata/${version}.${role}.json`) ?? text("{}");
  r.store.files.set(`metadata/${version + 1}.${role}.json`, held);
  await r.forge(`${version + 1}.${role}.json`, signers, (signed) => change({ ...signed, version: version + 1 }));
}

const objectOf = (value: JsonValue | undefined): JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
const withRole = (signed: JsonObject, role: string, keys: JsonObject): JsonObject => ({
  ...signed,
  roles: { ...objectOf(signed.roles), [role]: keys },
});
const withSigners = (signed: JsonObject, role: string, signers: readonly Signer[], threshold: number): JsonObject => {
  const setup = setupWith(signers, threshold);
  return withRole({ ...signed, keys: { ...objectOf(signed.keys), ...keysJson([setup]) } }, role, roleKeysJson(setup));
};
const rootOf = (signed: JsonObject, version: number, signers: readonly Signer[], threshold: number): JsonObject => ({
  ...withSigners(signed, "root", signers, threshold),
  version,
});
const twice = (signers: readonly Signer[]): Signer[] => [...signers, ...signers];

describe("attacks on the trust client", () => {
  it.each(attacks)("$row: refuses $name", async ({ attack, code, step, mayStore = [] }) => {
    const repository = await simulateRepository();
    await repository.addRelease("rel-2");
    await repository.publish(); // timestamp 2, snapshot 2, release-digits 2
    const device = simulateDevice(repository);
    const client = device.start();
    await client.refresh(nowMs);
    await client.findTarget(releasePath);

    const honest = new Map(repository.store.files);
    const before = new Map(device.files);
    await attack(repository);
    await expect(client.refresh(nowMs)).rejects.toThrow(refused(code, step));
    for (const [name, bytes] of device.files) {
      if (!mayStore.includes(name)) expect({ name, bytes }).toEqual({ name, bytes: before.get(name) });
    }
    // What was trusted stays in use.
    expect((await client.findTarget(releasePath)).lengthBytes).toBe(5);

    // The device recovers as soon as the repository is honest and ahead again, or its online keys were rotated.
    if (mayStore.length > 0) return;
    repository.store.files.clear();
    for (const [name, bytes] of honest) repository.store.files.set(name, bytes);
    await repository.publish();
    expect((await device.start().refresh(nowMs)).timestampVersion).toBe(3);
  });

  const jsonTricks: readonly (readonly [string, (json: string) => string])[] = [
    ["deep nesting", (json) => json.replace('"signed":{', `"signed":{"x":${"[".repeat(100)}${"]".repeat(100)},`)],
    ["a duplicate key", (json) => json.replace('"version":', '"version":9,"version":')],
    ["an integer beyond 2^53", (json) => json.replace('"signed":{', '"signed":{"x":9007199254740993,')],
    ["a float", (json) => json.replace('"signed":{', '"signed":{"x":1.5,')],
    ["a lone surrogate", (json) => json.replace('"signed":{', '"signed":{"x":"\\ud800",')],
    ["a byte order mark", (json) => `\ufeff${json}`],
    ["a __proto__ key", (json) => json.replace('"signed":{', '"signed":{"__proto__":{},')],
    ["text behind the document", (json) => `${json}{}`],
    ["an empty file", () => ""],
    ["null", () => "null"],
    ["a captive portal", () => "<html><body>Please log in</body></html>"],
    ["the wrong type", (json) => json.replace(/"_type":"\w+"/, '"_type":"mirrors"')],
    ["another specification", (json) => json.replace('"spec_version":"1.', '"spec_version":"2.')],
    ["an unreadable expiry", (json) => json.replace(/"expires":"[^"]+"/, '"expires":"soon"')],
    ["version 0", (json) => json.replace(/"version":\d+/g, '"version":0')],
  ];
  describe.each(["2.root.json", "timestamp.json", "3.snapshot.json", "2.targets.json"])("M8: %s with", (name) => {
    it.each(jsonTricks)("%s is refused before any signature counts", async (_, trick) => {
      const repository = await simulateRepository();
      await repository.addRelease("rel-2");
      await repository.publish();
      const device = simulateDevice(repository);
      await device.start().refresh(nowMs);
      await copyNext(repository, "root", 1, repository.keys.root, (signed) => signed);
      await copyNext(repository, "targets", 1, repository.keys.targets, (signed) => signed);
      await repository.forgeOnline({ hashes: false });
      const file = `metadata/${name}`;
      const changed = trick(new TextDecoder().decode(repository.store.files.get(file)));
      repository.store.files.set(file, text(changed));
      await expect(device.start().refresh(nowMs)).rejects.toThrow(refused("INTEGRITY_METADATA"));
    });
  });

  it.each([
    ["2.root.json", { rootBytes: 2_000 }],
    ["timestamp.json", { timestampBytes: 600 }],
    ["3.snapshot.json", { snapshotBytes: 900 }],
    ["2.targets.json", {}],
  ])("M4: endless data in %s ends at its bound", async (name, limits) => {
    const repository = await simulateRepository();
    await repository.addRelease("rel-2");
    await repository.publish();
    const device = simulateDevice(repository, limits);
    await copyNext(repository, "targets", 1, repository.keys.targets, (signed) => signed);
    await repository.forgeOnline();
    repository.store.files.set(`metadata/${name}`, new Uint8Array(6_000_000).fill(0x20));
    await expect(device.start().refresh(nowMs)).rejects.toThrow(refused("TRANSPORT_LIMIT"));
  });

  it("M10: takes a bounded number of roots in one refresh, says so, and goes on from there in the next", async () => {
    expect(defaultTrustLimits.rootRotations).toBe(256);
    const repository = await simulateRepository();
    for (let version = 1; version <= 10; version++) {
      await copyNext(repository, "root", version, repository.keys.root, (signed) => signed);
    }
    const device = simulateDevice(repository, { rootRotations: 8 });
    await expect(device.start().refresh(nowMs)).rejects.toThrow(refused("INTEGRITY_METADATA", "5.3.3"));
    expect(device.requests).toHaveLength(8);
    expect((await device.start().refresh(nowMs)).rootVersion).toBe(11);
  });

  it("M10: does not skip a missing root", async () => {
    const repository = await simulateRepository();
    await copyNext(repository, "root", 1, repository.keys.root, (signed) => signed);
    await copyNext(repository, "root", 2, repository.keys.root, (signed) => signed);
    repository.store.files.delete("metadata/2.root.json");
    const device = simulateDevice(repository);
    expect((await device.start().refresh(nowMs)).rootVersion).toBe(1);
    expect(device.requests).toContain("2.root.json");
    expect(device.requests).not.toContain("3.root.json");
  });

  it("keeps what it trusts when a timestamp of the same version says something else", async () => {
    const repository = await simulateRepository();
    const device = simulateDevice(repository);
    await device.start().refresh(nowMs);
    const held = device.files.get("timestamp.json");
    await repository.forgeOnline({ timestampVersion: 1, snapshotVersion: 7 });
    expect((await device.start().refresh(nowMs)).snapshotVersion).toBe(1);
    expect(device.files.get("timestamp.json")).toEqual(held);
  });

  it("counts valid signatures although others beside them are empty or wrong", async () => {
    const repository = await simulateRepository();
    const [good] = repository.keys.timestamp;
    const [foreign] = newSigners(1);
    if (good === undefined || foreign === undefined) return expect.unreachable();
    const empty = { ...foreign, sign: async () => new Uint8Array(0) };
    await repository.forgeOnline({ signers: { snapshot: repository.keys.snapshot, timestamp: [empty, good] } });
    expect((await simulateDevice(repository).start().refresh(nowMs)).timestampVersion).toBe(2);
  });

  it("signs over fields that it does not know, and keeps the bytes as they came", async () => {
    const repository = await simulateRepository();
    await copyNext(repository, "targets", 1, repository.keys.targets, (signed) => ({
      ...signed,
      "x-vendor": [1, { y: "é" }],
    }));
    await repository.forgeOnline();
    const device = simulateDevice(repository);
    expect((await device.start().refresh(nowMs)).targetsVersion).toBe(2);
    expect(device.files.get("targets.json")).toEqual(repository.store.files.get("metadata/2.targets.json"));
  });
});

describe("delegations", () => {
  const path = "models/digits/anything";
  interface Delegation {
    readonly name: string;
    readonly signers: readonly Signer[];
    readonly terminating?: boolean;
    readonly paths?: readonly string[];
  }

  /** A repository whose targets roles are exactly those given. */
  async function withRoles(
    roles: Readonly<Record<string, { signers: readonly Signer[]; to?: readonly Delegation[]; targets?: JsonObject }>>,
  ): Promise<SimulatedRepository> {
    const repository = await simulateRepository();
    const files = repository.store.files;
    files.delete("metadata/1.targets.json");
    files.delete("metadata/1.release-digits.json");
    for (const [role, { signers, to = [], targets = {} }] of Object.entries(roles)) {
      const delegations = {
        keys: keysJson(to.map((child) => setupWith(child.signers))),
        roles: to.map(({ name, signers: own, terminating = false, paths = ["models/digits/*"] }) => ({
          name,
          ...roleKeysJson(setupWith(own)),
          paths: [...paths],
          terminating,
        })),
      };
      const signed = { ...signedHead("targets", 1, expiries.targetsMs), targets, delegations };
      files.set(
        `metadata/1.${encodeURIComponent(role)}.json`,
        await signMetadata(signed, role === "targets" ? repository.keys.targets : signers),
      );
    }
    await repository.forgeOnline();
    return repository;
  }
  const target = (lengthBytes: number): JsonObject => ({
    [path]: { length: lengthBytes, hashes: { sha256: "00".repeat(32) } },
  });
  const key = newSigners(4);
  const [a, b] = [key.slice(0, 1), key.slice(1, 2)];

  async function find(repository: SimulatedRepository, limits = {}) {
    const device = simulateDevice(repository, limits);
    const client = device.start();
    await client.refresh(nowMs);
    const lookUp = () => client.findTarget(path).then(({ lengthBytes }) => lengthBytes);
    return {
      client,
      device,
      lookUp,
      roles: () => device.requests.slice(4).map((name) => name.replace(/^1\.|\.json$/g, "")),
    };
  }

  it("asks roles in pre-order, the delegator's order first", async () => {
    const { lookUp, roles } = await find(
      await withRoles({
        targets: {
          signers: [],
          to: [
            { name: "a", signers: a },
            { name: "b", signers: b },
          ],
        },
        a: {
          signers: a,
          to: [
            { name: "a1", signers: a },
            { name: "a2", signers: a },
          ],
        },
        a1: { signers: a },
        a2: { signers: a },
        b: { signers: b, targets: target(7) },
      }),
    );
    expect(await lookUp()).toBe(7);
    expect(roles()).toEqual(["a", "a1", "a2", "b"]);
  });

  it("stops behind a terminating delegation", async () => {
    const { lookUp, roles } = await find(
      await withRoles({
        targets: {
          signers: [],
          to: [
            { name: "a", signers: a, terminating: true },
            { name: "b", signers: b },
          ],
        },
        a: { signers: a },
        b: { signers: b, targets: target(7) },
      }),
    );
    await expect(lookUp()).rejects.toThrow(refused("INTEGRITY_NOT_FOUND"));
    expect(roles()).toEqual(["a"]);
  });

  it("does not let a role speak of paths that were not delegated to it", async () => {
    const { lookUp, roles } = await find(
      await withRoles({
        targets: { signers: [], to: [{ name: "a", signers: a, paths: ["models/other/*"] }] },
        a: { signers: a, targets: target(7) },
      }),
    );
    await expect(lookUp()).rejects.toThrow(refused("INTEGRITY_NOT_FOUND"));
    expect(roles()).toEqual([]);
  });

  it("M7: ends in a cycle", async () => {
    const { lookUp, roles } = await find(
      await withRoles({
        targets: { signers: [], to: [{ name: "a", signers: a }] },
        a: { signers: a, to: [{ name: "b", signers: b }] },
        b: { signers: b, to: [{ name: "a", signers: a }] },
      }),
    );
    await expect(lookUp()).rejects.toThrow(refused("INTEGRITY_NOT_FOUND"));
    expect(roles()).toEqual(["a", "b"]);
  });

  it.each([
    [32, "found"],
    [33, "refused"],
  ])("M7: a chain of %i roles is %s", async (length, outcome) => {
    const name = (i: number): string => `role-${i}`;
    const chain = Object.fromEntries(
      Array.from({ length }, (_, i) => [
        name(i + 1),
        i + 1 === length ? { signers: a, targets: target(7) } : { signers: a, to: [{ name: name(i + 2), signers: a }] },
      ]),
    );
    const { lookUp, roles } = await find(
      await withRoles({ targets: { signers: [], to: [{ name: name(1), signers: a }] }, ...chain }),
    );
    if (outcome === "found") expect(await lookUp()).toBe(7);
    else await expect(lookUp()).rejects.toThrow(refused("INTEGRITY_NOT_FOUND", "5.6.7.1"));
    expect(roles()).toHaveLength(32);
  });

  it("M7: refuses a role that the snapshot does not list, without asking for it", async () => {
    const { lookUp, roles } = await find(
      await withRoles({ targets: { signers: [], to: [{ name: "a", signers: a }] } }),
    );
    await expect(lookUp()).rejects.toThrow(refused("INTEGRITY_METADATA", "5.6.1"));
    expect(roles()).toEqual([]);
  });

  it.each(["../../x", "/x", "..", "a/b", "?", "#", "constructor", "toString", "hasOwnProperty"])(
    "M7: the role %s is one file like any other",
    async (name) => {
      const { lookUp, device } = await find(
        await withRoles({
          targets: { signers: [], to: [{ name, signers: a }] },
          [name]: { signers: a, targets: target(7) },
        }),
      );
      expect(await lookUp()).toBe(7);
      for (const file of device.files.keys()) expect(file).toMatch(/^[A-Za-z0-9.~_%-]+$/);
    },
  );

  it.each(["root", "timestamp", "snapshot", "targets", "Root", "TIMESTAMP", ""])(
    "M7: refuses the name %j for a delegated role",
    async (name) => {
      const repository = await withRoles({ targets: { signers: [], to: [{ name, signers: a }] } });
      await expect(simulateDevice(repository).start().refresh(nowMs)).rejects.toThrow(refused("INTEGRITY_METADATA"));
    },
  );

  it("M7: finds nothing under inherited names", async () => {
    const { client } = await find(await withRoles({ targets: { signers: [] } }));
    for (const name of ["constructor", "__proto__", "toString"]) {
      await expect(client.findTarget(name)).rejects.toThrow(refused("INTEGRITY_NOT_FOUND"));
      expect(() => client.keysForRole(name)).toThrow(refused("INTEGRITY_NOT_FOUND"));
    }
  });

  it("M7: verifies a cached role against the role that delegates to it now, not the one that did", async () => {
    const shared = (signers: readonly Signer[], paths: readonly string[]) => [{ name: "shared", signers, paths }];
    const repository = await withRoles({
      targets: {
        signers: [],
        to: [
          { name: "a", signers: a, paths: ["models/digits/*"] },
          { name: "b", signers: b, paths: ["models/other/*"] },
        ],
      },
      a: { signers: a, to: shared(a, ["models/digits/*"]) },
      b: { signers: b, to: shared(b, ["models/other/*"]) },
      shared: {
        signers: a,
        targets: { ...target(7), "models/other/x": { length: 9, hashes: { sha256: "00".repeat(32) } } },
      },
    });
    const { client, lookUp } = await find(repository);
    expect(await lookUp()).toBe(7); // through a, whose key signed it; now it is in the store
    await expect(client.findTarget("models/other/x")).rejects.toThrow(refused("INTEGRITY_SIGNATURE", "5.6.3"));
  });
});
