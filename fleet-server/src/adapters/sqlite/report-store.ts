/**
 * Reports in SQLite: one transaction for a whole batch, each report counted once by (device, boot, sequence).
 * Per boot the watermark is the highest sequence below which nothing is missing; that is what gets acknowledged.
 */
import type { Ack, Hello, Metrics, Status } from "@flotilla/protocol/documents/reports";
import { FlotillaError } from "@flotilla/protocol/errors";
import { sketchQuantile } from "@flotilla/protocol/sketch";
import { applyStatus, offeredProgress } from "../../domain/device-progress.ts";
import type { RolloutState } from "../../domain/rollout-state.ts";
import type { Report, ReportStore } from "../../ports/report-store.ts";
import { type Boot, bootRows } from "./boot-rows.ts";
import type { Database } from "./database.ts";
import { progressRows } from "./progress-rows.ts";
import { rolloutRows } from "./rollout-rows.ts";
import { timingOf } from "./rollout-store.ts";
import { addRuns, emptyRuns, type RunKey, type RunSum, runRows } from "./run-rows.ts";

export function sqliteReportStore(db: Database): ReportStore {
  const bootsOf = bootRows(db);
  const rollouts = rolloutRows(db);
  const progress = progressRows(db);
  const runs = runRows(db);
  const selectDevice = db.prepare("SELECT 1 FROM devices WHERE device = ? AND revoked = 0");
  // Attributes that change may move the device into other cohorts, so it has to be placed again.
  const saveHello = db.prepare(`
    UPDATE devices SET placed = CASE WHEN attributes = ?2 THEN placed ELSE 0 END, attributes = ?2, models = ?3, models_from = '{}',
      agent_version = ?4, seen_at_ms = ?5, hello_boot_count = ?6
    WHERE device = ?1 AND hello_boot_count <= ?6`);
  const selectModels = db.prepare("SELECT models, models_from, hello_boot_count FROM devices WHERE device = ?");
  const saveModels = db.prepare("UPDATE devices SET models = ?, models_from = ? WHERE device = ?");
  const saveSeen = db.prepare("UPDATE devices SET seen_at_ms = ? WHERE device = ?");

  function applyHello(hello: Hello, nowMs: number): void {
    const attributes = JSON.stringify(hello.attributes);
    const models = JSON.stringify(hello.models);
    saveHello.run(hello.device, attributes, models, hello.agentVersion, nowMs, hello.bootCount);
  }

  /** What the device says it runs, unless something newer has said so already. */
  function applyRunning({ device, model, sequence, running, runningVariant }: Status, { bootCount }: Boot): void {
    const row = selectModels.get(device);
    if (row === undefined || bootCount < Number(row.hello_boot_count)) return;
    const from = JSON.parse(String(row.models_from)) as Record<string, readonly [number, number]>;
    const [knownBoot, knownSequence] = from[model] ?? [-1, -1];
    if (bootCount < knownBoot || (bootCount === knownBoot && sequence <= knownSequence)) return;
    const models = JSON.parse(String(row.models)) as Record<string, { release: string; variant: string }>;
    if (running === null) delete models[model];
    else models[model] = { release: running, variant: runningVariant ?? "unknown" };
    from[model] = [bootCount, sequence];
    saveModels.run(JSON.stringify(models), JSON.stringify(from), device);
  }

  function applyStatusReport(status: Status, boot: Boot, nowMs: number): void {
    applyRunning(status, boot);
    const state = rollouts.find(status.rollout);
    const { plan } = state ?? {};
    if (state === null || state.startedAtMs === null || plan?.model !== status.model) return;
    if (plan.release !== status.release) return;
    const timing = timingOf(state);
    // The device is the judge of its own membership: one that reports is in, even if it was not placed yet.
    const known = progress.find(status.rollout, status.device);
    const before =
      known?.arm === "stage"
        ? known
        : { ...offeredProgress(timing, nowMs), rollout: status.rollout, arm: "stage" as const, stage: state.current };
    const position = {
      bootCount: boot.bootCount,
      boot: status.boot,
      sequence: status.sequence,
      atMs: status.atMs,
    };
    const after = applyStatus(before, status, position, timing, nowMs);
    if (after !== before || known === null) progress.save(status.device, { ...before, ...after });
  }

  /** Under which rollout a device's runs count: the latest started one that has it, in the arm of that release. */
  function runKeyOf(metrics: Metrics, states: readonly RolloutState[]): RunKey {
    const { model, release, variant, device } = metrics;
    for (const { plan } of states) {
      const arms = [plan.release === release ? "stage" : "", plan.control?.release === release ? "control" : ""];
      const placed = arms.some((arm) => arm !== "") ? progress.find(plan.rollout, device) : null;
      if (placed !== null && arms.includes(placed.arm)) {
        return { model, release, variant, rollout: plan.rollout, arm: placed.arm, stage: placed.stage };
      }
    }
    return { model, release, variant, rollout: "", arm: "", stage: 0 };
  }

  function batchOfRuns() {
    const sums = new Map<string, RunSum>();
    const startedOf = new Map<string, readonly RolloutState[]>();
    const started = (model: string): readonly RolloutState[] => {
      const known = startedOf.get(model);
      if (known !== undefined) return known;
      const states = rollouts
        .ofModel(model)
        .filter((state) => state.startedAtMs !== null)
        .sort((a, b) => (b.startedAtMs ?? 0) - (a.startedAtMs ?? 0));
      startedOf.set(model, states);
      return states;
    };
    return {
      add(metrics: Metrics): void {
        const key = runKeyOf(metrics, started(metrics.model));
        const name = `${key.model}/${key.release}/${key.variant}/${key.rollout}/${key.arm}/${key.stage}`;
        const sum = sums.get(name) ?? emptyRuns(key);
        sums.set(name, sum);
        addRuns(sum, metrics);
      },
      store: () => sums.forEach((sum) => void runs.add(sum)),
    };
  }

  return {
    async commit(reports, nowMs) {
      return db.transact(() => {
        const boots = bootsOf.begin();
        const acks = new Map<string, Ack>();
        const outcome = { applied: 0, duplicates: 0, refused: 0 };
        const runsOfBatch = batchOfRuns();
        for (const report of reports) {
          const { device, boot: bootId, sequence } = headOf(report);
          if (selectDevice.get(device) === undefined) {
            outcome.refused++;
            continue;
          }
          if (report.kind === "hello") {
            boots.hello(device, bootId, report.hello.bootCount);
            applyHello(report.hello, nowMs);
          }
          const boot = boots.open(device, bootId);
          if (sequence !== null) {
            const verdict = boots.take(boot, sequence);
            if (verdict === "new") {
              outcome.applied++;
              if (report.kind === "status") applyStatusReport(report.status, boot, nowMs);
              if (report.kind === "metrics") addIfUsable(() => runsOfBatch.add(report.metrics));
            } else if (verdict === "known") outcome.duplicates++;
            else outcome.refused++;
            saveSeen.run(nowMs, device);
          } else outcome.applied++;
          if (boot.watermark > 0) acks.set(`${device}/${bootId}`, ackOf(boot));
        }
        runsOfBatch.store();
        boots.save();
        return { acks: [...acks.values()], ...outcome };
      });
    },

    async runsOf(model, release) {
      return runs.byVariant(model, release ?? null).map(({ release: id, variant, runs: merged }) => ({
        release: id,
        variant,
        runs: merged.runs,
        errors: merged.errors,
        latencyP50Ms: sketchQuantile(merged.latencyMs, 0.5),
        latencyP95Ms: sketchQuantile(merged.latencyMs, 0.95),
        confidenceP50: sketchQuantile(merged.confidence, 0.5),
        accuracy: merged.labelledRuns === 0 ? null : merged.correct / merged.labelledRuns,
        labelled: merged.labelledRuns,
      }));
    },
  };
}

function headOf(report: Report): { device: string; boot: string; sequence: number | null } {
  switch (report.kind) {
    case "hello":
      return { device: report.hello.device, boot: report.hello.boot, sequence: null };
    case "status":
      return report.status;
    case "metrics":
      return report.metrics;
    case "unusable":
      return report;
  }
}

const ackOf = (boot: Boot): Ack => ({
  type: "flotilla/ack",
  version: 1,
  device: boot.device,
  boot: boot.boot,
  sequence: boot.watermark,
});

/** A sketch that cannot be read has no effect; its sequence is taken all the same, or it would block the outbox. */
function addIfUsable(add: () => void): void {
  try {
    add();
  } catch (error) {
    if (!(error instanceof FlotillaError) || error.code !== "FORMAT_DOCUMENT") throw error;
  }
}
