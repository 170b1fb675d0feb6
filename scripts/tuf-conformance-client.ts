/**
 * The agent's TUF client behind the command line that the tuf-conformance suite drives (its CLIENT-CLI.md).
 * Metadata lies in one folder under unversioned names; the floors records beside it do not end in `.json`, because the
 * suite takes every such file for metadata. Exit code 0 if everything succeeded, 1 if anything did not.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { findTargetFile } from "@flotilla/device-agent/core/trust/find-target";
import { defaultTrustLimits } from "@flotilla/device-agent/core/trust/limits";
import { refreshTrust, type TrustContext } from "@flotilla/device-agent/core/trust/refresh";
import { fetchTransport } from "@flotilla/device-agent/node/fetch-transport";
import type { MetadataStore } from "@flotilla/device-agent/ports/metadata-store";
import { FlotillaError } from "@flotilla/protocol/errors";
import { assertFile } from "@flotilla/protocol/tuf/file-hashes";
import type { TargetFile } from "@flotilla/protocol/tuf/metadata";
import { consistentTargetPath, encodeSegment } from "@flotilla/protocol/tuf/role-file-name";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    "metadata-dir": { type: "string", default: "." },
    "metadata-url": { type: "string", default: "" },
    "target-name": { type: "string", multiple: true, default: [] },
    "target-base-url": { type: "string", default: "" },
    "target-dir": { type: "string", default: "." },
  },
});

function readIfThere(file: string): Uint8Array | null {
  try {
    return readFileSync(file);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

function replace(file: string, bytes: Uint8Array): void {
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.tmp`);
  writeFileSync(temporary, bytes);
  renameSync(temporary, file);
}

const store: MetadataStore = {
  read: async (name) => readIfThere(path.join(values["metadata-dir"], name)),
  write: async (name, bytes) => replace(path.join(values["metadata-dir"], name), bytes),
  delete: async (name) => rmSync(path.join(values["metadata-dir"], name), { force: true }),
};

async function get(baseUrl: string, name: string, maxBytes: number): Promise<Uint8Array | null> {
  const base = new URL(baseUrl.endsWith("/") ? baseUrl : `${baseUrl}/`);
  const answer = await fetchTransport(base.origin).send({ method: "GET", path: base.pathname + name, maxBytes });
  if (answer.status === 404 || answer.status === 403) return null;
  if (answer.status === 200) return answer.body;
  throw new FlotillaError("TRANSPORT_STATUS", `${name}: the server answered ${answer.status}.`);
}

async function download(file: TargetFile, name: string, consistentSnapshot: boolean): Promise<void> {
  const local = path.join(values["target-dir"], encodeSegment(name));
  const held = readIfThere(local);
  if (held !== null && isContent(held, file, name)) return;
  const digest = file.hashes.sha256 ?? file.hashes.sha512 ?? "";
  const remote = consistentSnapshot ? consistentTargetPath(name, digest) : name;
  const bytes = await get(values["target-base-url"], remote.split("/").map(encodeSegment).join("/"), file.lengthBytes);
  if (bytes === null) throw new FlotillaError("TRANSPORT_STATUS", `${name} is not in the target store.`);
  assertFile(bytes, file, name, "5.7.2");
  mkdirSync(values["target-dir"], { recursive: true });
  replace(local, bytes);
}

function isContent(bytes: Uint8Array, file: TargetFile, name: string): boolean {
  try {
    assertFile(bytes, file, name, "5.7.2");
    return true;
  } catch {
    return false; // changed in the repository or on the disk: fetched again
  }
}

async function main(): Promise<void> {
  const [command, rootFile = ""] = positionals;
  if (command === "init") {
    mkdirSync(values["metadata-dir"], { recursive: true });
    return replace(path.join(values["metadata-dir"], "root.json"), readFileSync(rootFile));
  }
  const context: TrustContext = {
    fetcher: { fetch: (name, maxBytes) => get(values["metadata-url"], name, maxBytes) },
    store,
    shippedRoot: (await store.read("root.json")) ?? new Uint8Array(),
    limits: defaultTrustLimits,
  };
  const view = await refreshTrust(context, Date.now());
  if (command !== "download") return;
  for (const name of values["target-name"]) {
    const file = await findTargetFile(context, view, name);
    if (file === null) throw new FlotillaError("INTEGRITY_NOT_FOUND", `No trusted role knows ${name}.`);
    await download(file, name, view.root.signed.consistentSnapshot);
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  if (error instanceof FlotillaError) process.stderr.write(`${JSON.stringify(error)}\n`);
  process.exitCode = 1;
});
