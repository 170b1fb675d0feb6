/**
 * Key files in a folder, one key a file, named by its label: `<label>.key.json`, readable by its owner only.
 * Rotation keeps the old key as `<label>.<start of its id>.retired.json`, because a root rotation needs both.
 */
import { readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Signer } from "@flotilla/protocol/public-key";
import { createFile, ioFailure } from "./atomic-file.ts";
import { generateEd25519Seed } from "./ed25519-signer.ts";
import { encodeKeyFile, type KeyFileHead, type KeyProtection, openKeyFile, readKeyFileHead } from "./key-file.ts";

const ownerOnly = 0o600;
const keyFileEnding = ".key.json";
const retiredEnding = ".retired.json";
const labelPattern = /^[a-z0-9][a-z0-9-]{2,63}$/;

/** A key file found in a folder. */
export interface ListedKey extends KeyFileHead {
  readonly file: string;
  readonly retired: boolean;
}

/**
 * Makes a new Ed25519 key.
 * @throws IO_EXISTS if the folder has a key of that label
 */
export async function generateKey(
  folder: string,
  label: string,
  protection: KeyProtection,
  nowMs: number,
): Promise<ListedKey> {
  if (!labelPattern.test(label)) {
    throw new FlotillaError("CONFIG_INVALID", `A key's label is like an id ([a-z0-9-], 3 to 64), found "${label}".`);
  }
  const file = join(folder, `${label}${keyFileEnding}`);
  const bytes = encodeKeyFile(generateEd25519Seed(), { label, createdAtMs: nowMs, protection });
  if (!(await createFile(file, bytes, ownerOnly))) {
    throw new FlotillaError("IO_EXISTS", `There is a key ${label} already; rotate it or choose another label.`, {
      details: { path: file },
    });
  }
  return { ...readKeyFileHead(bytes), file, retired: false };
}

/** The folder's keys by file name; files that are no keys are not listed. */
export async function listKeys(folder: string): Promise<readonly ListedKey[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    throw ioFailure(folder, error);
  }
  const keys: ListedKey[] = [];
  for (const name of names.sort()) {
    if (!name.endsWith(keyFileEnding) && !name.endsWith(retiredEnding)) continue;
    const file = join(folder, name);
    keys.push({ ...readKeyFileHead(await readKeyBytes(file)), file, retired: name.endsWith(retiredEnding) });
  }
  return keys;
}

/** Opens a key file. @throws INTEGRITY_KEY, IO_NOT_FOUND */
export async function openKey(file: string, passphrase: string | null): Promise<Signer> {
  return openKeyFile(await readKeyBytes(file), passphrase);
}

/** Sets the key of that label aside and makes a new one under its name. */
export async function rotateKey(
  folder: string,
  label: string,
  protection: KeyProtection,
  nowMs: number,
): Promise<{ readonly retired: ListedKey; readonly created: ListedKey }> {
  const file = join(folder, `${label}${keyFileEnding}`);
  const head = readKeyFileHead(await readKeyBytes(file));
  const aside = join(folder, `${label}.${head.keyid.slice(0, 8)}${retiredEnding}`);
  await rename(file, aside).catch((error: unknown) => {
    throw ioFailure(file, error);
  });
  const created = await generateKey(folder, label, protection, nowMs);
  return { retired: { ...head, file: aside, retired: true }, created };
}

async function readKeyBytes(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw ioFailure(file, error);
  }
}
