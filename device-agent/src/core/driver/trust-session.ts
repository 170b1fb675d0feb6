/**
 * The agent's use of its TUF client (core/trust): refreshed when it is old, never twice at a time, always at a time that
 * is not below what signed documents have shown.
 */
import { directiveRole } from "@flotilla/protocol/documents/control";
import type { RoleAuthority } from "@flotilla/protocol/tuf/threshold";
import type { Clock } from "../../ports/clock.ts";
import type { TrustClient, TrustedTarget } from "../trust/trust-client.ts";

export interface TrustSession {
  /** Refreshes unless that was done within `maxAgeMs`. @throws as {@link TrustClient.refresh} */
  refresh(maxAgeMs: number): Promise<void>;
  findTarget(path: string): Promise<TrustedTarget>;
  /** When the first of the trusted roles expires; 0 before the first refresh. */
  expiresMs(): number;
  /** Who may sign control documents now. */
  directiveAuthority(): RoleAuthority;
}

export function trustSession(client: TrustClient, clock: Clock, floorMs: () => number): TrustSession {
  let refreshedAtMs: number | null = null;
  let running: Promise<void> | null = null;
  let expiresMs = 0;

  async function refreshNow(): Promise<void> {
    ({ expiresMs } = await client.refresh(Math.max(clock.nowMs(), floorMs())));
    refreshedAtMs = clock.monotonicMs();
  }

  return {
    async refresh(maxAgeMs) {
      if (refreshedAtMs !== null && clock.monotonicMs() - refreshedAtMs <= maxAgeMs) return;
      running ??= refreshNow().finally(() => {
        running = null;
      });
      await running;
    },
    expiresMs: () => expiresMs,
    findTarget: (path) => client.findTarget(path),
    directiveAuthority: () => client.keysForRole(directiveRole),
  };
}
