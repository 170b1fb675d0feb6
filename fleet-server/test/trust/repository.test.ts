/** Authoring a repository: staging, admission, the server's online half, and what none of them may ever do. */

import { sha256Hex } from "@flotilla/protocol/digest";
import { releaseTargetPath } from "@flotilla/protocol/documents/release";
import type { Signer } from "@flotilla/protocol/public-key";
import { parseTimestamp } from "@flotilla/protocol/tuf/parse-timestamp";
import { beforeEach, describe, expect, it } from "vitest";
import { acceptUpload } from "../../src/trust/accept-upload.ts";
import { ed25519Signer, generateEd25519Seed } from "../../src/trust/ed25519-signer.ts";
import { editRoot, initRepository } from "../../src/trust/edit-root.ts";
import { addTargets, delegateRelease, removeTargets, renewTargets } from "../../src/trust/edit-targets.ts";
import { memoryStore } from "../../src/trust/memory-store.ts";
import { signMetadata } from "../../src/trust/metadata-bytes.ts";
import { publishOnline } from "../../src/trust/online-roles.ts";
import { readRepository } from "../../src/trust/repository-state.ts";
import { publishStaged, signingState, signRole } from "../../src/trust/staging.ts";
import { verifyRepository } from "../../src/trust/verify-repository.ts";

const nowMs = Date.UTC(2026, 10, 23);
const day = 86_400_000;
const far = nowMs + 90 * day;
const expiry = { snapshotExpiresMs: nowMs + 7 * day, timestampExpiresMs: nowMs + day };
const signers = (count: number): Signer[] => Array.from({ length: count }, () => ed25519Signer(generateEd25519Seed()));
const setup = (own: readonly Signer[], threshold = 1) => ({ keys: own.map(({ publicKey }) => publicKey), threshold });
const refused = (code: string) => expect.objectContaining({ code });
const keys = {
  root: signers(3),
  targets: signers(1),
  snapshot: signers(1),
  timestamp: signers(1),
  release: signers(1),
};
const content = new TextEncoder().encode("a release");
const path = releaseTargetPath("digits", "rel-1");

type Store = ReturnType<typeof memoryStore>;

async function author(store: Store): Promise<void> {
  await initRepository(store, {
    roles: {
      root: setup(keys.root, 2),
      targets: setup(keys.targets),
      snapshot: setup(keys.snapshot),
      timestamp: setup(keys.timestamp),
    },
    rootExpiresMs: far,
    targetsExpiresMs: far,
  });
  await delegateRelease(store, "digits", setup(keys.release), { targetsMs: far, roleMs: far });
  await addTargets(store, "release-digits", [{ path, bytes: content, custom: { counter: 1 } }], far);
  await signRole(store, "root", keys.root);
  await signRole(store, "targets", keys.targets);
  await signRole(store, "release-digits", keys.release);
}

/** The engineer's files as they are uploaded. */
const metadataOf = (store: Store): Map<string, Uint8Array> =>
  new Map(
    [...store.files]
      .filter(([name]) => name.startsWith("metadata/"))
      .map(([name, bytes]) => [name.slice("metadata/".length), bytes]),
  );
const always = async (): Promise<boolean> => true;

