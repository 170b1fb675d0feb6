/** The releases and targets of the verified, published TUF repository. */
import type { Release } from "@flotilla/protocol/documents/release";

export interface PublishedRelease {
  readonly release: Release;
  readonly counter: number;
  readonly minCounter: number;
}

export interface PublishedTarget {
  readonly digest: string;
  readonly sizeBytes: number;
}

export interface ReleaseCatalogue {
  find(model: string, release: string): Promise<PublishedRelease | null>;
  list(): Promise<readonly PublishedRelease[]>;
  /** What a target path stands for, or null if the published metadata does not name it. */
  target(path: string): Promise<PublishedTarget | null>;
}
