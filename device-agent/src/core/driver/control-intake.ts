/**
 * From bytes that claim to be the fleet index, a directive or a device's document to an event: the envelope's signatures
 * by the current `flotilla-directive` keys, strict JSON, the schema. Where the bytes came from does not matter, so MQTT and
 * HTTP share this. What fails is dropped with a code; at worst it costs a trust refresh (fault T7).
 */
import { sha256Hex } from "@flotilla/protocol/digest";
import {
  controlPayloadType,
  deviceDocument,
  directiveDocument,
  fleetIndexDocument,
} from "@flotilla/protocol/documents/control";
import { parseDocument } from "@flotilla/protocol/documents/document";
import { verifyEnvelope } from "@flotilla/protocol/dsse";
import { FlotillaError } from "@flotilla/protocol/errors";
import { parseStrictJson } from "@flotilla/protocol/strict-json";
import type { RoleAuthority } from "@flotilla/protocol/tuf/threshold";
import type { AgentEvent } from "../events.ts";
import type { TrustSession } from "./trust-session.ts";

export type ControlKind = "index" | "directive" | "document";

/** Metadata this young is not fetched again for a signature that does not verify. */
const refreshAgainMs = 5_000;
/** A working refresh is good for this long, as far as control documents go. */
const trustedForMs = 3_600_000;
const limits = { maxBytes: 4 * 1024 * 1024, maxDepth: 16, maxValues: 200_000 };

/** Identifies the keys that may sign control documents, and how many of them must. */
export const controlKeysOf = ({ keys, threshold }: RoleAuthority): string =>
  sha256Hex(new TextEncoder().encode([threshold, ...[...keys.keys()].sort()].join("\n")));

/**
 * The event for verified bytes.
 * @throws INTEGRITY_SIGNATURE, INTEGRITY_EXPIRED, FORMAT_*; TRANSPORT_* if trust could not be refreshed
 */
export async function readControl(
  kind: ControlKind,
  bytes: Uint8Array,
  trust: TrustSession,
  nowMs: number,
): Promise<AgentEvent> {
  await trust.refresh(trustedForMs);
  let payload: Uint8Array;
  try {
    payload = verify(bytes, trust);
  } catch (error) {
    if (!(error instanceof FlotillaError) || !error.code.startsWith("INTEGRITY_")) throw error;
    // The keys may have been rotated since.
    await trust.refresh(refreshAgainMs);
    payload = verify(bytes, trust);
  }
  const event = eventOf(kind, parseStrictJson(payload, limits), nowMs);
  const { issuedAtMs } = event.document;
  // The device's time never goes below what it was shown. A date behind the end of what engineers signed offline is no
  // date of a sound server, and taken for one it would make all metadata look expired, new one too, for good.
  if (issuedAtMs >= trust.expiresMs()) await trust.refresh(refreshAgainMs);
  if (issuedAtMs < trust.expiresMs()) return event;
  throw new FlotillaError(
    "INTEGRITY_EXPIRED",
    `A ${kind} says that it was issued after the trusted metadata expires.`,
    {
      details: { issuedAtMs, expiresMs: trust.expiresMs() },
    },
  );
}

function eventOf(kind: ControlKind, value: unknown, nowMs: number) {
  switch (kind) {
    case "index":
      return { kind: "index-received", nowMs, document: parseDocument(fleetIndexDocument, value) } as const;
    case "directive":
      return { kind: "directive-received", nowMs, document: parseDocument(directiveDocument, value) } as const;
    case "document":
      return { kind: "document-received", nowMs, document: parseDocument(deviceDocument, value) } as const;
  }
}

function verify(bytes: Uint8Array, trust: TrustSession): Uint8Array {
  const { keys, threshold } = trust.directiveAuthority();
  return verifyEnvelope(bytes, keys, threshold, controlPayloadType);
}
