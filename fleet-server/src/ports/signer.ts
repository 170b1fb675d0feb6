/** Signs control documents (index, directives, device documents) as DSSE envelopes with the directive key. */
export interface ControlSigner {
  sign(payload: Uint8Array): Promise<Uint8Array>;
}
