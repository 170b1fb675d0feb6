/**
 * Rows of boots and sequences_ahead: which reports of a device's agent starts were taken. A sequence is new once:
 * it is above the watermark and was not seen ahead of it. Sequences start at 1 (protocol: documents/reports.ts).
 */
import { type Database, numberOf } from "./database.ts";

export interface Boot {
  readonly device: string;
  readonly boot: string;
  bootCount: number;
  /** Everything up to here is taken. */
  watermark: number;
}

/** The boots that one transaction touches. */
export interface BootBatch {
  /** Notes how many starts the agent has had at this boot. */
  hello(device: string, boot: string, bootCount: number): void;
  open(device: string, boot: string): Boot;
  /** Takes a sequence, unless it is known or further ahead than {@link maxAhead}. */
  take(boot: Boot, sequence: number): "new" | "known" | "too-far";
  /** Writes what was opened; to be called at the end of the transaction. */
  save(): void;
}

export interface BootRows {
  begin(): BootBatch;
}

/** An outbox that is sent in order is never far ahead; the bound keeps a broken device from filling the table. */
export const maxAhead = 10_000;

export function bootRows(db: Database): BootRows {
  const select = db.prepare("SELECT boot_count, watermark FROM boots WHERE device = ? AND boot = ?");
  const upsert = db.prepare("INSERT OR REPLACE INTO boots (device, boot, boot_count, watermark) VALUES (?, ?, ?, ?)");
  const selectAhead = db.prepare("SELECT 1 FROM sequences_ahead WHERE device = ? AND boot = ? AND sequence = ?");
  const insertAhead = db.prepare("INSERT INTO sequences_ahead (device, boot, sequence) VALUES (?, ?, ?)");
  const deleteAhead = db.prepare("DELETE FROM sequences_ahead WHERE device = ? AND boot = ? AND sequence = ?");
  return { begin };

  function begin(): BootBatch {
    const opened = new Map<string, Boot>();
    const entryOf = (device: string, boot: string): Boot => {
      const name = `${device}/${boot}`;
      const entry = opened.get(name) ?? read(device, boot);
      opened.set(name, entry);
      return entry;
    };
    return {
      open: entryOf,
      hello(device, boot, bootCount) {
        const entry = entryOf(device, boot);
        entry.bootCount = Math.max(entry.bootCount, bootCount);
      },
      take,
      save() {
        for (const { device, boot, bootCount, watermark } of opened.values()) {
          upsert.run(device, boot, bootCount, watermark);
        }
      },
    };
  }

  function read(device: string, boot: string): Boot {
    const row = select.get(device, boot);
    return {
      device,
      boot,
      bootCount: row === undefined ? 0 : numberOf(row, "boot_count"),
      watermark: row === undefined ? 0 : numberOf(row, "watermark"),
    };
  }

  function take(entry: Boot, sequence: number): "new" | "known" | "too-far" {
    const { device, boot, watermark } = entry;
    if (sequence <= watermark) return "known";
    if (sequence > watermark + maxAhead) return "too-far";
    if (selectAhead.get(device, boot, sequence) !== undefined) return "known";
    if (sequence > watermark + 1) {
      insertAhead.run(device, boot, sequence);
      return "new";
    }
    entry.watermark = sequence;
    while (deleteAhead.run(device, boot, entry.watermark + 1).changes > 0) entry.watermark++;
    return "new";
  }
}
