/**
 * The signed documents as published, byte for byte, and the outbox of documents that are to be published anew.
 * A document's sequence only ever goes up.
 */

/** `index`, or a cohort's directive, or a device's document. */
export type DocumentKey =
  | { readonly kind: "index" }
  | { readonly kind: "directive"; readonly cohort: string }
  | { readonly kind: "device"; readonly device: string };

export interface PublishedDocument {
  readonly key: DocumentKey;
  readonly sequence: number;
  /** Digest of what the document says, without sequence and times: the same content is not published twice. */
  readonly contentDigest: string;
  readonly expiresAtMs: number;
  /** The DSSE envelope. */
  readonly bytes: Uint8Array;
}

export interface OutboxItem {
  readonly id: number;
  readonly key: DocumentKey;
}

export interface DocumentStore {
  /** What is to be published, oldest first. */
  outbox(limit: number): Promise<readonly OutboxItem[]>;
  order(keys: readonly DocumentKey[]): Promise<void>;
  /**
   * Stores a document and takes the items that asked for it out of the outbox, in one transaction.
   * `document` null: nothing was to be changed after all.
   * @throws ROLLOUT_CONFLICT if the sequence is not above the stored one
   */
  settle(items: readonly number[], document: PublishedDocument | null): Promise<void>;
  find(key: DocumentKey): Promise<PublishedDocument | null>;
  all(): Promise<readonly PublishedDocument[]>;
  expiringBefore(timeMs: number): Promise<readonly DocumentKey[]>;
}
