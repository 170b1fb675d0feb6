/**
 * What a model file must be before a runtime sees it. A runtime trusts the offsets, indices and sizes in a file, and a
 * digest says only that these bytes were meant: whoever made the release may have signed a damaged file, or a wicked one.
 * The rules are the protocol's (`tflite/verify-tflite.ts`); here are the bounds of a device.
 */
import { type TfliteLimits, tfliteLimits, verifyTflite } from "@flotilla/protocol/tflite/verify-tflite";

/** Nets of 25,000 operators, five tables each; the worst file then takes some 130 MB of memory to look at. */
const deviceLimits: TfliteLimits = {
  ...tfliteLimits,
  decode: { tables: 150_000, depth: 32, sharing: 1, elements: 2 ** 22 },
  tensorBytes: 2 ** 31,
};

/** @throws FORMAT_UNRECOGNIZED, FORMAT_TRUNCATED, FORMAT_CORRUPT, FORMAT_LIMIT, UNSUPPORTED_FORMAT; all are for good */
export function verifyModel(bytes: Uint8Array): void {
  verifyTflite(bytes, deviceLimits);
}
