/** The demo's keys and TUF repository: root 2 of 3, targets and release keys with the engineer, three online keys with the server. */
import path from "node:path";
import type { FleetClient } from "@flotilla/fleet-server/client/fleet-client";
import { publishRepository } from "@flotilla/fleet-server/client/publish-repository";
import { initRepository } from "@flotilla/fleet-server/trust/edit-root";
import { delegateRelease } from "@flotilla/fleet-server/trust/edit-targets";
import { folderStore } from "@flotilla/fleet-server/trust/folder-store";
import { generateKey, openKey } from "@flotilla/fleet-server/trust/key-folder";
import { stageRelease } from "@flotilla/fleet-server/trust/stage-release";
import { publishStaged, signRole } from "@flotilla/fleet-server/trust/staging";
import { releaseRole } from "@flotilla/protocol/documents/release";
import type { Signer } from "@flotilla/protocol/public-key";

const monthMs = 30 * 86_400_000;

export interface DemoTrust {
  /** Key files of the server's three online keys. */
  readonly serverKeys: string;
  /** The root metadata that devices ship with. */
  readonly trustedRoot: string;
  /** Signs a release folder with the release key and hands it to the server. */
  publishRelease(folder: string, client: FleetClient): Promise<void>;
}

export async function createTrust(folder: string, model: string): Promise<DemoTrust> {
  const engineerKeys = path.join(folder, "engineer-keys");
  const serverKeys = path.join(folder, "server-keys");
  const makeKey = async (at: string, label: string): Promise<Signer> => {
    const key = await generateKey(at, label, { encryption: "none" }, Date.now());
    return await openKey(key.file, null);
  };
  const roots = [
    await makeKey(engineerKeys, "root-1"),
    await makeKey(engineerKeys, "root-2"),
    await makeKey(engineerKeys, "root-3"),
  ];
  const targets = await makeKey(engineerKeys, "targets");
  const release = await makeKey(engineerKeys, `release-${model}`);
  const online = {
    snapshot: await makeKey(serverKeys, "snapshot"),
    timestamp: await makeKey(serverKeys, "timestamp"),
    directive: await makeKey(serverKeys, "directive"),
  };
  const expiresMs = Date.now() + monthMs;
  const one = (signer: Signer) => ({ keys: [signer.publicKey], threshold: 1 });
  const store = folderStore(path.join(folder, "repository"));
  await initRepository(store, {
    roles: {
      root: { keys: roots.map((signer) => signer.publicKey), threshold: 2 },
      targets: one(targets),
      snapshot: one(online.snapshot),
      timestamp: one(online.timestamp),
    },
    directive: one(online.directive),
    rootExpiresMs: expiresMs,
    targetsExpiresMs: expiresMs,
  });
  await delegateRelease(store, model, one(release), { targetsMs: expiresMs, roleMs: expiresMs });
  await signRole(store, "root", roots.slice(0, 2));
  await signRole(store, "targets", [targets]);
  await signRole(store, releaseRole(model), [release]);
  await publishStaged(store, Date.now());
  return {
    serverKeys,
    trustedRoot: path.join(folder, "repository", "metadata", "1.root.json"),
    publishRelease: async (releaseFolder, client) => {
      await stageRelease(store, releaseFolder, { minCounter: 0, expiresMs });
      await signRole(store, releaseRole(model), [release]);
      await publishStaged(store, Date.now());
      await publishRepository(store, client);
    },
  };
}
