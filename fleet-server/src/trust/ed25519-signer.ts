/** Ed25519 signing with `node:crypto` (RFC 8032). Verification is the protocol's; this file only makes signatures. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { FlotillaError } from "@flotilla/protocol/errors";
import { ed25519PublicKey, keyIdOf, type Signer } from "@flotilla/protocol/public-key";

/** PKCS #8 and SPKI of an Ed25519 key are these bytes followed by the 32 of the key (RFC 8410). */
const pkcs8Prefix = Buffer.from("302e020100300506032b657004220420", "hex");
const spkiPrefixBytes = 12;

/** 32 random bytes that are an Ed25519 private key. */
export function generateEd25519Seed(): Uint8Array {
  const { privateKey } = generateKeyPairSync("ed25519");
  return new Uint8Array(privateKey.export({ format: "der", type: "pkcs8" }).subarray(pkcs8Prefix.length));
}

/** A signer over a 32-byte Ed25519 private key. The key does not appear in the object's properties. */
export function ed25519Signer(seed: Uint8Array): Signer {
  if (seed.length !== 32) {
    throw new FlotillaError("INTEGRITY_KEY", `An Ed25519 private key has 32 bytes, found ${seed.length}.`);
  }
  const key: KeyObject = createPrivateKey({
    key: Buffer.concat([pkcs8Prefix, seed]),
    format: "der",
    type: "pkcs8",
  });
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  const publicKey = ed25519PublicKey(new Uint8Array(spki.subarray(spkiPrefixBytes)));
  return {
    keyid: keyIdOf(publicKey),
    publicKey,
    sign: async (bytes) => new Uint8Array(sign(null, bytes, key)),
  };
}
