/**
 * The device's stored metadata seen as "good bytes or nothing": whatever is missing, torn, foreign or no longer signed
 * by the right keys is treated as absent and fetched again, so no stored byte can lock the device out
 * (TUF specification §5: errors must not leave the client unrecoverable). Only root falls back to the shipped one.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { MetadataStore } from "../../ports/metadata-store.ts";
import { decodeFloors, encodeFloors, type Floors, floorsFileNames, noFloors } from "./floors.ts";

/**
 * Reads a stored file through a verifying reader; null if it is absent or the reader refuses it.
 * `onDamaged` is told of files that were there but are not what was once written.
 */
export async function readStored<T>(
  store: MetadataStore,
  name: string,
  verify: (bytes: Uint8Array) => T,
  onDamaged: (name: string) => void,
): Promise<T | null> {
  const bytes = await store.read(name);
  if (bytes === null) return null;
  try {
    return verify(bytes);
  } catch (error) {
    if (!(error instanceof FlotillaError) || !error.code.startsWith("INTEGRITY_")) throw error;
    // An outdated or re-keyed file is normal; one that does not even parse was damaged on the device.
    if ("where" in error.details) onDamaged(name);
    return null;
  }
}

/** The newest sound copy of the floors, or none. */
export async function readFloors(store: MetadataStore, onDamaged: (name: string) => void): Promise<Floors> {
  let newest = noFloors;
  for (const name of floorsFileNames) {
    const bytes = await store.read(name);
    if (bytes === null) continue;
    const floors = decodeFloors(bytes);
    if (floors === null) onDamaged(name);
    else if (floors.sequence > newest.sequence) newest = floors;
  }
  return newest;
}

/** Writes both copies, one after the other, with the next sequence; returns what was written. */
export async function writeFloors(store: MetadataStore, floors: Floors): Promise<Floors> {
  const next = { ...floors, sequence: floors.sequence + 1 };
  for (const name of floorsFileNames) await store.write(name, encodeFloors(next));
  return next;
}
