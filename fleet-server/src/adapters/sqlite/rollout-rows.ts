/** Rows of rollouts: the state as JSON beside the columns that queries need. */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { RolloutState } from "../../domain/rollout-state.ts";
import { type Database, jsonOf } from "./database.ts";

export interface RolloutRows {
  /** @throws ROLLOUT_NOT_FOUND */
  get(rollout: string): RolloutState;
  find(rollout: string): RolloutState | null;
  ofModel(model: string | null): RolloutState[];
  insert(state: RolloutState): void;
  update(state: RolloutState): void;
}

export function rolloutRows(db: Database): RolloutRows {
  const select = db.prepare("SELECT state FROM rollouts WHERE rollout = ?");
  const selectModel = db.prepare(
    "SELECT state FROM rollouts WHERE ? IS NULL OR model = ? ORDER BY created_at_ms, rollout",
  );
  const insert = db.prepare(
    "INSERT INTO rollouts (rollout, model, status, state, created_at_ms) VALUES (?, ?, ?, ?, ?)",
  );
  const update = db.prepare("UPDATE rollouts SET status = ?, state = ? WHERE rollout = ?");
  const find = (rollout: string): RolloutState | null => {
    const row = select.get(rollout);
    return row === undefined ? null : jsonOf<RolloutState>(row, "state");
  };
  return {
    find,
    get(rollout) {
      const state = find(rollout);
      if (state !== null) return state;
      throw new FlotillaError("ROLLOUT_NOT_FOUND", `There is no rollout ${rollout}.`, { details: { rollout } });
    },
    ofModel: (model) => selectModel.all(model, model).map((row) => jsonOf<RolloutState>(row, "state")),
    insert(state) {
      insert.run(state.plan.rollout, state.plan.model, state.status, JSON.stringify(state), state.createdAtMs);
    },
    update(state) {
      update.run(state.status, JSON.stringify(state), state.plan.rollout);
    },
  };
}
