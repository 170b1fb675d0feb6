/** Randomness fit for keys. */
export interface Entropy {
  bytes(count: number): Uint8Array;
}
