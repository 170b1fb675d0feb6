/**
 * How a device joins: it shows a token that an operator handed out, and proves that it holds the key it names by
 * signing the server's nonce. From then on the key is all it needs. Also: which token speaks for which device.
 */
import { peekDeviceToken, verifyDeviceToken } from "@flotilla/protocol/device-token";
import type { DeviceAttributes } from "@flotilla/protocol/documents/reports";
import { FlotillaError } from "@flotilla/protocol/errors";
import { ed25519PublicKey } from "@flotilla/protocol/public-key";
import { verifySignature } from "@flotilla/protocol/signature";
import type { Clock } from "../ports/clock.ts";
import type { DeviceRecord, DeviceStore } from "../ports/device-store.ts";
import { createChallenges, createSecret, hashSecret } from "./secrets.ts";

export interface EnrolmentRequest {
  readonly device: string;
  /** Ed25519, 64 hex digits. */
  readonly publicKey: string;
  readonly token: string;
  readonly nonce: string;
  /** Hex, over {@link enrolmentMessage}. */
  readonly signature: string;
  readonly attributes: DeviceAttributes;
}

export interface Enrolments {
  challenge(device: string): { readonly nonce: string; readonly expiresAtMs: number };
  /** @throws ROLLOUT_UNAUTHORIZED, ROLLOUT_EXISTS */
  enrol(request: EnrolmentRequest): Promise<"created" | "same">;
  /** @throws CONFIG_INVALID for a number of uses below 1 */
  createToken(options: { uses: number; expiresAtMs?: number; tags?: readonly string[] }): Promise<string>;
  /** The device for which a token speaks. @throws ROLLOUT_UNAUTHORIZED */
  authenticate(token: string): Promise<DeviceRecord>;
}

/** What the device signs. */
export const enrolmentMessage = (fleet: string, device: string, nonce: string): Uint8Array =>
  new TextEncoder().encode(`flotilla-enrolment\n${fleet}\n${device}\n${nonce}`);

export function createEnrolments(parts: { fleet: string; devices: DeviceStore; clock: Clock }): Enrolments {
  const { fleet, devices, clock } = parts;
  const challenges = createChallenges();
  return {
    challenge: (device) => challenges.issue(device, clock.nowMs()),

    async enrol({ device, publicKey, token, nonce, signature, attributes }) {
      const nowMs = clock.nowMs();
      if (!challenges.isValid(device, nonce, nowMs))
        throw unauthorized("The challenge is not this device's or is over.");
      const key = ed25519PublicKey(Buffer.from(publicKey, "hex"));
      const isOwner = verifySignature(key, enrolmentMessage(fleet, device, nonce), Buffer.from(signature, "hex"));
      if (!isOwner) throw unauthorized("The signature is not by the key that the device names.");
      return await devices.enrol({ device, publicKey, tokenHash: hashSecret(token), attributes, nowMs });
    },

    async createToken({ uses, expiresAtMs, tags }) {
      const token = createSecret();
      await devices.addEnrolmentToken({
        hash: hashSecret(token),
        uses,
        expiresAtMs: expiresAtMs ?? null,
        tags: tags ?? [],
      });
      return token;
    },

    async authenticate(token) {
      const record = await devices.find(peekDeviceToken(token));
      if (record === null || record.revoked)
        throw unauthorized("The device is not enrolled, or its access was revoked.");
      verifyDeviceToken(token, record.publicKey, { fleet, nowMs: clock.nowMs() });
      return record;
    },
  };
}

const unauthorized = (message: string): FlotillaError => new FlotillaError("ROLLOUT_UNAUTHORIZED", message);
