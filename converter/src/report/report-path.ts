/** Where a report may be written. */
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { FlotillaError } from "@flotilla/protocol/errors";

/** Asked before any work is done. @throws CONFIG_INVALID for a name that is no page's, or a folder */
export async function checkReportPath(path: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (/.\.html?$/i.test(basename(path)) && !found?.isDirectory()) return;
  throw new FlotillaError("CONFIG_INVALID", `--report takes the name of an HTML file to write, found "${path}".`, {
    details: { option: "report", found: path },
  });
}
