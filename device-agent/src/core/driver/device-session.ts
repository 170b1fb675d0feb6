/**
 * The device's authenticated talk with the server over HTTP: every request carries a fresh token signed with the
 * device's own key (protocol/device-token.ts), renewed before it ends and whenever the server refuses it.
 */
import { createDeviceToken, deviceTokenLifetimeS } from "@flotilla/protocol/device-token";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Signer } from "@flotilla/protocol/public-key";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Clock } from "../../ports/clock.ts";
import type { Entropy } from "../../ports/entropy.ts";
import type { HttpAnswer, HttpRequest, HttpStream, HttpTransport } from "../../ports/http-transport.ts";

export interface DeviceSession {
  /** A token good for at least another minute: the password of MQTT and the bearer of HTTP. */
  token(): Promise<string>;
  send(request: HttpRequest): Promise<HttpAnswer>;
  stream(path: string, headers: Readonly<Record<string, string>>): Promise<HttpStream>;
}

/** Renewed this long before a token ends. */
const renewBeforeMs = 120_000;

export function deviceSession(parts: {
  readonly fleet: string;
  readonly device: string;
  readonly signer: Pick<Signer, "sign">;
  readonly http: HttpTransport;
  readonly clock: Clock;
  readonly entropy: Entropy;
}): DeviceSession {
  const { fleet, device, signer, http, clock, entropy } = parts;
  let held: { readonly text: string; readonly madeAtMs: number } | null = null;

  async function token(): Promise<string> {
    // Measured on the clock that does not jump, and thrown away with any refusal.
    const now = clock.monotonicMs();
    if (held !== null && now - held.madeAtMs < deviceTokenLifetimeS * 1000 - renewBeforeMs) return held.text;
    const claims = { device, fleet, nowMs: clock.nowMs(), tokenId: bytesToHex(entropy.bytes(16)) };
    const text = await createDeviceToken(claims, signer);
    held = { text, madeAtMs: now };
    return text;
  }

  const authorized = async (headers: Readonly<Record<string, string>> = {}): Promise<Record<string, string>> => ({
    ...headers,
    authorization: `Bearer ${await token()}`,
  });

  return {
    token,
    async send(request) {
      const answer = await http.send({ ...request, headers: await authorized(request.headers) });
      if (answer.status === 401) held = null;
      return answer;
    },
    async stream(path, headers) {
      const stream = await http.stream(path, await authorized(headers));
      if (stream.status === 401) held = null;
      return stream;
    },
  };
}

/** The error for an answer that is not what was asked for. */
export function unexpectedStatus(path: string, status: number): FlotillaError {
  const code = status === 401 || status === 403 ? "ROLLOUT_UNAUTHORIZED" : "TRANSPORT_STATUS";
  return new FlotillaError(code, `The server answered ${path} with status ${status}.`, { details: { path, status } });
}
