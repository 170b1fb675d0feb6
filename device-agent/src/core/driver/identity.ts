/**
 * Who the device is: an Ed25519 key made on the device and never leaving it, and what enrolment gave it. The key is on
 * disk before the server hears of it, so that an enrolment that was cut off is repeated with the same key
 * (facts: device identity; api: POST /v1/enrolment).
 */

import type { DeviceAttributes } from "@flotilla/protocol/documents/reports";
import { FlotillaError } from "@flotilla/protocol/errors";
import { ed25519PublicKey, keyIdOf, type Signer } from "@flotilla/protocol/public-key";
import { parseStrictJson } from "@flotilla/protocol/strict-json";
import { ed25519 } from "@noble/curves/ed25519.js";
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import type { DeviceStorage } from "../../ports/device-storage.ts";
import type { Entropy } from "../../ports/entropy.ts";
import type { HttpTransport } from "../../ports/http-transport.ts";
import { paths } from "./layout.ts";
import { openSealedJson, sealJson } from "./sealed-json.ts";

export interface Enrolled {
  readonly device: string;
  readonly fleet: string;
  readonly mqttUrl: string;
  readonly signer: Signer;
}

interface StoredIdentity {
  readonly device: string;
  readonly secretKey: string;
  /** Absent until the server has accepted the key. */
  readonly fleet?: string;
  readonly mqttUrl?: string;
}

const maxAnswerBytes = 16 * 1024;

/**
 * The device's identity: the stored one, else a new one enrolled with `token`.
 * @throws ROLLOUT_UNAUTHORIZED without a token, or if the server refuses it; ROLLOUT_EXISTS if the id has another key;
 *   IO_STATE_CORRUPT if the key file is damaged: only an operator can tell whether this is still the same device
 */
export async function establishIdentity(
  parts: { readonly storage: DeviceStorage; readonly http: HttpTransport; readonly entropy: Entropy },
  device: string,
  options: { readonly token?: string; readonly attributes: DeviceAttributes },
): Promise<Enrolled> {
  const { storage, http, entropy } = parts;
  const stored = (await readIdentity(storage, device)) ?? {
    device,
    secretKey: bytesToHex(ed25519.keygen(entropy.bytes(32)).secretKey),
  };
  const signer = signerOf(stored.secretKey);
  if (stored.fleet !== undefined && stored.mqttUrl !== undefined) {
    // The broker may have moved since; without an answer the old address is tried.
    const mqttUrl = (await askMqttUrl(http)) ?? stored.mqttUrl;
    return { device, fleet: stored.fleet, mqttUrl, signer };
  }
  if (options.token === undefined) {
    throw new FlotillaError(
      "ROLLOUT_UNAUTHORIZED",
      `${device} is not enrolled; start it once with an enrolment token.`,
    );
  }
  await storage.write(paths.identity, sealJson(stored));
  const enrolled = await enrol(http, device, signer, options.token, options.attributes);
  await storage.write(paths.identity, sealJson({ ...stored, ...enrolled }));
  return { device, ...enrolled, signer };
}

async function readIdentity(storage: DeviceStorage, device: string): Promise<StoredIdentity | null> {
  const bytes = await storage.read(paths.identity);
  if (bytes === null) return null;
  const value = openSealedJson(bytes) as Partial<StoredIdentity> | undefined;
  if (typeof value?.secretKey !== "string" || typeof value.device !== "string") {
    throw new FlotillaError("IO_STATE_CORRUPT", `The device's key file ${paths.identity} is damaged; enrol it anew.`);
  }
  if (value.device !== device) {
    throw new FlotillaError("CONFIG_INVALID", `This folder belongs to ${value.device}, not to ${device}.`);
  }
  return { ...value, device, secretKey: value.secretKey };
}

async function enrol(
  http: HttpTransport,
  device: string,
  signer: Signer,
  token: string,
  attributes: DeviceAttributes,
): Promise<{ fleet: string; mqttUrl: string }> {
  const { fleet } = await fleetInfo(http);
  const challenge = await post(http, "/v1/enrolment/challenge", { device });
  const nonce = textIn(challenge, "nonce");
  const message = new TextEncoder().encode(`flotilla-enrolment\n${fleet}\n${device}\n${nonce}`);
  const signature = bytesToHex(await signer.sign(message));
  const publicKey = signer.publicKey.keyval.public;
  const body = { device, publicKey, token, nonce, signature, attributes };
  const answer = await post(http, "/v1/enrolment", body);
  return { fleet: textIn(answer, "fleet"), mqttUrl: textIn(answer, "mqttUrl") };
}

async function askMqttUrl(http: HttpTransport): Promise<string | null> {
  try {
    return (await fleetInfo(http)).mqttUrl;
  } catch {
    return null; // offline: nothing to learn, and no reason not to start
  }
}

async function fleetInfo(http: HttpTransport): Promise<{ fleet: string; mqttUrl: string }> {
  const answer = await http.send({ method: "GET", path: "/v1/fleet", maxBytes: maxAnswerBytes });
  const value = readAnswer("/v1/fleet", answer.status, answer.body);
  return { fleet: textIn(value, "fleet"), mqttUrl: textIn(value, "mqttUrl") };
}

async function post(http: HttpTransport, path: string, value: unknown): Promise<unknown> {
  const body = new TextEncoder().encode(JSON.stringify(value));
  const headers = { "content-type": "application/json" };
  const answer = await http.send({ method: "POST", path, headers, body, maxBytes: maxAnswerBytes });
  return readAnswer(path, answer.status, answer.body);
}

function readAnswer(path: string, status: number, body: Uint8Array): unknown {
  if (status === 200 || status === 201) return parseStrictJson(body);
  const code =
    status === 401 || status === 403
      ? "ROLLOUT_UNAUTHORIZED"
      : status === 409
        ? "ROLLOUT_EXISTS"
        : status === 429
          ? "ROLLOUT_RATE_LIMITED"
          : "TRANSPORT_STATUS";
  throw new FlotillaError(code, `The server answered ${path} with status ${status}.`, { details: { path, status } });
}

function textIn(value: unknown, field: string): string {
  const found = typeof value === "object" && value !== null ? Reflect.get(value, field) : undefined;
  if (typeof found === "string") return found;
  throw new FlotillaError("FORMAT_DOCUMENT", `The server's answer has no text in ${field}.`);
}

function signerOf(secretKeyHex: string): Signer {
  const secretKey = hexToBytes(secretKeyHex);
  const publicKey = ed25519PublicKey(ed25519.getPublicKey(secretKey));
  return { keyid: keyIdOf(publicKey), publicKey, sign: async (bytes) => ed25519.sign(bytes, secretKey) };
}