describe("authoring", () => {
  let store: Store;
  beforeEach(async () => {
    store = memoryStore();
    await author(store);
  });

  it("is complete at the threshold and not before", async () => {
    const [one, two] = keys.root;
    if (!one || !two) return expect.unreachable();
    await editRootOf(store, one, two);
    expect(await signRole(store, "root", [one])).toMatchObject({ complete: false });
    expect(await signRole(store, "root", [one])).toMatchObject({ complete: false }); // the same key again adds nothing
    expect(await signRole(store, "root", [two])).toMatchObject({ complete: true });
  });

  /** Publishes what is staged, then stages root 2. */
  async function editRootOf(target: Store, one: Signer, two: Signer): Promise<void> {
    await publishStaged(target, nowMs);
    await editRoot(target, { root: setup([one, two], 2) }, far);
  }

  it("voids signatures when staged metadata is edited", async () => {
    await addTargets(store, "release-digits", [{ path: releaseTargetPath("digits", "rel-2"), bytes: content }], far);
    expect(await signingState(store, "release-digits")).toMatchObject({ complete: false });
    await expect(publishStaged(store, nowMs)).rejects.toThrow(refused("INTEGRITY_SIGNATURE"));
    expect(await store.list("metadata")).toEqual([]);
  });

  it("publishes in an order that is safe at every step, and again without effect", async () => {
    expect(await publishStaged(store, nowMs)).toEqual([
      "metadata/1.root.json",
      "metadata/1.release-digits.json",
      "metadata/1.targets.json",
    ]);
    expect(await store.list("staged")).toEqual([]);
    expect(await publishStaged(store, nowMs)).toEqual([]);
  });

  it("finishes a publication that died at any file", async () => {
    const staged = new Map(store.files);
    await publishStaged(store, nowMs);
    const whole = new Map(store.files);
    for (const written of [1, 2, 3]) {
      const torn = memoryStore();
      for (const [name, bytes] of staged) torn.files.set(name, bytes);
      const done = [...whole].filter(([name]) => name.startsWith("metadata/")).slice(0, written);
      for (const [name, bytes] of done) torn.files.set(name, bytes);
      await publishStaged(torn, nowMs);
      expect(new Map([...torn.files].sort())).toEqual(new Map([...whole].sort()));
    }
  });

  it("stores targets under their digest", async () => {
    expect(store.files.get(`targets/models/digits/${sha256Hex(content)}.rel-1.release.json`)).toEqual(content);
  });

  it("refuses targets that the role may not sign", async () => {
    const foreign = releaseTargetPath("faces", "rel-1");
    await expect(addTargets(store, "release-digits", [{ path: foreign, bytes: content }], far)).rejects.toThrow(
      refused("CONFIG_INVALID"),
    );
    await expect(addTargets(store, "release-faces", [{ path: foreign, bytes: content }], far)).rejects.toThrow(
      refused("CONFIG_INVALID"),
    );
  });

  it("refuses a second repository, keys listed twice and thresholds that cannot be met", async () => {
    await expect(author(store)).rejects.toThrow(refused("IO_EXISTS"));
    const [one] = keys.root;
    if (!one) return expect.unreachable();
    for (const bad of [setup([one, one]), setup([one], 2), setup([one], 0), setup([], 1)]) {
      await expect(delegateRelease(store, "digits", bad, { targetsMs: far, roleMs: far })).rejects.toThrow(
        refused("CONFIG_INVALID"),
      );
    }
  });

  it("lets nobody sign who has no say", async () => {
    await expect(signRole(store, "targets", keys.release)).rejects.toThrow(refused("CONFIG_INVALID"));
    await expect(signRole(store, "none", keys.release)).rejects.toThrow(refused("IO_NOT_FOUND"));
  });

  it("takes targets out again in a new version", async () => {
    await publishStaged(store, nowMs);
    await removeTargets(store, "release-digits", [path], far);
    await signRole(store, "release-digits", keys.release);
    await publishStaged(store, nowMs);
    const role = (await readRepository(store)).targets.get("release-digits");
    expect(role?.signed).toMatchObject({ version: 2 });
    expect(role?.signed.targets.size).toBe(0);
  });

  it("gives the same bytes for the same content and keys", async () => {
    const again = memoryStore();
    await author(again);
    expect(new Map([...again.files].sort())).toEqual(new Map([...store.files].sort()));
  });
});

