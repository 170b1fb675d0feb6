/** Signs control documents with a key from a key file. */
import { controlPayloadType } from "@flotilla/protocol/documents/control";
import { signEnvelope } from "@flotilla/protocol/dsse";
import type { Signer } from "@flotilla/protocol/public-key";
import type { ControlSigner } from "../ports/signer.ts";

export const controlSigner = (signer: Signer): ControlSigner => ({
  sign: (payload) => signEnvelope(controlPayloadType, payload, [signer]),
  hasSigned(envelope) {
    const { signatures } = JSON.parse(Buffer.from(envelope).toString("utf8")) as { signatures: { keyid: string }[] };
    return signatures.some(({ keyid }) => keyid === signer.keyid);
  },
});
