/**
 * The whole journey on this machine: convert, sign, roll out to 203 devices, stop a broken release in trial, take back
 * one that goes wrong in use. Exits 0 only if all of that happened; leaves no process and no port.
 *
 *     npm run demo              progress on the terminal
 *     npm run demo -- --json    one JSON document on stdout
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { asFlotillaError, exitCodeFor } from "@flotilla/protocol/errors";
import { runDemo } from "./journey.ts";
import { ProcessScope } from "./processes.ts";

const json = process.argv.includes("--json");
const say = (line: string): void => {
  (json ? process.stderr : process.stdout).write(`${line}\n`);
};

const folder = await mkdtemp(path.join(tmpdir(), "flotilla-demo-"));
const scope = new ProcessScope(folder);
process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));
let exitCode = 1;
try {
  const result = await runDemo({ folder, scope, say });
  if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
  exitCode = 0;
} catch (thrown) {
  const error = asFlotillaError(thrown);
  exitCode = exitCodeFor(error.code);
  if (json) process.stdout.write(`${JSON.stringify({ error: error.toJSON() })}\n`);
  say(`The demo failed: ${error.code}: ${error.message}`);
  if (error.code === "INTERNAL") say(String((error.cause as Error | undefined)?.stack ?? error.stack));
} finally {
  await scope.stopAll();
  if (exitCode === 0 || process.env.FLOTILLA_DEMO_KEEP === undefined)
    await rm(folder, { recursive: true, force: true });
  else say(`Its folder is kept: ${folder}`);
}
process.exit(exitCode);