describe("the server's half", () => {
  let engineer: Store;
  let server: Store;
  beforeEach(async () => {
    engineer = memoryStore();
    server = memoryStore();
    await author(engineer);
    await publishStaged(engineer, nowMs);
  });

  const nextRelease = async (): Promise<void> => {
    await addTargets(engineer, "release-digits", [{ path: releaseTargetPath("digits", "rel-2"), bytes: content }], far);
    await signRole(engineer, "release-digits", keys.release);
    await publishStaged(engineer, nowMs);
  };

  it("takes an upload, again without effect, and signs the rest", async () => {
    expect(await acceptUpload(server, metadataOf(engineer), always, nowMs)).toHaveLength(3);
    expect(await acceptUpload(server, metadataOf(engineer), always, nowMs)).toEqual([]);
    expect(await publishOnline(server, keys, expiry)).toEqual({
      snapshotVersion: 1,
      timestampVersion: 1,
      snapshotRenewed: true,
    });
    expect(await verifyRepository(server, nowMs)).toMatchObject({ targets: 1 });
    await nextRelease();
    expect(await acceptUpload(server, metadataOf(engineer), always, nowMs)).toEqual(["metadata/2.release-digits.json"]);
    expect(await publishOnline(server, keys, expiry)).toMatchObject({ snapshotVersion: 2, timestampVersion: 2 });
    expect(await publishOnline(server, keys, expiry)).toEqual({
      snapshotVersion: 2,
      timestampVersion: 3,
      snapshotRenewed: false,
    });
  });

  it("S4: refuses metadata whose content is not here, and stores nothing", async () => {
    await expect(acceptUpload(server, metadataOf(engineer), async () => false, nowMs)).rejects.toThrow(
      expect.objectContaining({ code: "IO_NOT_FOUND", details: [{ path, sha256: sha256Hex(content) }] }),
    );
    expect(server.files.size).toBe(0);
  });

  it("refuses what its devices would refuse, and stores nothing", async () => {
    await acceptUpload(server, metadataOf(engineer), always, nowMs);
    await nextRelease();
    const good = engineer.files.get("metadata/2.release-digits.json") ?? new Uint8Array();
    const signed = JSON.parse(new TextDecoder().decode(good)).signed;
    const upload = async (name: string, change: object, by: readonly Signer[]): Promise<unknown> =>
      acceptUpload(server, new Map([[name, await signMetadata({ ...signed, ...change }, by)]]), always, nowMs);
    const before = new Map(server.files);
    await expect(upload("2.release-digits.json", {}, keys.targets)).rejects.toThrow(refused("INTEGRITY_SIGNATURE"));
    await expect(upload("2.release-digits.json", { expires: "2026-11-22T00:00:00Z" }, keys.release)).rejects.toThrow(
      refused("INTEGRITY_EXPIRED"),
    );
    await expect(upload("1.release-digits.json", { version: 1 }, keys.release)).rejects.toThrow(
      refused("ROLLOUT_CONFLICT"),
    );
    await expect(upload("2.targets.json", {}, keys.release)).rejects.toThrow(refused("INTEGRITY_SIGNATURE"));
    await expect(upload("2.snapshot.json", {}, keys.snapshot)).rejects.toThrow(refused("INTEGRITY_METADATA"));
    await expect(upload("timestamp.json", {}, keys.timestamp)).rejects.toThrow(refused("INTEGRITY_METADATA"));
    await expect(upload("3.root.json", {}, keys.root)).rejects.toThrow(refused("INTEGRITY_METADATA"));
    expect(server.files).toEqual(before);
  });

  it("refuses to go back to an older version of a role", async () => {
    await nextRelease();
    await renewTargets(engineer, "release-digits", far);
    await signRole(engineer, "release-digits", keys.release);
    await publishStaged(engineer, nowMs);
    const all = metadataOf(engineer);
    const second = all.get("2.release-digits.json") ?? new Uint8Array();
    all.delete("1.release-digits.json");
    all.delete("2.release-digits.json");
    await acceptUpload(server, all, always, nowMs);
    await expect(acceptUpload(server, new Map([["2.release-digits.json", second]]), always, nowMs)).rejects.toThrow(
      refused("INTEGRITY_ROLLBACK"),
    );
  });

  it("signs nothing with keys that root does not name", async () => {
    await acceptUpload(server, metadataOf(engineer), always, nowMs);
    const stolen = { snapshot: keys.release, timestamp: keys.timestamp };
    await expect(publishOnline(server, stolen, expiry)).rejects.toThrow(refused("INTEGRITY_SIGNATURE"));
    expect(await server.list("history")).toEqual([]);
    expect(await server.read("metadata/1.snapshot.json")).toBeNull();
  });

  it("S8: never signs a version again, though timestamp.json was lost or restored from an old backup", async () => {
    await acceptUpload(server, metadataOf(engineer), always, nowMs);
    await publishOnline(server, keys, expiry);
    const old = server.files.get("metadata/timestamp.json") ?? new Uint8Array();
    for (let i = 0; i < 20; i++) await publishOnline(server, keys, expiry);
    server.files.set("metadata/timestamp.json", old);
    expect(await publishOnline(server, keys, expiry)).toMatchObject({ timestampVersion: 22 });
    server.files.delete("metadata/timestamp.json");
    expect(await publishOnline(server, keys, expiry)).toMatchObject({ timestampVersion: 23 });
    expect(await server.list("history")).toHaveLength(16);
  });

  it("S5: servers that race take different versions, and the highest is the one that stays", async () => {
    await acceptUpload(server, metadataOf(engineer), always, nowMs);
    const published = await Promise.all(Array.from({ length: 6 }, () => publishOnline(server, keys, expiry)));
    const versions = published.map(({ timestampVersion }) => timestampVersion);
    expect(new Set(versions).size).toBe(6);
    const served = parseTimestamp(server.files.get("metadata/timestamp.json") ?? new Uint8Array());
    expect(served.signed.version).toBe(Math.max(...versions));
    await verifyRepository(server, nowMs);
  });

  it("S6: a death at any store change leaves what clients accept, and the next run completes it", async () => {
    await acceptUpload(server, metadataOf(engineer), always, nowMs);
    await publishOnline(server, keys, expiry);
    await nextRelease();
    await acceptUpload(server, metadataOf(engineer), always, nowMs);
    const start = new Map(server.files);
    let deaths = 0;
    for (let at = 0; ; at++) {
      const disk = memoryStore();
      for (const [name, bytes] of start) disk.files.set(name, bytes);
      let changes = 0;
      const die = <T>(work: () => Promise<T>): Promise<T> =>
        changes++ === at ? Promise.reject(new RangeError("killed")) : work();
      const dying = {
        ...disk,
        create: (name: string, content: Uint8Array | AsyncIterable<Uint8Array>) =>
          die(() => disk.create(name, content)),
        replace: (name: string, content: Uint8Array | AsyncIterable<Uint8Array>) =>
          die(() => disk.replace(name, content)),
      };
      const died = await publishOnline(dying, keys, expiry).then(
        () => false,
        () => true,
      );
      if (!died) break;
      deaths++;
      const { timestamp } = await readRepository(disk);
      expect(timestamp?.signed).toMatchObject({ version: 1, snapshot: { version: 1 } });
      const next = await publishOnline(disk, keys, expiry);
      expect(next.timestampVersion).toBeGreaterThan(1);
      await verifyRepository(disk, nowMs);
    }
    expect(deaths).toBe(3); // snapshot, claim of the timestamp version, timestamp
  });

  it("verification finds a changed target, a lost root, a foreign snapshot", async () => {
    await acceptUpload(server, metadataOf(engineer), always, nowMs);
    await publishOnline(server, keys, expiry);
    const changed = async (name: string, bytes: Uint8Array | null): Promise<unknown> => {
      const copy = memoryStore();
      for (const [key, value] of server.files) copy.files.set(key, value);
      if (bytes === null) copy.files.delete(name);
      else copy.files.set(name, bytes);
      return verifyRepository(copy, nowMs);
    };
    const target = `targets/models/digits/${sha256Hex(content)}.rel-1.release.json`;
    await expect(changed(target, new Uint8Array(content.length))).rejects.toThrow(refused("INTEGRITY_DIGEST"));
    await expect(changed("metadata/1.root.json", null)).rejects.toThrow(refused("IO_NOT_FOUND"));
    const { snapshot } = await readRepository(server);
    const other = await signMetadata({ ...snapshot?.json, expires: "2099-01-01T00:00:00Z" }, keys.snapshot);
    await expect(changed("metadata/1.snapshot.json", other)).rejects.toThrow(refused("INTEGRITY_DIGEST"));
    expect(await verifyRepository(server, far)).toMatchObject({
      roles: expect.arrayContaining([expect.objectContaining({ role: "timestamp", expired: true })]),
    });
  });
});
