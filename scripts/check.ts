/**
 * `npm run check`: types, lint, the import-direction rule, purity, file length, documents printed from code.
 * Every check runs, then the verdict: all findings at once.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { errorCodes } from "@flotilla/protocol/errors";
import { findLongFiles, findViolations, sourceFiles } from "./check-imports.ts";
import { printedDocuments } from "./documents.ts";

const root = path.resolve(import.meta.dirname, "..");
const bin = (name: string) =>
  path.join(root, "node_modules", ".bin", process.platform === "win32" ? `${name}.cmd` : name);

let failed = false;
function report(name: string, findings: readonly string[]): void {
  console.log(`${findings.length === 0 ? "ok  " : "FAIL"} ${name}`);
  for (const finding of findings) console.log(`     ${finding}`);
  if (findings.length > 0) failed = true;
}

function run(name: string, command: string, args: readonly string[]): void {
  const result = spawnSync(bin(command), args, { cwd: root, encoding: "utf8" });
  report(name, result.status === 0 ? [] : `${result.stdout}${result.stderr}`.trim().split("\n"));
}

run("types", "tsc", ["-p", "tsconfig.json"]);
run("types of the pure packages, without Node's or the browser's", "tsc", ["-p", "tsconfig.pure.json"]);
run("lint and format", "biome", ["check", "--error-on-warnings"]);
report("import direction and purity", findViolations());
report("file length", findLongFiles());

/** Codes that nothing throws are dead; a literal of the family grammar that is not in the table is caught by the types. */
const everything = ["protocol/src", "converter/src", "fleet-server/src", "device-agent/src", "cli/src"]
  .flatMap(sourceFiles)
  .filter((file) => file !== "protocol/src/errors.ts")
  .map((file) => readFileSync(path.join(root, file), "utf8"))
  .join("\n");
report(
  "every error code is used",
  Object.keys(errorCodes).filter((code) => code !== "INTERNAL" && !everything.includes(`"${code}"`)),
);

const stale: string[] = [];
for (const { file, render } of printedDocuments) {
  const target = path.join(root, file);
  if (!existsSync(target) || readFileSync(target, "utf8") !== (await render()))
    stale.push(`${file}: run \`npm run docs\``);
}
report("documents printed from code", stale);

process.exitCode = failed ? 1 : 0;
