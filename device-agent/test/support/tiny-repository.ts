/**
 * A TUF repository in memory, just large enough for an agent: four top-level roles, one delegation per model and one for
 * the directive key. The authoring side of the product is the fleet server's; tests of the agent do not lean on it.
 */
import { sha256Hex } from "@flotilla/protocol/digest";
import { directiveRole } from "@flotilla/protocol/documents/control";
import { blobTargetPath, releaseRole, releaseRolePaths, releaseTargetPath } from "@flotilla/protocol/documents/release";
import type { JsonObject } from "@flotilla/protocol/json-value";
import type { Signer } from "@flotilla/protocol/public-key";
import { olpcJsonBytes } from "@flotilla/protocol/tuf/olpc-json";
import { consistentTargetPath } from "@flotilla/protocol/tuf/role-file-name";
import { testSigner } from "./keys.ts";

export interface TinyRepository {
  readonly root: Uint8Array;
  readonly directiveSigner: Signer;
  /** Another key signs control documents from now on. */
  rotateDirectiveKey(): Promise<void>;
  /** By file name below the metadata base. */
  readonly metadata: ReadonlyMap<string, Uint8Array>;
  /** By path below the targets base, consistent-snapshot names. */
  readonly targets: ReadonlyMap<string, Uint8Array>;
  /** Signs a release document and its blobs as targets of its model's role, and publishes. */
  publish(release: PublishedRelease): Promise<void>;
}

export interface PublishedRelease {
  readonly model: string;
  readonly release: string;
  readonly document: Uint8Array;
  readonly counter: number;
  readonly minCounter: number;
  readonly blobs: readonly { readonly bytes: Uint8Array; readonly extension: "tflite" | "npz" }[];
}

const farExpiry = "2099-01-01T00:00:00Z";

export async function tinyRepository(models: readonly string[]): Promise<TinyRepository> {
  const [rootSigner, topSigner] = [testSigner("root"), testSigner("top")];
  let directiveSigner = testSigner("directive");
  const releaseSigner = testSigner("release");
  const metadata = new Map<string, Uint8Array>();
  const targets = new Map<string, Uint8Array>();
  const listed = new Map<string, Record<string, JsonObject>>(models.map((model) => [model, {}]));
  let version = 0;

  const rolesOf = (keyid: string) => ({ keyids: [keyid], threshold: 1 });
  const keysOf = (...signers: readonly Signer[]) =>
    Object.fromEntries(signers.map(({ keyid, publicKey }) => [keyid, publicKey]));

  async function put(name: string, signed: JsonObject, signer: Signer): Promise<Uint8Array> {
    const signature = await signer.sign(olpcJsonBytes(signed));
    const sig = Array.from(signature, (byte) => byte.toString(16).padStart(2, "0")).join("");
    const bytes = new TextEncoder().encode(JSON.stringify({ signed, signatures: [{ keyid: signer.keyid, sig }] }));
    metadata.set(name, bytes);
    return bytes;
  }

  const head = (type: string) => ({ _type: type, spec_version: "1.0.34", version, expires: farExpiry });

  async function publishMetadata(): Promise<void> {
    version++;
    const meta: Record<string, JsonObject> = { "targets.json": { version } };
    for (const [model, files] of listed) {
      meta[`${releaseRole(model)}.json`] = { version };
      await put(`${version}.${releaseRole(model)}.json`, { ...head("targets"), targets: files }, releaseSigner);
    }
    const roles = [
      { name: directiveRole, ...rolesOf(directiveSigner.keyid), terminating: true, paths: ["directives/*"] },
      ...models.map((model) => ({
        name: releaseRole(model),
        ...rolesOf(releaseSigner.keyid),
        terminating: true,
        paths: releaseRolePaths(model),
      })),
    ];
    const delegations = { keys: keysOf(directiveSigner, releaseSigner), roles };
    await put(`${version}.targets.json`, { ...head("targets"), targets: {}, delegations }, topSigner);
    await put(`${version}.snapshot.json`, { ...head("snapshot"), meta }, topSigner);
    await put("timestamp.json", { ...head("timestamp"), meta: { "snapshot.json": { version } } }, topSigner);
  }

  const rootSigned = {
    _type: "root",
    spec_version: "1.0.34",
    version: 1,
    expires: farExpiry,
    consistent_snapshot: true,
    keys: keysOf(rootSigner, topSigner),
    roles: {
      root: rolesOf(rootSigner.keyid),
      timestamp: rolesOf(topSigner.keyid),
      snapshot: rolesOf(topSigner.keyid),
      targets: rolesOf(topSigner.keyid),
    },
  };
  const root = await put("1.root.json", rootSigned, rootSigner);
  await publishMetadata();

  return {
    root,
    get directiveSigner() {
      return directiveSigner;
    },
    async rotateDirectiveKey() {
      directiveSigner = testSigner(`directive-${version}`);
      await publishMetadata();
    },
    metadata,
    targets,
    async publish({ model, release, document, counter, minCounter, blobs }) {
      const files = listed.get(model) ?? {};
      const add = (path: string, bytes: Uint8Array, custom?: JsonObject): void => {
        const sha256 = sha256Hex(bytes);
        files[path] = { length: bytes.length, hashes: { sha256 }, ...(custom === undefined ? {} : { custom }) };
        targets.set(consistentTargetPath(path, sha256), bytes);
      };
      for (const { bytes, extension } of blobs) add(blobTargetPath(model, sha256Hex(bytes), extension), bytes);
      add(releaseTargetPath(model, release), document, { counter, minCounter });
      listed.set(model, files);
      await publishMetadata();
    },
  };
}
