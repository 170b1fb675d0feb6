/** How a `.tflite` file is reported that contradicts itself: with the path of the offending table. */
import { FlotillaError } from "../errors.ts";

export const corrupt = (
  path: string,
  problem: string,
  details: Readonly<Record<string, unknown>> = {},
): FlotillaError =>
  new FlotillaError("FORMAT_CORRUPT", `${path}: ${problem}.`, { details: { path, problem, ...details } });

/** The element of a list at an index read from the file. */
export function at<T>(list: readonly T[], index: number, path: string, what: string): T {
  const element = Number.isInteger(index) && index >= 0 ? list[index] : undefined;
  if (element === undefined)
    throw corrupt(path, `${what} ${index} does not exist, there are ${list.length}`, { index, count: list.length });
  return element;
}
