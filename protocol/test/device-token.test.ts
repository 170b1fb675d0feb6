import { ed25519 } from "@noble/curves/ed25519.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { expect, test } from "vitest";
import { createDeviceToken, deviceTokenLifetimeS, peekDeviceToken, verifyDeviceToken } from "../src/device-token.ts";

const secret = new Uint8Array(32).fill(7);
const publicKey = bytesToHex(ed25519.getPublicKey(secret));
const signer = { sign: async (bytes: Uint8Array) => ed25519.sign(bytes, secret) };
const nowMs = 1_700_000_000_000;
const claims = { device: "board-7", fleet: "fleet-1", nowMs, tokenId: "abc" };
const expected = { fleet: "fleet-1", nowMs };

const base64Url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
/** A token of any content, signed for real. */
function forge(payload: unknown, header: unknown = { alg: "EdDSA", typ: "flotilla-device" }): string {
  const signed = `${base64Url(header)}.${base64Url(payload)}`;
  return `${signed}.${Buffer.from(ed25519.sign(new TextEncoder().encode(signed), secret)).toString("base64url")}`;
}
const payload = { sub: "board-7", aud: "fleet-1", iat: nowMs / 1000, exp: nowMs / 1000 + 900, jti: "abc" };
const refused = expect.objectContaining({ code: "ROLLOUT_UNAUTHORIZED" });

test("a token proves its device", async () => {
  const token = await createDeviceToken(claims, signer);
  expect(peekDeviceToken(token)).toBe("board-7");
  expect(verifyDeviceToken(token, publicKey, expected)).toEqual({ device: "board-7" });
  expect(verifyDeviceToken(forge(payload), publicKey, expected)).toEqual({ device: "board-7" });
});

test("it lives for at most 15 minutes", async () => {
  const token = await createDeviceToken({ ...claims, lifetimeS: 86_400 }, signer);
  const at = (seconds: number) => () =>
    verifyDeviceToken(token, publicKey, { fleet: "fleet-1", nowMs: nowMs + seconds * 1000 });
  expect(at(deviceTokenLifetimeS - 1)).not.toThrow();
  expect(at(deviceTokenLifetimeS)).toThrowError(refused);
  expect(at(-59)).not.toThrow();
  expect(at(-61)).toThrowError(refused);
});

test("another fleet, another key, a changed byte", async () => {
  const token = await createDeviceToken(claims, signer);
  const [head, body, tail] = token.split(".");
  const other = bytesToHex(ed25519.getPublicKey(new Uint8Array(32).fill(8)));
  expect(() => verifyDeviceToken(token, publicKey, { fleet: "fleet-2", nowMs })).toThrowError(refused);
  expect(() => verifyDeviceToken(token, other, expected)).toThrowError(refused);
  expect(() => verifyDeviceToken(token, "", expected)).toThrowError(refused);
  const changed = `${head}.${base64Url({ ...payload, sub: "board-8" })}.${tail}`;
  expect(() => verifyDeviceToken(changed, publicKey, expected)).toThrowError(refused);
  expect(() => verifyDeviceToken(`${head}.${body}.`, publicKey, expected)).toThrowError(refused);
});

test.each([
  ["no algorithm", forge(payload, { alg: "none", typ: "flotilla-device" })],
  ["another algorithm", forge(payload, { alg: "HS256", typ: "flotilla-device" })],
  ["a JWT of another kind", forge(payload, { alg: "EdDSA", typ: "JWT" })],
  ["a life of an hour", forge({ ...payload, exp: payload.iat + 3600 })],
  ["no end", forge({ ...payload, exp: undefined })],
  ["an end before the beginning", forge({ ...payload, exp: payload.iat - 1 })],
  ["times that are text", forge({ ...payload, iat: "1", exp: "2" })],
  ["no id", forge({ ...payload, jti: undefined })],
  ["a subject that is no device", forge({ ...payload, sub: "#" })],
  ["two parts", "a.b"],
  ["four parts", "a.b.c.d"],
  ["nothing", ""],
  ["not base64url", "{}.{}.{}"],
  ["too long", `${"a".repeat(3000)}.b.c`],
])("refuses %s", (_, token) => {
  expect(() => verifyDeviceToken(token, publicKey, expected)).toThrowError(refused);
});
