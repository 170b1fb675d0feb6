/**
 * A fleet server in this process with real releases: tiny `.tflite` files that add a constant, signed by an engineer's own
 * keys, for tests of agents against the server.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createFleetClient, type FleetClient, type RunningServer, startServer } from "@flotilla/fleet-server";
import { publishRepository } from "@flotilla/fleet-server/client/publish-repository";
import { ed25519Signer, generateEd25519Seed } from "@flotilla/fleet-server/trust/ed25519-signer";
import { initRepository } from "@flotilla/fleet-server/trust/edit-root";
import { addTargets, delegateRelease } from "@flotilla/fleet-server/trust/edit-targets";
import { generateKey, openKey } from "@flotilla/fleet-server/trust/key-folder";
import { memoryStore } from "@flotilla/fleet-server/trust/memory-store";
import { publishStaged, signRole } from "@flotilla/fleet-server/trust/staging";
import { canonicalJsonBytes } from "@flotilla/protocol/canonical-json";
import { sha256Hex } from "@flotilla/protocol/digest";
import { blobTargetPath, type Release, releaseRole, releaseTargetPath } from "@flotilla/protocol/documents/release";
import type { JsonValue } from "@flotilla/protocol/json-value";
import { addingModel } from "../../device-agent/test/support/real-model.ts";

export const modelId = "adder";

export interface RealFleet {
  readonly folder: string;
  readonly server: RunningServer;
  readonly client: FleetClient;
  readonly trustedRoot: Uint8Array;
  /** Signs and publishes a release whose file adds `constant`; its goldens are those of `recorded`, if given. */
  addRelease(release: string, counter: number, constant: number, recorded?: number): Promise<void>;
  enrolmentToken(uses: number, tags?: readonly string[]): Promise<string>;
  close(): Promise<void>;
}

const farMs = Date.now() + 365 * 24 * 3600 * 1000;

export async function startRealFleet(): Promise<RealFleet> {
  const folder = await mkdtemp(path.join(tmpdir(), "flotilla-fleet-"));
  const keyFile = async (label: string): Promise<string> =>
    (await generateKey(path.join(folder, "keys"), label, { encryption: "none" }, Date.now())).file;
  const keyFiles = {
    directive: await keyFile("directive"),
    snapshot: await keyFile("snapshot"),
    timestamp: await keyFile("timestamp"),
  };
  const online = async (role: keyof typeof keyFiles) => ({
    keys: [(await openKey(keyFiles[role], null)).publicKey],
    threshold: 1,
  });
  const [root, targets, releases] = [1, 2, 3].map(() => ed25519Signer(generateEd25519Seed()));
  if (root === undefined || targets === undefined || releases === undefined) throw new TypeError("three signers");
  const one = (signer: typeof root) => ({ keys: [signer.publicKey], threshold: 1 });
  const store = memoryStore();
  await initRepository(store, {
    roles: {
      root: one(root),
      targets: one(targets),
      snapshot: await online("snapshot"),
      timestamp: await online("timestamp"),
    },
    directive: await online("directive"),
    rootExpiresMs: farMs,
    targetsExpiresMs: farMs,
  });
  await delegateRelease(store, modelId, one(releases), { targetsMs: farMs, roleMs: farMs });
  await signRole(store, "root", [root]);
  await signRole(store, "targets", [targets]);
  await signRole(store, releaseRole(modelId), [releases]);
  await publishStaged(store, Date.now());

  const server = await startServer({
    dataFolder: path.join(folder, "server"),
    fleet: "real-fleet",
    keyFiles,
    tickMs: 50,
  });
  const token = server.operatorToken ?? "";
  const client = createFleetClient({ url: server.url, token });
  await publishRepository(store, client);
  await client.post("/v1/cohorts", { id: "everyone", cel: "true", priority: 1 });
  const trustedRoot = new Uint8Array(await (await fetch(`${server.url}/v1/tuf/metadata/1.root.json`)).arrayBuffer());

  return {
    folder,
    server,
    client,
    trustedRoot,
    async addRelease(release, counter, constant, recorded = constant) {
      const { bytes, runtimes, input, output } = addingModel(constant);
      const { golden } = addingModel(recorded);
      const document = canonicalJsonBytes(documentOf(release, counter, { bytes, golden, runtimes, input, output }));
      await addTargets(
        store,
        releaseRole(modelId),
        [
          { path: blobTargetPath(modelId, sha256Hex(bytes), "tflite"), bytes },
          { path: blobTargetPath(modelId, sha256Hex(golden), "npz"), bytes: golden },
          { path: blobTargetPath(modelId, sha256Hex(provenance), "json"), bytes: provenance },
          { path: releaseTargetPath(modelId, release), bytes: document, custom: { counter, minCounter: 0 } },
        ],
        farMs,
      );
      await signRole(store, releaseRole(modelId), [releases]);
      await publishStaged(store, Date.now());
      await publishRepository(store, client);
    },
    enrolmentToken: async (uses, tags = []) =>
      (await client.post<{ token: string }>("/v1/enrolment-tokens", { uses, tags })).token,
    async close() {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const provenance = new TextEncoder().encode('{"by":"test"}');

function documentOf(release: string, counter: number, model: ReturnType<typeof addingModel>): JsonValue {
  const { bytes, golden, runtimes, input, output } = model;
  const tensor = (name: string) => ({ name, dtype: "float32", shape: [1, 4] });
  const document: Release = {
    type: "flotilla/release",
    version: 1,
    model: modelId,
    release,
    createdAtMs: 1,
    counter,
    variants: [
      {
        name: "float32",
        digest: sha256Hex(bytes),
        sizeBytes: bytes.length,
        format: "tflite",
        recipe: "float32",
        requirements: {
          operators: { ADD: { maxVersion: 1, dtypes: ["float32"] } },
          runtimes,
          arenaBytes: 1024,
          sizeBytes: bytes.length,
          storageBytes: bytes.length,
          inputs: [tensor(input)],
          outputs: [tensor(output)],
        },
        golden: { digest: sha256Hex(golden), sizeBytes: golden.length },
        tolerance: { atol: 1e-4, rtol: 1e-4, integerUnits: 2, minSqnrDb: 40 },
        preprocessing: {},
        outputs: {},
        proven: true,
      },
    ],
    evaluations: [],
    provenance: { digest: sha256Hex(provenance), sizeBytes: provenance.length },
    notes: "",
  };
  return document as JsonValue;
}
