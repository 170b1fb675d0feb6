/** Signs control documents with a key from a key file. */
import { controlPayloadType } from "@flotilla/protocol/documents/control";
import { signEnvelope } from "@flotilla/protocol/dsse";
import type { Signer } from "@flotilla/protocol/public-key";
import type { ControlSigner } from "../ports/signer.ts";

export const controlSigner = (signer: Signer): ControlSigner => ({
  sign: (payload) => signEnvelope(controlPayloadType, payload, [signer]),
});
