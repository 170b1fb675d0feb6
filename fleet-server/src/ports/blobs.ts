/** Where artifacts lie, addressed by their SHA-256. Nothing is kept that has not been hashed on its way in. */
export interface BlobStore {
  /**
   * Streams bytes in; idempotent. Nothing is kept on failure.
   * @throws INTEGRITY_DIGEST if the bytes have another digest, TRANSPORT_LIMIT past `maxBytes`, IO_FAILED
   */
  put(digest: string, bytes: AsyncIterable<Uint8Array>, maxBytes: number): Promise<{ readonly sizeBytes: number }>;
  /** Size in bytes, or null if there is no such blob. */
  sizeOf(digest: string): Promise<number | null>;
  /** The bytes from `start` to `end` (inclusive), as a stream. @throws IO_NOT_FOUND */
  read(digest: string, range?: { readonly start: number; readonly end: number }): Promise<AsyncIterable<Uint8Array>>;
}
