/** Cohorts and rollouts in SQLite. A decision's state and effects are written in the transaction that it was made in. */
import { canonicalJsonText } from "@flotilla/protocol/canonical-json";
import type { CohortEntry } from "@flotilla/protocol/documents/control";
import { FlotillaError } from "@flotilla/protocol/errors";
import { offeredProgress, type ProgressTiming } from "../../domain/device-progress.ts";
import { cohortsNaming } from "../../domain/directive.ts";
import type { PlacedDevice } from "../../domain/placement.ts";
import type { Decision, RolloutEffect } from "../../domain/rollout.ts";
import { isActive, type RolloutState } from "../../domain/rollout-state.ts";
import { awaitedByRollback, countStates } from "../../domain/stage-counts.ts";
import type { RolloutStore, TickSnapshot } from "../../ports/rollout-store.ts";
import { type Database, jsonOf, numberOf, type Row, textOf } from "./database.ts";
import { progressRows } from "./progress-rows.ts";
import { rolloutRows } from "./rollout-rows.ts";
import { runRows } from "./run-rows.ts";

export function sqliteRolloutStore(db: Database): RolloutStore {
  const rollouts = rolloutRows(db);
  const progress = progressRows(db);
  const runs = runRows(db);
  const selectCohort = db.prepare("SELECT id, cel, priority FROM cohorts WHERE id = ?");
  const selectCohorts = db.prepare("SELECT id, cel, priority FROM cohorts ORDER BY id");
  const insertCohort = db.prepare("INSERT INTO cohorts (id, cel, priority) VALUES (?, ?, ?)");
  const insertOrder = db.prepare("INSERT INTO outbox (kind, name) VALUES (?, ?)");
  const insertEvent = db.prepare(
    "INSERT INTO rollout_events (rollout, at_ms, what, stage, reason) VALUES (?, ?, ?, ?, ?)",
  );
  const selectEvents = db.prepare("SELECT * FROM rollout_events WHERE rollout = ? ORDER BY id");
  const unplaceAll = db.prepare("UPDATE devices SET placed = 0 WHERE placed = 1");
  const selectUnplaced = db.prepare("SELECT * FROM devices WHERE placed = 0 ORDER BY device LIMIT ?");
  const countUnplaced = db.prepare("SELECT EXISTS (SELECT 1 FROM devices WHERE placed = 0) AS n");
  const setPlaced = db.prepare("UPDATE devices SET placed = 1 WHERE device = ?");

  function snapshotOf(state: RolloutState): TickSnapshot {
    const { rollout, model, release, control } = state.plan;
    const groups = progress.groups(rollout, Math.max(1, state.current));
    return {
      state,
      placing: numberOf(countUnplaced.get() ?? {}, "n") === 1,
      awaitedByRollback: awaitedByRollback(groups),
      evidence: {
        counts: countStates(groups),
        stage: runs.ofArm(rollout, "stage", release, state.current),
        control: control === undefined ? null : runs.ofArm(rollout, "control", control.release, state.current),
        previous: state.base === null ? null : runs.ofRelease(model, state.base.release),
      },
    };
  }

  function carryOut(rollout: string, effect: RolloutEffect, nowMs: number): void {
    switch (effect.kind) {
      case "publish-directives":
        for (const cohort of effect.cohorts) insertOrder.run("directive", cohort);
        return;
      case "place-devices":
        unplaceAll.run();
        return;
      case "extend-deadlines":
        progress.extendDeadlines(rollout, effect.byMs);
        return;
      case "expect-rollback":
        progress.expectRollback(rollout, effect.deadlineAtMs);
        return;
      case "record-event":
        insertEvent.run(rollout, nowMs, effect.what, effect.stage, effect.reason);
    }
  }

  function store(before: RolloutState, { state, effects }: Decision, nowMs: number): void {
    if (state === before) return;
    rollouts.update(state);
    for (const effect of effects) carryOut(state.plan.rollout, effect, nowMs);
    // A start takes the model out of other directives: those of cohorts that an earlier rollout had included.
    if (before.startedAtMs !== state.startedAtMs) {
      const { model } = state.plan;
      for (const cohort of cohortsNaming(model, rollouts.ofModel(model))) insertOrder.run("directive", cohort);
    }
  }

  return {
    async addCohort(cohort) {
      db.transact(() => {
        const row = selectCohort.get(cohort.id);
        if (row === undefined) {
          insertCohort.run(cohort.id, cohort.cel, cohort.priority);
          insertOrder.run("index", "");
          unplaceAll.run();
        } else if (textOf(row, "cel") !== cohort.cel || numberOf(row, "priority") !== cohort.priority) {
          throw new FlotillaError("ROLLOUT_EXISTS", `There is another cohort ${cohort.id} already.`, {
            details: { cohort: cohort.id, cel: textOf(row, "cel"), priority: numberOf(row, "priority") },
          });
        }
      });
    },

    async cohorts() {
      return selectCohorts.all().map(cohortOf);
    },

    async addRollout(state) {
      return db.transact(() => {
        const known = rollouts.find(state.plan.rollout);
        if (known === null) {
          rollouts.insert(state);
          insertEvent.run(state.plan.rollout, state.createdAtMs, "created", 0, state.reason);
          return state;
        }
        if (canonicalJsonText(known.plan) === canonicalJsonText(state.plan)) return known;
        throw new FlotillaError("ROLLOUT_EXISTS", `There is another rollout ${state.plan.rollout} already.`, {
          details: { rollout: state.plan.rollout, status: known.status },
        });
      });
    },

    async rollouts(model) {
      return rollouts.ofModel(model ?? null);
    },

    async change(rollout, nowMs, decide) {
      return db.transact(() => {
        const before = rollouts.get(rollout);
        const decision = decide(before, rollouts.ofModel(before.plan.model));
        store(before, decision, nowMs);
        return decision.state;
      });
    },

    async tick(rollout, nowMs, decide) {
      return db.transact(() => {
        const state = rollouts.get(rollout);
        // A pause stops the clock for devices that wait for an offer.
        const aged = isActive(state.status) && state.status !== "paused" ? progress.age(rollout, nowMs) : 0;
        const decision = decide(snapshotOf(state));
        store(state, decision, nowMs);
        return aged > 0 || decision.state !== state;
      });
    },

    async look(rollout) {
      return { ...snapshotOf(rollouts.get(rollout)), events: selectEvents.all(rollout).map(eventOf) };
    },

    async place(limit, nowMs, prepare) {
      return db.transact(() => {
        const rows = selectUnplaced.all(limit);
        if (rows.length === 0) return 0;
        const placeDevice = prepare(selectCohorts.all().map(cohortOf), rollouts.ofModel(null));
        for (const row of rows) {
          const device = placedDeviceOf(row);
          for (const placement of placeDevice(device)) {
            const known = progress.find(placement.rollout, device.device);
            if (known !== null && (known.arm === "stage" || placement.arm === "control")) continue;
            const timing = timingOf(rollouts.get(placement.rollout));
            progress.save(device.device, { ...offeredProgress(timing, nowMs), ...placement });
          }
          setPlaced.run(device.device);
        }
        return rows.length;
      });
    },

    async progressOf(rollout, device) {
      return progress.find(rollout, device);
    },
  };
}

/** The deadlines that a rollout's plan gives its devices. */
export function timingOf({ plan }: RolloutState): ProgressTiming {
  return {
    startMs: plan.deadlines.startMs,
    stepMs: plan.deadlines.stepMs,
    probationMs: plan.probation.minMs,
    spreadMs: plan.rate?.spreadMs ?? 0,
  };
}

const cohortOf = (row: Row): CohortEntry => ({
  id: textOf(row, "id"),
  cel: textOf(row, "cel"),
  priority: numberOf(row, "priority"),
});

const eventOf = (row: Row) => ({
  atMs: numberOf(row, "at_ms"),
  what: textOf(row, "what"),
  stage: numberOf(row, "stage"),
  reason: textOf(row, "reason"),
});

function placedDeviceOf(row: Row): PlacedDevice {
  return {
    device: textOf(row, "device"),
    tags: jsonOf(row, "tags"),
    attributes: jsonOf(row, "attributes"),
    pins: jsonOf(row, "pins"),
    revoked: numberOf(row, "revoked") === 1,
  };
}
