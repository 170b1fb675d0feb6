import { createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBase64, encodeBase64 } from "../src/base64.ts";
import { canonicalJsonBytes } from "../src/canonical-json.ts";
import { parseEnvelope, preAuthenticationEncoding, signEnvelope, verifyEnvelope } from "../src/dsse.ts";
import { ed25519PublicKey, keyIdOf, type PublicKey, p256PublicKey, type Signer } from "../src/public-key.ts";
import { verifySignature } from "../src/signature.ts";

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

function ed25519Key(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const key = ed25519PublicKey(new Uint8Array(publicKey.export({ format: "der", type: "spki" }).subarray(12)));
  return { keyid: keyIdOf(key), publicKey: key, sign: async (bytes) => new Uint8Array(sign(null, bytes, privateKey)) };
}

function p256Key(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = p256PublicKey(new Uint8Array(publicKey.export({ format: "der", type: "spki" }).subarray(26)));
  const signWith = createPrivateKey(privateKey.export({ format: "pem", type: "pkcs8" }).toString());
  return {
    keyid: keyIdOf(key),
    publicKey: key,
    sign: async (bytes) => new Uint8Array(sign("sha256", bytes, signWith)),
  };
}

const keyMap = (...signers: Signer[]): ReadonlyMap<string, PublicKey> =>
  new Map(signers.map(({ keyid, publicKey }) => [keyid, publicKey]));

describe("base64", () => {
  it("round-trips and agrees with Node's", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
        expect(encodeBase64(bytes)).toBe(Buffer.from(bytes).toString("base64"));
        expect(decodeBase64(encodeBase64(bytes))).toEqual(Uint8Array.from(bytes));
      }),
    );
  });

  it.each(["A", "AB", "ABC", "AB=", "AB==C", "A-B_", "AB==\n", "AR==", "AAR="])("refuses %s", (text) => {
    expect(() => decodeBase64(text)).toThrow(expect.objectContaining({ code: "FORMAT_CORRUPT" }));
  });
});

describe("signatures", () => {
  it("accepts RFC 8032's third Ed25519 vector, and no change of one bit", () => {
    const key = ed25519PublicKey(hex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"));
    const signature = hex(
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    );
    const message = hex("af82");
    expect(verifySignature(key, message, signature)).toBe(true);
    for (let bit = 0; bit < 512; bit += 37) {
      const changed = signature.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(verifySignature(key, message, changed)).toBe(false);
    }
    expect(verifySignature(key, hex("af83"), signature)).toBe(false);
  });

  it("accepts what OpenSSL signs with P-256, high S and low S alike", async () => {
    const signer = p256Key();
    const highS = 0x7fffffff80000000n; // the upper 64 bits of half the group order
    const seen = new Set<boolean>();
    for (let i = 0; i < 64 && seen.size < 2; i++) {
      const message = utf8(`message ${i}`);
      const signature = await signer.sign(message);
      expect(verifySignature(signer.publicKey, message, signature)).toBe(true);
      const lengthOfR = signature[3] ?? 0;
      const lengthOfS = signature[5 + lengthOfR] ?? 0;
      const s = BigInt(
        `0x${Buffer.from(signature.subarray(6 + lengthOfR, 6 + lengthOfR + lengthOfS)).toString("hex")}`,
      );
      seen.add(s >> 192n >= highS);
    }
    expect(seen).toEqual(new Set([true, false]));
  });

  it("takes malformed keys, foreign kinds and odd signatures for not valid, without throwing", async () => {
    const { publicKey } = ed25519Key();
    const message = utf8("m");
    expect(verifySignature(publicKey, message, new Uint8Array(0))).toBe(false);
    expect(verifySignature(publicKey, message, new Uint8Array(63))).toBe(false);
    expect(verifySignature({ ...publicKey, keyval: { public: "00" } }, message, new Uint8Array(64))).toBe(false);
    expect(
      verifySignature({ ...publicKey, keytype: "rsa", scheme: "rsassa-pss-sha256" }, message, new Uint8Array(64)),
    ).toBe(false);
    expect(verifySignature(p256Key().publicKey, message, new Uint8Array(64))).toBe(false);
  });
});

describe("DSSE", () => {
  it("encodes as the protocol's example does", () => {
    const pae = preAuthenticationEncoding("http://example.com/HelloWorld", utf8("hello world"));
    expect(new TextDecoder().decode(pae)).toBe("DSSEv1 29 http://example.com/HelloWorld 11 hello world");
  });

  const type = "application/vnd.flotilla+json";
  const payload = utf8('{"a":1}');

  it("gives back exactly the bytes that were signed, with either kind of key", async () => {
    const [a, b] = [ed25519Key(), p256Key()];
    const envelope = await signEnvelope(type, payload, [a, b]);
    expect(verifyEnvelope(envelope, keyMap(a, b), 2, type)).toEqual(payload);
  });

  it("refuses other keys, too few keys, another payload type and threshold 0", async () => {
    const [a, b] = [ed25519Key(), ed25519Key()];
    const envelope = await signEnvelope(type, payload, [a]);
    const refused = expect.objectContaining({ code: "INTEGRITY_SIGNATURE" });
    expect(() => verifyEnvelope(envelope, keyMap(b), 1, type)).toThrow(refused);
    expect(() => verifyEnvelope(envelope, keyMap(a, b), 2, type)).toThrow(refused);
    expect(() => verifyEnvelope(envelope, keyMap(a), 1, "application/json")).toThrow(refused);
    expect(() => verifyEnvelope(envelope, keyMap(a), 0, type)).toThrow(refused);
    expect(() => verifyEnvelope(envelope, keyMap(a), Number.NaN, type)).toThrow(refused);
  });

  it("counts one key under two ids once, and refuses an id listed twice", async () => {
    const a = ed25519Key();
    const alias = { ...a, keyid: "alias" };
    const refused = expect.objectContaining({ code: "INTEGRITY_SIGNATURE" });
    const twice = await signEnvelope(type, payload, [a, alias]);
    expect(() => verifyEnvelope(twice, keyMap(a, alias), 2, type)).toThrow(refused);
    const repeated = await signEnvelope(type, payload, [a, a]);
    expect(() => verifyEnvelope(repeated, keyMap(a), 1, type)).toThrow(refused);
  });

  it("refuses every change of a byte in the payload", async () => {
    const a = ed25519Key();
    const envelope = parseEnvelope(await signEnvelope(type, payload, [a]));
    for (let i = 0; i < payload.length; i++) {
      const changed = payload.slice();
      changed[i] = (changed[i] ?? 0) ^ 1;
      const bytes = canonicalJsonBytes({
        payload: encodeBase64(changed),
        payloadType: type,
        signatures: envelope.signatures.map(({ keyid, signature }) => ({ keyid, sig: encodeBase64(signature) })),
      });
      expect(() => verifyEnvelope(bytes, keyMap(a), 1, type)).toThrow(
        expect.objectContaining({ code: "INTEGRITY_SIGNATURE" }),
      );
    }
  });

  it.each([
    "{}",
    "[]",
    '{"payload":"!","payloadType":"t","signatures":[]}',
    '{"payload":"","payloadType":"t","signatures":[1]}',
  ])("refuses %s as no envelope", (text) => {
    expect(() => parseEnvelope(utf8(text))).toThrow(expect.objectContaining({ code: "FORMAT_DOCUMENT" }));
  });
});
