/**
 * The import-direction rule and the purity of the pure folders, checked by reading the import lines of every source file.
 * Arrows: cli → {converter, fleet-server, device-agent} → protocol; converter may also use the runtimes that devices use.
 * Inside a package: adapters → ports ← core. Pure folders have no `await`, clock, randomness or `node:*` (design: style.md).
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "..");

/** Workspace → what it may import from the other workspaces (prefixes of the specifier). */
const allowedImports: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  converter: ["@flotilla/protocol", "@flotilla/device-agent/runtimes/", "@flotilla/device-agent/ports/tflite-runtime"],
  "fleet-server": ["@flotilla/protocol"],
  "device-agent": ["@flotilla/protocol"],
  cli: ["@flotilla/protocol", "@flotilla/converter", "@flotilla/fleet-server", "@flotilla/device-agent"],
};

/** Folders whose code is pure, and folders inside the package that they must not reach into. */
const pureFolders: Readonly<Record<string, readonly string[]>> = {
  "protocol/src": [],
  "converter/src/ir": [
    "ops",
    "passes",
    "quantize",
    "readers",
    "writers",
    "prove",
    "runtimes",
    "codecs",
    "data",
    "release",
  ],
  // ops may use the TFLite schema, which is data: an operator's attributes are the fields of its options table
  "converter/src/ops": ["passes", "quantize", "readers", "writers", "prove", "runtimes", "data", "release"],
  "converter/src/passes": ["quantize", "readers", "writers", "prove", "runtimes", "codecs", "data", "release"],
  "converter/src/quantize": ["readers", "writers", "prove", "runtimes", "codecs", "data", "release"],
  "fleet-server/src/domain": ["ports", "adapters", "http", "ingest", "trust", "client"],
  "device-agent/src/core": ["node", "web", "react-native", "runtimes"],
};

const impurities: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/, "reads the clock"],
  [/\bMath\.random\(|\bcrypto\.getRandomValues\(|\brandomUUID\(/, "uses randomness"],
  [/\bsetTimeout\(|\bsetInterval\(|\bsetImmediate\(/, "uses a timer"],
];
/** The agent's core drives ports, so it may await; the others may not. */
const mayAwait = new Set(["device-agent/src/core", "protocol/src"]);

export function sourceFiles(folder: string): string[] {
  return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, "/"))
    .filter((file) => !file.endsWith(".test.ts") && !file.endsWith(".d.ts"))
    .sort();
}

const withoutComments = (text: string): string =>
  text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/(^|[^:"'`])\/\/[^\n]*/g, "$1");

export function findViolations(): string[] {
  const found: string[] = [];
  for (const [workspace, allowed] of Object.entries(allowedImports)) {
    for (const file of sourceFiles(`${workspace}/src`)) {
      const text = withoutComments(readFileSync(path.join(root, file), "utf8"));
      const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1]!);
      for (const specifier of specifiers) {
        if (specifier.startsWith("@flotilla/") && !specifier.startsWith(`@flotilla/${workspace}/`)) {
          const legal = allowed.some((prefix) => specifier === prefix || specifier.startsWith(prefix));
          if (!legal) found.push(`${file}: ${workspace} must not import ${specifier}`);
        }
        if (specifier.startsWith(".")) {
          const target = path.posix.normalize(path.posix.join(path.posix.dirname(file), specifier));
          if (!target.startsWith(`${workspace}/`)) found.push(`${file}: ${specifier} leaves the package`);
        }
      }
      const pure = Object.keys(pureFolders).find((folder) => file.startsWith(`${folder}/`));
      if (!pure) continue;
      for (const specifier of specifiers) {
        if (specifier.startsWith("node:")) found.push(`${file}: ${pure} is pure and must not import ${specifier}`);
        if (!specifier.startsWith(".")) continue;
        const target = path.posix.join(path.posix.dirname(file), specifier).replace(`${workspace}/src/`, "");
        const folder = target.split("/")[0]!;
        if (pureFolders[pure]!.includes(folder)) found.push(`${file}: ${pure} must not import from ${folder}/`);
      }
      for (const [pattern, what] of impurities)
        if (pattern.test(text)) found.push(`${file}: ${pure} is pure and ${what}`);
      if (!mayAwait.has(pure) && /\bawait\b/.test(text)) found.push(`${file}: ${pure} is pure and must not await`);
    }
  }
  return found;
}

/** Files past the house limit of 500 lines; tables and generated files are excepted by name. */
export function findLongFiles(limit = 500): string[] {
  const tables = new Set(["protocol/src/tflite/options.ts"]);
  return Object.keys(allowedImports)
    .flatMap((workspace) => sourceFiles(`${workspace}/src`))
    .filter((file) => !tables.has(file) && !file.endsWith(".gen.ts"))
    .map((file) => [file, readFileSync(path.join(root, file), "utf8").split("\n").length] as const)
    .filter(([, lines]) => lines > limit)
    .map(([file, lines]) => `${file}: ${lines} lines, the limit is ${limit}`);
}
