/** Devices, the tokens by which they join, and the operators' tokens. Each method is one transaction. */
import type { DeviceAttributes } from "@flotilla/protocol/documents/reports";

export interface DeviceRecord {
  readonly device: string;
  /** Ed25519, 64 hex digits. */
  readonly publicKey: string;
  readonly enrolledAtMs: number;
  readonly revoked: boolean;
  readonly tags: readonly string[];
  /** model → release. */
  readonly pins: Readonly<Record<string, string>>;
  readonly attributes: DeviceAttributes;
  /** model → what runs, by its last hello. */
  readonly models: Readonly<Record<string, { readonly release: string; readonly variant: string }>>;
  readonly agentVersion: string | null;
  readonly seenAtMs: number | null;
}

export interface Enrolment {
  readonly device: string;
  readonly publicKey: string;
  readonly tokenHash: string;
  readonly attributes: DeviceAttributes;
  readonly nowMs: number;
}

export interface EnrolmentToken {
  readonly hash: string;
  readonly uses: number;
  readonly expiresAtMs: number | null;
  /** Given to devices that join by it. */
  readonly tags: readonly string[];
}

export interface DeviceChange {
  readonly tags?: readonly string[];
  readonly pins?: Readonly<Record<string, string>>;
  readonly revoked?: true;
}

export interface DeviceFilter {
  readonly tag?: string;
  /** Devices after this id, in the order of ids. */
  readonly after?: string;
  readonly limit: number;
}

export interface DeviceStore {
  /**
   * Admits a device and uses up one use of its token. The same device with the same key again changes nothing.
   * @throws ROLLOUT_UNAUTHORIZED for a token that is unknown, used up or expired; ROLLOUT_EXISTS for another key
   */
  enrol(enrolment: Enrolment): Promise<"created" | "same">;
  find(device: string): Promise<DeviceRecord | null>;
  list(filter: DeviceFilter): Promise<readonly DeviceRecord[]>;
  /** Changes what the operator says about a device, and orders its document to be published. @throws ROLLOUT_NOT_FOUND */
  amend(device: string, change: DeviceChange): Promise<DeviceRecord>;
  addEnrolmentToken(token: EnrolmentToken): Promise<void>;
  /** Keeps the hash of an operator's token, unless `onlyFirst` and there is one already; tells whether it did. */
  addOperatorToken(hash: string, onlyFirst: boolean): Promise<boolean>;
  isOperator(tokenHash: string): Promise<boolean>;
}
