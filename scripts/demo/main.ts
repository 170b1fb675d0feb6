/**
 * The whole journey on this machine: convert, sign, roll out to 203 devices, stop a broken release in trial, take back
 * one that goes wrong in use. Exits 0 only if all of that happened; leaves no process and no port.
 *
 *     npm run demo              progress on the terminal
 *     npm run demo -- --json    one JSON document on stdout
 */
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { asFlotillaError, exitCodeFor } from "@flotilla/protocol/errors";
import { runDemo } from "./journey.ts";
import { ProcessScope } from "./processes.ts";

const json = process.argv.includes("--json");
const say = (line: string): void => {
  (json ? process.stderr : process.stdout).write(`${line}\n`);
};

/** A process that was killed a moment ago may still be writing its last file. */
const removal = { recursive: true, force: true, maxRetries: 10, retryDelay: 50 } as const;
const folder = await mkdtemp(path.join(tmpdir(), "flotilla-demo-"));
const scope = new ProcessScope(folder);
let exitCode = 1;
// However the demo ends: first its processes (the scope's own listener is before this one), then their folder.
process.once("exit", (code) => {
  if (code === 0 || process.env.FLOTILLA_DEMO_KEEP === undefined) rmSync(folder, removal);
  else say(`Its folder is kept: ${folder}`);
});
for (const [signal, number] of [
  ["SIGINT", 2],
  ["SIGTERM", 15],
  ["SIGHUP", 1],
] as const) {
  process.once(signal, () => process.exit(128 + number));
}
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
}
process.exit(exitCode);
