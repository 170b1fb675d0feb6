/**
 * The server's side of the TUF repository: takes metadata that engineers have signed, keeps snapshot and timestamp
 * fresh with its own two keys, and knows what is published. Publications run one after another; a timestamp is the
 * last thing written, so that a crash leaves the old or the new repository, and a start finishes what was begun.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Signer } from "@flotilla/protocol/public-key";
import type { BlobStore } from "../ports/blobs.ts";
import type { Clock } from "../ports/clock.ts";
import type { ReleaseCatalogue } from "../ports/release-catalogue.ts";
import { acceptUpload } from "../trust/accept-upload.ts";
import { publishOnline } from "../trust/online-roles.ts";
import { readRepository } from "../trust/repository-state.ts";
import type { TrustRepositoryStore } from "../trust/repository-store.ts";
import { type CatalogueContent, emptyCatalogue, isReleasePath, readCatalogue, readRelease } from "./catalogue.ts";
import { createMutex } from "./mutex.ts";

export interface TrustParts {
  readonly store: TrustRepositoryStore;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly snapshot: Signer;
  readonly timestamp: Signer;
  /** The key of the directives, and the role that must delegate to it. */
  readonly directive: { readonly keyid: string; readonly role: string };
}

export interface TrustPublication {
  /** Files that are new. */
  readonly files: readonly string[];
  readonly snapshotVersion: number;
  readonly timestampVersion: number;
}

export interface TrustService extends ReleaseCatalogue {
  /** Reads what is published, and finishes a publication that was cut off. */
  open(): Promise<void>;
  /** @throws INTEGRITY_*, FORMAT_*, IO_NOT_FOUND, ROLLOUT_CONFLICT; nothing is published then */
  publish(files: ReadonlyMap<string, Uint8Array>): Promise<TrustPublication>;
  /** Signs a new timestamp if the one there is past half of its life. */
  renew(): Promise<void>;
  /** A published metadata file as it is, or null. */
  metadata(name: string): Promise<Uint8Array | null>;
  /** @throws ROLLOUT_REFUSED if devices would not believe this server's directives */
  assertMayDirect(): void;
}

/** Usual for TUF: the timestamp guards against freezing, so it is short; the snapshot outlives a long weekend. */
const timestampLifetimeMs = 24 * 3600 * 1000;
const snapshotLifetimeMs = 7 * 24 * 3600 * 1000;

export function createTrustService(parts: TrustParts): TrustService {
  const { store, blobs, clock, directive } = parts;
  const mutex = createMutex();
  let content: CatalogueContent = emptyCatalogue;

  async function hasContent(target: { path: string; sha256: string; lengthBytes: number }): Promise<boolean> {
    if ((await blobs.sizeOf(target.sha256)) !== target.lengthBytes) return false;
    if (isReleasePath(target.path)) await readRelease(target.path, target.sha256, target.lengthBytes, blobs);
    return true;
  }

  async function signOnline(): Promise<{ snapshotVersion: number; timestampVersion: number }> {
    const nowMs = clock.nowMs();
    const signers = { snapshot: [parts.snapshot], timestamp: [parts.timestamp] };
    const published = await publishOnline(store, signers, {
      snapshotExpiresMs: nowMs + snapshotLifetimeMs,
      timestampExpiresMs: nowMs + timestampLifetimeMs,
    });
    content = await readCatalogue(await readRepository(store), blobs, directive.role);
    return published;
  }

  return {
    open: () =>
      mutex.run(async () => {
        const state = await readRepository(store);
        if (state.root !== null && state.targets.size > 0) await signOnline();
      }),

    publish: (files) =>
      mutex.run(async () => {
        const accepted = await acceptUpload(store, files, hasContent, clock.nowMs());
        const { snapshotVersion, timestampVersion } = await signOnline();
        return { files: accepted, snapshotVersion, timestampVersion };
      }),

    renew: () =>
      mutex.run(async () => {
        const { timestamp } = await readRepository(store);
        const isDue = timestamp !== null && timestamp.signed.expiresMs - clock.nowMs() < timestampLifetimeMs / 2;
        if (isDue) await signOnline();
      }),

    metadata: (name) => store.read(`metadata/${name}`),

    assertMayDirect() {
      if (content.directiveKeys.has(directive.keyid)) return;
      throw new FlotillaError(
        "ROLLOUT_REFUSED",
        `The published metadata does not delegate ${directive.role} to this server's directive key, so devices would ` +
          "refuse its directives. Delegate it, sign and publish.",
        { details: { role: directive.role, keyid: directive.keyid } },
      );
    },

    async find(model, release) {
      return content.releases.get(`${model}/${release}`) ?? null;
    },
    async list() {
      return [...content.releases.values()];
    },
    async target(path) {
      return content.targets.get(path) ?? null;
    },
  };
}
