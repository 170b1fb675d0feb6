/** Ed25519 signers from seeds: tests that fail must fail the same way twice. */
import { ed25519PublicKey, keyIdOf, type Signer } from "@flotilla/protocol/public-key";
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";

export function testSigner(name: string): Signer {
  const secret = sha256(new TextEncoder().encode(`test key ${name}`));
  const publicKey = ed25519PublicKey(ed25519.getPublicKey(secret));
  return { keyid: keyIdOf(publicKey), publicKey, sign: async (bytes) => ed25519.sign(bytes, secret) };
}
