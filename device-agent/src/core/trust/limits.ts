/** Bounds of the TUF client, as data with units (TUF specification §5: the values W, X, Y, Z are the client's to set). */
export interface TrustLimits {
  readonly rootBytes: number;
  readonly timestampBytes: number;
  readonly snapshotBytes: number;
  readonly targetsBytes: number;
  /** Root versions taken over in one refresh; the next refresh goes on from there. */
  readonly rootRotations: number;
  /** Delegated roles visited in the search for one target. */
  readonly delegatedRoles: number;
}

/** The values that other clients use (tuf-js, python-tuf). */
export const defaultTrustLimits: TrustLimits = Object.freeze({
  rootBytes: 512_000,
  timestampBytes: 16_384,
  snapshotBytes: 2_000_000,
  targetsBytes: 5_000_000,
  rootRotations: 256,
  delegatedRoles: 32,
});
