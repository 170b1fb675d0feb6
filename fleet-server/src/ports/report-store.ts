/** The hot path: devices' reports in, one transaction for many, each counted once. */
import type { Ack, Hello, Metrics, Status } from "@flotilla/protocol/documents/reports";

/** A report that was decoded. `unusable`: its sequence is to be acknowledged, but it has no effect. */
export type Report =
  | { readonly kind: "hello"; readonly hello: Hello }
  | { readonly kind: "status"; readonly status: Status }
  | { readonly kind: "metrics"; readonly metrics: Metrics }
  | { readonly kind: "unusable"; readonly device: string; readonly boot: string; readonly sequence: number };

export interface CommitOutcome {
  /** One per device and boot that the batch touched, where there is anything to acknowledge. */
  readonly acks: readonly Ack[];
  /** Reports that had their effect. */
  readonly applied: number;
  /** Reports that had been counted before. */
  readonly duplicates: number;
  /** Reports too far ahead of what was seen, or of a device that is not enrolled: no effect, no acknowledgement. */
  readonly refused: number;
}

/** Runs of a release by variant. */
export interface VariantRuns {
  readonly release: string;
  readonly variant: string;
  readonly runs: number;
  readonly errors: number;
  readonly latencyP50Ms: number | null;
  readonly latencyP95Ms: number | null;
  readonly confidenceP50: number | null;
  readonly accuracy: number | null;
  readonly labelled: number;
}

export interface ReportStore {
  /** Commits all or nothing; when it resolves, the reports are on disk. */
  commit(reports: readonly Report[], nowMs: number): Promise<CommitOutcome>;
  runsOf(model: string, release?: string): Promise<readonly VariantRuns[]>;
}
