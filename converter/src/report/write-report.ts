/** Writes a report as one HTML page, and the same data as JSON beside it. */
import { basename, dirname, resolve } from "node:path";
import { writeFiles } from "../write-files.ts";
import { renderPage } from "./page/render-page.ts";
import type { Report } from "./report.ts";

/** @throws IO_FAILED; then neither is written */
export async function writeReport(path: string, report: Report): Promise<void> {
  const whole = resolve(path);
  const name = basename(whole);
  const encoder = new TextEncoder();
  await writeFiles(
    dirname(whole),
    new Map([
      [name, encoder.encode(renderPage(report))],
      [name.replace(/\.html?$/i, ".json"), encoder.encode(`${JSON.stringify(report, null, 1)}\n`)],
    ]),
  );
}
