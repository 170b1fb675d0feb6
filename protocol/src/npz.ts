/**
 * Named arrays as `.npz`, NumPy's archive of `.npy` members: golden files, calibration and evaluation data.
 * Members are stored, in the order given and without time stamps: the same arrays give the same bytes everywhere.
 */
import { FlotillaError } from "./errors.ts";
import type { NdArray } from "./nd-array.ts";
import { decodeNpy, encodeNpy } from "./npy.ts";
import { decodeZip, encodeZip, type ZipLimits } from "./zip.ts";

/** Room for a calibration set; hand in less for what comes over a network. */
export const defaultNpzLimits: ZipLimits = { maxMembers: 4096, maxTotalBytes: 2 ** 30, maxRatio: 256 };

const suffix = ".npy";

/** Names may hold slashes (`input/image`). @throws FORMAT_LIMIT beyond 4 GiB, FORMAT_NPZ for an array that contradicts itself. */
export function encodeNpz(arrays: ReadonlyMap<string, NdArray>): Uint8Array<ArrayBuffer> {
  const members = new Map<string, Uint8Array>();
  for (const [name, array] of arrays) members.set(`${name}${suffix}`, encodeNpy(array));
  return encodeZip(members);
}

/**
 * The arrays in the archive's order. Read stored and deflated members (`numpy.savez`, `savez_compressed`).
 * @throws FORMAT_NPZ naming the member, FORMAT_TRUNCATED, FORMAT_LIMIT.
 */
export function decodeNpz(bytes: Uint8Array, limits: Partial<ZipLimits> = {}): Map<string, NdArray> {
  const arrays = new Map<string, NdArray>();
  for (const [member, data] of decodeZip(bytes, { ...defaultNpzLimits, ...limits })) {
    if (!member.endsWith(suffix)) throw new FlotillaError("FORMAT_NPZ", `array archive: ${member} is no array`);
    const name = member.slice(0, -suffix.length);
    try {
      arrays.set(name, decodeNpy(data));
    } catch (cause) {
      if (!(cause instanceof FlotillaError)) throw cause;
      throw new FlotillaError(cause.code, `${cause.message} (in ${member})`, { cause, details: { member } });
    }
  }
  return arrays;
}
