/** Rows of rollout_devices: where devices stand. Shared by the two stores that read and write them. */
import type { DeviceProgress } from "../../domain/device-progress.ts";
import type { Placement } from "../../domain/placement.ts";
import type { StateGroup } from "../../domain/stage-counts.ts";
import { type Database, jsonOf, numberOf, numberOrNull, type Row, textOf, textOrNull } from "./database.ts";

export type PlacedProgress = DeviceProgress & Placement;

export interface ProgressRows {
  find(rollout: string, device: string): PlacedProgress | null;
  save(device: string, progress: PlacedProgress): void;
  /** Devices of the stage arm in groups of those alike, up to and including a stage. */
  groups(rollout: string, upToStage: number): StateGroup[];
  /** Marks those whose deadline has passed; gives their number. */
  age(rollout: string, nowMs: number): number;
  extendDeadlines(rollout: string, byMs: number): void;
  expectRollback(rollout: string, deadlineAtMs: number): void;
}

export function progressRows(db: Database): ProgressRows {
  const select = db.prepare("SELECT * FROM rollout_devices WHERE rollout = ? AND device = ?");
  const upsert = db.prepare(`
    INSERT OR REPLACE INTO rollout_devices (rollout, device, arm, stage, state, timed_out, activated, holds,
      boot_count, boot, sequence, at_ms, deadline_at_ms, variant, code, detail)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const selectGroups = db.prepare(`
    SELECT state, timed_out, activated, holds, count(*) AS devices FROM rollout_devices
    WHERE rollout = ? AND arm = 'stage' AND stage <= ? GROUP BY state, timed_out, activated, holds`);
  const age = db.prepare(`
    UPDATE rollout_devices SET timed_out = 1, deadline_at_ms = NULL WHERE rollout = ? AND deadline_at_ms < ?`);
  const extend = db.prepare(`
    UPDATE rollout_devices SET deadline_at_ms = deadline_at_ms + ? WHERE rollout = ? AND deadline_at_ms IS NOT NULL`);
  const expectRollback = db.prepare(`
    UPDATE rollout_devices SET deadline_at_ms = ?, timed_out = 0 WHERE rollout = ? AND arm = 'stage'
      AND (holds = 1 OR state IN ('offered', 'downloading', 'verifying', 'trialing', 'activated'))`);
  return {
    find(rollout, device) {
      const row = select.get(rollout, device);
      return row === undefined ? null : progressOf(row);
    },
    save(device, progress) {
      const { rollout, arm, stage, position } = progress;
      upsert.run(
        rollout,
        device,
        arm,
        stage,
        progress.state,
        progress.timedOut ? 1 : 0,
        progress.activated ? 1 : 0,
        progress.holds ? 1 : 0,
        position?.bootCount ?? null,
        position?.boot ?? null,
        position?.sequence ?? null,
        position?.atMs ?? null,
        progress.deadlineAtMs,
        progress.variant,
        progress.code,
        JSON.stringify(progress.detail),
      );
    },
    groups: (rollout, upToStage) => selectGroups.all(rollout, upToStage).map(groupOf),
    age: (rollout, nowMs) => age.run(rollout, nowMs).changes,
    extendDeadlines: (rollout, byMs) => void extend.run(byMs, rollout),
    expectRollback: (rollout, deadlineAtMs) => void expectRollback.run(deadlineAtMs, rollout),
  };
}

function groupOf(row: Row): StateGroup {
  return {
    state: textOf(row, "state") as StateGroup["state"],
    timedOut: numberOf(row, "timed_out") === 1,
    activated: numberOf(row, "activated") === 1,
    holds: numberOf(row, "holds") === 1,
    devices: numberOf(row, "devices"),
  };
}

function progressOf(row: Row): PlacedProgress {
  const boot = textOrNull(row, "boot");
  return {
    rollout: textOf(row, "rollout"),
    arm: textOf(row, "arm") === "control" ? "control" : "stage",
    stage: numberOf(row, "stage"),
    state: textOf(row, "state") as DeviceProgress["state"],
    timedOut: numberOf(row, "timed_out") === 1,
    activated: numberOf(row, "activated") === 1,
    holds: numberOf(row, "holds") === 1,
    position:
      boot === null
        ? null
        : {
            bootCount: numberOf(row, "boot_count"),
            boot,
            sequence: numberOf(row, "sequence"),
            atMs: numberOf(row, "at_ms"),
          },
    deadlineAtMs: numberOrNull(row, "deadline_at_ms"),
    variant: textOrNull(row, "variant"),
    code: textOrNull(row, "code"),
    detail: jsonOf(row, "detail"),
  };
}
