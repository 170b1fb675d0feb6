/** How TUF metadata comes in: plain GETs below one base address. Shipped adapters live outside the core. */
export interface MetadataFetcher {
  /**
   * Fetches one metadata file.
   * @param name one path segment below the metadata base, already percent-encoded: append it as it is
   * @param maxBytes bound on the decoded body; the adapter stops reading there and throws TRANSPORT_LIMIT
   * @returns the bytes, or null when the server says that it has no such file (404 or 403)
   * @throws TRANSPORT_* for everything else
   */
  fetch(name: string, maxBytes: number): Promise<Uint8Array | null>;
}
