/**
 * A repository that our authoring wrote into a folder, served over HTTP, read by tuf-js and by our own client alike:
 * refresh, look-up through the release role's delegation, download, and a root rotation on the way.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { metadataFetcher } from "@flotilla/device-agent/core/driver/trust-adapters";
import { createTrustClient, type TrustClient } from "@flotilla/device-agent/core/trust/trust-client";
import { fetchTransport } from "@flotilla/device-agent/node/fetch-transport";
import { editRoot, initRepository } from "@flotilla/fleet-server/trust/edit-root";
import { addTargets, delegateRelease } from "@flotilla/fleet-server/trust/edit-targets";
import { folderStore } from "@flotilla/fleet-server/trust/folder-store";
import { publishOnline } from "@flotilla/fleet-server/trust/online-roles";
import { publishStaged, signRole } from "@flotilla/fleet-server/trust/staging";
import { verifyRepository } from "@flotilla/fleet-server/trust/verify-repository";
import { sha256Hex } from "@flotilla/protocol/digest";
import { releaseTargetPath } from "@flotilla/protocol/documents/release";
import { Updater } from "tuf-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newSigners, setupWith, storeOver } from "./repository-simulator.ts";

const content = new TextEncoder().encode("the release document");
const target = releaseTargetPath("digits", "rel-1");
const day = 86_400_000;

describe("one repository, two clients", () => {
  let folder: string;
  let server: Server;
  let address: string;
  const nowMs = Date.now();
  const expiry = { snapshotExpiresMs: nowMs + 7 * day, timestampExpiresMs: nowMs + day };
  const far = nowMs + 90 * day;
  const keys = {
    root: newSigners(3),
    targets: newSigners(2),
    snapshot: newSigners(1),
    timestamp: newSigners(1),
    release: newSigners(1),
    directive: newSigners(1),
  };

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "flotilla-tuf-"));
    const store = folderStore(path.join(folder, "repository"));
    await initRepository(store, {
      roles: {
        root: setupWith(keys.root, 2),
        targets: setupWith(keys.targets, 2),
        snapshot: setupWith(keys.snapshot),
        timestamp: setupWith(keys.timestamp),
      },
      directive: setupWith(keys.directive),
      rootExpiresMs: far,
      targetsExpiresMs: far,
    });
    await delegateRelease(store, "digits", setupWith(keys.release), { targetsMs: far, roleMs: far });
    const file = path.join(folder, "release.json");
    await writeFile(file, content);
    await addTargets(store, "release-digits", [{ path: target, file, custom: { counter: 3, minCounter: 1 } }], far);
    await signRole(store, "root", keys.root.slice(0, 2));
    await signRole(store, "targets", keys.targets);
    await signRole(store, "release-digits", keys.release);
    await publishStaged(store, nowMs);
    await publishOnline(store, keys, expiry);
    server = createServer((request, response) => {
      const name = decodeURIComponent(new URL(request.url ?? "/", "http://host").pathname.replace("/v1/tuf/", ""));
      readFile(path.join(folder, "repository", name)).then(
        (bytes) => response.end(bytes),
        () => response.writeHead(404).end(),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const bound = server.address();
    address = typeof bound === "object" && bound !== null ? `http://127.0.0.1:${bound.port}` : "";
  });

  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true, force: true });
  });

  async function tufJs(): Promise<Updater> {
    const metadataDir = path.join(folder, "tuf-js");
    const targetDir = path.join(folder, "tuf-js-targets");
    await mkdir(metadataDir, { recursive: true });
    await mkdir(targetDir, { recursive: true });
    const shipped = await readFile(path.join(folder, "repository/metadata/1.root.json"));
    await writeFile(path.join(metadataDir, "root.json"), shipped);
    return new Updater({
      metadataDir,
      targetDir,
      metadataBaseUrl: `${address}/v1/tuf/metadata`,
      targetBaseUrl: `${address}/v1/tuf/targets`,
      config: { fetchRetries: 0 },
    });
  }

  async function ours(files = new Map<string, Uint8Array>()): Promise<TrustClient> {
    return createTrustClient({
      fetcher: metadataFetcher(fetchTransport(address)),
      store: storeOver(files),
      shippedRoot: new Uint8Array(await readFile(path.join(folder, "repository/metadata/1.root.json"))),
    });
  }

  it("tuf-js refreshes, finds the target through its delegation and downloads it", async () => {
    const updater = await tufJs();
    await updater.refresh();
    const found = await updater.getTargetInfo(target);
    expect(found).toMatchObject({ length: content.length, hashes: { sha256: sha256Hex(content) } });
    if (found === undefined) return;
    expect(new Uint8Array(await readFile(await updater.downloadTarget(found)))).toEqual(content);
  });

  it("our client sees the same, and what the signer added", async () => {
    const client = await ours();
    expect(await client.refresh(nowMs)).toMatchObject({ rootVersion: 1, timestampVersion: 1 });
    expect(await client.findTarget(target)).toMatchObject({
      lengthBytes: content.length,
      sha256: sha256Hex(content),
      custom: { counter: 3, minCounter: 1 },
    });
    await expect(client.findTarget("models/digits/none")).rejects.toThrow(
      expect.objectContaining({ code: "INTEGRITY_NOT_FOUND" }),
    );
  });

  it("both follow a root rotation and a new release", async () => {
    const store = folderStore(path.join(folder, "repository"));
    const updater = await tufJs();
    const files = new Map<string, Uint8Array>();
    await (await ours(files)).refresh(nowMs);
    const before = keys.root;
    keys.root = [...before.slice(1), ...newSigners(1)];
    keys.timestamp = newSigners(1);
    await editRoot(store, { root: setupWith(keys.root, 2), timestamp: setupWith(keys.timestamp) }, far);
    await signRole(store, "root", [...before.slice(1), ...keys.root.slice(2)]);
    const next = releaseTargetPath("digits", "rel-2");
    await addTargets(store, "release-digits", [{ path: next, bytes: content }], far);
    await signRole(store, "release-digits", keys.release);
    expect(await publishStaged(store, nowMs)).toEqual(["metadata/2.root.json", "metadata/2.release-digits.json"]);
    await publishOnline(store, keys, expiry);
    await updater.refresh();
    expect(await updater.getTargetInfo(next)).toMatchObject({ length: content.length });
    const client = await ours(files);
    expect(await client.refresh(nowMs)).toMatchObject({ rootVersion: 2, timestampVersion: 2, snapshotVersion: 2 });
    expect(await client.findTarget(next)).toMatchObject({ lengthBytes: content.length });
    expect(await verifyRepository(store, nowMs)).toMatchObject({ targets: 2, targetsVerified: 2 });
  });
});
