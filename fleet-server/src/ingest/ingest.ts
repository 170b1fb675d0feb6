/**
 * Takes in reports by the batch: whatever arrives within a few milliseconds becomes one transaction, and only when
 * that is on disk are the acknowledgements given out. If a batch fails, its parts are tried one by one, so that one
 * report cannot hold up the others. Order within a device is kept.
 */
import type { Ack } from "@flotilla/protocol/documents/reports";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Clock } from "../ports/clock.ts";
import type { CommitOutcome, Report, ReportStore } from "../ports/report-store.ts";

export interface IngestCounters {
  /** Messages that could not be read as a report of their sender. */
  malformed: number;
  applied: number;
  duplicates: number;
  refused: number;
  /** Batches that the store did not take. */
  failed: number;
}

export interface Ingest {
  readonly counters: IngestCounters;
  /**
   * Resolves, with the acknowledgements for the boots in it, when the reports are on disk.
   * @throws ROLLOUT_RATE_LIMITED if too much is waiting already; what the store throws if it cannot commit
   */
  submit(reports: readonly Report[]): Promise<readonly Ack[]>;
  /** Resolves when nothing is waiting any more. */
  settled(): Promise<void>;
}

interface Submission {
  readonly reports: readonly Report[];
  readonly done: PromiseWithResolvers<readonly Ack[]>;
}

/** Long enough to make batches of a burst, too short to be noticed. */
const windowMs = 4;
/** One transaction's worth; keeps the event loop free for the broker in between. */
const batchReports = 1000;
/** About 20 MB of reports; a server that is this far behind has to say so. */
const maxWaiting = 20_000;

export function createIngest(parts: {
  readonly store: ReportStore;
  readonly clock: Clock;
  readonly onCommitted: () => void;
}): Ingest {
  const counters: IngestCounters = { malformed: 0, applied: 0, duplicates: 0, refused: 0, failed: 0 };
  const waiting: Submission[] = [];
  let waitingReports = 0;
  let flushing: Promise<void> | null = null;

  function take(): Submission[] {
    let count = 0;
    const end = waiting.findIndex((submission) => {
      count += submission.reports.length;
      return count > batchReports;
    });
    const batch = waiting.splice(0, end === -1 ? waiting.length : Math.max(1, end));
    for (const { reports } of batch) waitingReports -= reports.length;
    return batch;
  }

  function note({ applied, duplicates, refused }: CommitOutcome): void {
    counters.applied += applied;
    counters.duplicates += duplicates;
    counters.refused += refused;
  }

  async function commit(batch: readonly Submission[]): Promise<void> {
    try {
      const outcome = await parts.store.commit(
        batch.flatMap(({ reports }) => reports),
        parts.clock.nowMs(),
      );
      note(outcome);
      for (const { reports, done } of batch) done.resolve(acksFor(reports, outcome.acks));
    } catch (error) {
      const [only] = batch;
      if (batch.length === 1 && only !== undefined) {
        counters.failed++;
        only.done.reject(error);
        return;
      }
      for (const submission of batch) await commit([submission]);
    }
  }

  async function flush(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, windowMs));
    while (waiting.length > 0) {
      await commit(take());
      parts.onCommitted();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  return {
    counters,
    submit(reports) {
      if (waitingReports + reports.length > maxWaiting) {
        const error = new FlotillaError("ROLLOUT_RATE_LIMITED", "Too many reports are waiting; try again in a second.");
        return Promise.reject(error);
      }
      const done = Promise.withResolvers<readonly Ack[]>();
      waiting.push({ reports, done });
      waitingReports += reports.length;
      flushing ??= flush().finally(() => {
        flushing = null;
      });
      return done.promise;
    },
    async settled() {
      while (flushing !== null) await flushing;
    },
  };
}

function acksFor(reports: readonly Report[], acks: readonly Ack[]): Ack[] {
  const boots = new Set(
    reports.map((report) => {
      const { device, boot } =
        report.kind === "hello"
          ? report.hello
          : report.kind === "status"
            ? report.status
            : report.kind === "metrics"
              ? report.metrics
              : report;
      return `${device}/${boot}`;
    }),
  );
  return acks.filter(({ device, boot }) => boots.has(`${device}/${boot}`));
}
