/**
 * 64-bit integers as the int32 that stands for them in the graph. What exporters write for "to the end" (2^62 and beyond, either
 * sign) becomes the largest or least int32; any other that int32 does not hold would be silently another number.
 */
import { FlotillaError } from "@flotilla/protocol/errors";

const least = -(2 ** 31);
const most = 2 ** 31 - 1;
const sentinel = 2 ** 62;

/** `value`: an integer, as near as a double holds it. @throws UNSUPPORTED_OPERATOR for what int32 does not hold */
export function toInt32(value: number): number {
  if (value >= least && value <= most) return value;
  if (Math.abs(value) >= sentinel) return value > 0 ? most : least;
  throw new FlotillaError(
    "UNSUPPORTED_OPERATOR",
    `The model computes with the constant ${value}, and devices have integers of 32 bits: ${least} to ${most}.`,
    { details: [{ node: "", operator: "Constant", reason: `the integer ${value} does not fit into 32 bits` }] },
  );
}
