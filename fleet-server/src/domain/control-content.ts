/** What a control document says, before it gets its sequence, its times and its signature. */
import type { DeviceDocument, Directive, FleetIndex } from "@flotilla/protocol/documents/control";

type Signed = "sequence" | "issuedAtMs" | "expiresAtMs";

export type ControlContent = Omit<FleetIndex, Signed> | Omit<Directive, Signed> | Omit<DeviceDocument, Signed>;

/**
 * How long a control document lives. Its expiry forbids new activations and nothing else, so a day is short enough
 * against replay; it is published anew at half of it, so that a server may be down for half a day.
 */
export const controlLifetimeMs = 24 * 3600 * 1000;
