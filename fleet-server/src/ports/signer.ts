/** Signs control documents (index, directives, device documents) as DSSE envelopes with the directive key. */
export interface ControlSigner {
  sign(payload: Uint8Array): Promise<Uint8Array>;
  /** Whether an envelope of ours bears the signature of the key that signs now. */
  hasSigned(envelope: Uint8Array): boolean;
}
