import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { verifySignature } from "@flotilla/protocol/signature";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { generateEd25519Seed } from "../../src/trust/ed25519-signer.ts";
import { encodeKeyFile, type KeyProtection, openKeyFile, readKeyFileHead } from "../../src/trust/key-file.ts";
import { generateKey, listKeys, openKey, rotateKey } from "../../src/trust/key-folder.ts";

const passphrase = "correct horse battery";
const cheap: KeyProtection = { encryption: "passphrase", passphrase, cost: 1024 };
const message = new TextEncoder().encode("to be signed");
const refused = expect.objectContaining({ code: "INTEGRITY_KEY" });

describe("key files", () => {
  const seed = generateEd25519Seed();
  const encrypted = encodeKeyFile(seed, { label: "root-1", createdAtMs: 5, protection: cheap });

  it("open with their passphrase and sign", async () => {
    const signer = openKeyFile(encrypted, passphrase);
    expect(readKeyFileHead(encrypted)).toMatchObject({ keyid: signer.keyid, label: "root-1", encrypted: true });
    expect(verifySignature(signer.publicKey, message, await signer.sign(message))).toBe(true);
  });

  it.each([
    ["another passphrase", "wrong horse battery"],
    ["none", null],
    ["an empty one", ""],
  ])("do not open with %s", (_, other) => {
    expect(() => openKeyFile(encrypted, other)).toThrow(refused);
  });

  it("use the memory-hard cost by default", () => {
    const bytes = encodeKeyFile(seed, {
      label: "root-1",
      createdAtMs: 5,
      protection: { encryption: "passphrase", passphrase },
    });
    expect(JSON.parse(new TextDecoder().decode(bytes)).encryption.cost).toBe(2 ** 17);
    expect(openKeyFile(bytes, passphrase).keyid).toBe(readKeyFileHead(encrypted).keyid);
  });

  it("do not open after a change of any field, cut anywhere, or with another's public key", () => {
    const json = JSON.parse(new TextDecoder().decode(encrypted));
    const changes: Record<string, unknown>[] = [
      { ...json, label: "other" },
      { ...json, createdAtMs: 6 },
      { ...json, keyid: "00".repeat(32) },
      { ...json, public: "00".repeat(32) },
      { ...json, secret: json.secret.replace(/^./, (c: string) => (c === "A" ? "B" : "A")) },
      { ...json, encryption: { ...json.encryption, cost: 2048 } },
      { ...json, encryption: { ...json.encryption, cost: 2 ** 30 } },
      { ...json, encryption: { ...json.encryption, cost: 3 } },
      { ...json, encryption: { ...json.encryption, cipher: "none" } },
      { ...json, encryption: null },
      { ...json, version: 2 },
      { ...json, extra: 1 },
    ];
    for (const change of changes) {
      expect(() => openKeyFile(new TextEncoder().encode(JSON.stringify(change)), passphrase)).toThrow(refused);
    }
    for (let length = 0; length < encrypted.length; length += 29) {
      expect(() => openKeyFile(encrypted.subarray(0, length), passphrase)).toThrow(refused);
    }
  });

  it("hold the private key in the clear only if asked to", () => {
    const secret = Buffer.from(seed).toString("base64");
    const plain = encodeKeyFile(seed, { label: "dev", createdAtMs: 5, protection: { encryption: "none" } });
    expect(Buffer.from(plain).includes(secret)).toBe(true);
    expect(Buffer.from(encrypted).includes(secret)).toBe(false);
    expect(openKeyFile(plain, null).keyid).toBe(openKeyFile(encrypted, passphrase).keyid);
  });

  it("refuse a passphrase that is too short to be one", () => {
    const protection: KeyProtection = { encryption: "passphrase", passphrase: "short" };
    expect(() => encodeKeyFile(seed, { label: "dev", createdAtMs: 5, protection })).toThrow(
      expect.objectContaining({ code: "CONFIG_INVALID" }),
    );
  });

  it("K4: keep the private key out of the signer's visible state", () => {
    const signer = openKeyFile(encrypted, passphrase);
    const shown = JSON.stringify(signer) + Object.values(signer).map(String).join();
    for (const form of ["hex", "base64"] as const) expect(shown).not.toContain(Buffer.from(seed).toString(form));
  });
});

describe("a folder of keys", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "flotilla-keys-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("holds one file per key, for its owner only, never overwritten", async () => {
    const key = await generateKey(folder, "root-1", cheap, 1);
    const before = await readFile(key.file);
    await expect(generateKey(folder, "root-1", cheap, 2)).rejects.toThrow(
      expect.objectContaining({ code: "IO_EXISTS" }),
    );
    expect(await readFile(key.file)).toEqual(before);
    if (process.platform !== "win32") expect((await stat(key.file)).mode & 0o777).toBe(0o600);
    expect((await openKey(key.file, passphrase)).keyid).toBe(key.keyid);
    await expect(openKey(path.join(folder, "none.key.json"), passphrase)).rejects.toThrow(
      expect.objectContaining({ code: "IO_NOT_FOUND" }),
    );
  });

  it("keeps a rotated key aside", async () => {
    const first = await generateKey(folder, "root-1", cheap, 1);
    const { retired, created } = await rotateKey(folder, "root-1", cheap, 2);
    expect(retired.keyid).toBe(first.keyid);
    expect(created.keyid).not.toBe(first.keyid);
    expect((await listKeys(folder)).map(({ keyid, retired: old }) => [keyid, old]).sort()).toEqual(
      [
        [first.keyid, true],
        [created.keyid, false],
      ].sort(),
    );
    expect((await openKey(retired.file, passphrase)).keyid).toBe(first.keyid);
  });

  it.each(["../up", "A", "a/b", "ab"])("refuses the label %s", async (label) => {
    await expect(generateKey(folder, label, cheap, 1)).rejects.toThrow(
      expect.objectContaining({ code: "CONFIG_INVALID" }),
    );
  });
});
