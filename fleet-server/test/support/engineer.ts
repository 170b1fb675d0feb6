/**
 * A release engineer for tests: offline keys, a signed TUF repository in memory, releases of made-up content.
 * Nothing here runs a model; what the server cares for is signatures, digests and documents.
 */
import { canonicalJsonBytes } from "@flotilla/protocol/canonical-json";
import { sha256Hex } from "@flotilla/protocol/digest";
import { blobTargetPath, type Release, releaseRole, releaseTargetPath } from "@flotilla/protocol/documents/release";
import type { Signer } from "@flotilla/protocol/public-key";
import { createFleetClient } from "../../src/client/fleet-client.ts";
import { publishRepository } from "../../src/client/publish-repository.ts";
import { ed25519Signer, generateEd25519Seed } from "../../src/trust/ed25519-signer.ts";
import { initRepository } from "../../src/trust/edit-root.ts";
import { addTargets, delegateRelease } from "../../src/trust/edit-targets.ts";
import { memoryStore } from "../../src/trust/memory-store.ts";
import { publishStaged, signRole } from "../../src/trust/staging.ts";

export const model = "digits";
const farMs = Date.now() + 365 * 24 * 3600 * 1000;

export interface ReleaseOptions {
  readonly release: string;
  readonly counter: number;
  readonly minCounter?: number;
  readonly proven?: boolean;
}

export interface OnlineKeys {
  readonly directive: Signer;
  readonly snapshot: Signer;
  readonly timestamp: Signer;
}

/** A repository whose root names the online keys given, with one model delegated. */
export async function createEngineer(online: OnlineKeys) {
  const root = ed25519Signer(generateEd25519Seed());
  const targets = ed25519Signer(generateEd25519Seed());
  const releases = ed25519Signer(generateEd25519Seed());
  const store = memoryStore();
  const one = (signer: Signer) => ({ keys: [signer.publicKey], threshold: 1 });
  await initRepository(store, {
    roles: { root: one(root), targets: one(targets), snapshot: one(online.snapshot), timestamp: one(online.timestamp) },
    directive: one(online.directive),
    rootExpiresMs: farMs,
    targetsExpiresMs: farMs,
  });
  await delegateRelease(store, model, one(releases), { targetsMs: farMs, roleMs: farMs });
  await signRole(store, "root", [root]);
  await signRole(store, "targets", [targets]);
  await signRole(store, releaseRole(model), [releases]);
  await publishStaged(store, Date.now());

  return {
    store,
    /** Signs a release into the repository; `publish` hands it to a server. */
    async addRelease(options: ReleaseOptions): Promise<Release> {
      const { release, blobs } = makeRelease(options);
      const bytes = canonicalJsonBytes(release);
      const custom = { counter: options.counter, minCounter: options.minCounter ?? 0 };
      await addTargets(
        store,
        releaseRole(model),
        [...blobs, { path: releaseTargetPath(model, options.release), bytes, custom }],
        farMs,
      );
      await signRole(store, releaseRole(model), [releases]);
      await publishStaged(store, Date.now());
      return release;
    },
    publish: (server: { readonly url: string; readonly token: string }) =>
      publishRepository(store, createFleetClient(server)),
  };
}

export type Engineer = Awaited<ReturnType<typeof createEngineer>>;

function makeRelease({ release, counter, proven = true }: ReleaseOptions) {
  const file = new TextEncoder().encode(`model of ${release}`.padEnd(4096, "."));
  const golden = new TextEncoder().encode(`golden of ${release}`);
  const provenance = new TextEncoder().encode(JSON.stringify({ of: release }));
  const blob = (bytes: Uint8Array) => ({ digest: sha256Hex(bytes), sizeBytes: bytes.length });
  const document: Release = {
    type: "flotilla/release",
    version: 1,
    model,
    release,
    createdAtMs: 1,
    counter,
    variants: [
      {
        name: "int8-board",
        ...blob(file),
        format: "tflite",
        recipe: "int8",
        requirements: {
          operators: {},
          runtimes: [{ name: "litert", minVersion: "1.0.0" }],
          arenaBytes: 1024,
          sizeBytes: file.length,
          storageBytes: file.length,
          inputs: [],
          outputs: [],
        },
        golden: blob(golden),
        tolerance: { atol: 0, rtol: 0, integerUnits: 2, minTop1Agreement: 1 },
        preprocessing: {},
        outputs: {},
        proven,
      },
    ],
    evaluations: [],
    provenance: blob(provenance),
    notes: "",
  };
  const path = (bytes: Uint8Array, extension: "tflite" | "npz" | "json") =>
    blobTargetPath(model, sha256Hex(bytes), extension);
  return {
    release: document,
    blobs: [
      { path: path(file, "tflite"), bytes: file },
      { path: path(golden, "npz"), bytes: golden },
      { path: path(provenance, "json"), bytes: provenance },
    ],
  };
}
