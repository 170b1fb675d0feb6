/** Devices and tokens in SQLite. Tokens are kept as hashes only. */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { DeviceRecord, DeviceStore } from "../../ports/device-store.ts";
import { type Database, jsonOf, numberOf, numberOrNull, type Row, textOf, textOrNull } from "./database.ts";

export function sqliteDeviceStore(db: Database): DeviceStore {
  const selectDevice = db.prepare("SELECT * FROM devices WHERE device = ?");
  const selectPage = db.prepare(`
    SELECT * FROM devices
    WHERE device > ? AND (? IS NULL OR EXISTS (SELECT 1 FROM json_each(tags) WHERE json_each.value = ?))
    ORDER BY device LIMIT ?`);
  const insertDevice = db.prepare(`
    INSERT INTO devices (device, public_key, enrolled_at_ms, tags, pins, attributes, models)
    VALUES (?, ?, ?, ?, '{}', ?, '{}')`);
  const updateDevice = db.prepare("UPDATE devices SET tags = ?, pins = ?, revoked = ?, placed = 0 WHERE device = ?");
  const selectToken = db.prepare("SELECT * FROM enrolment_tokens WHERE hash = ?");
  const insertToken = db.prepare(
    "INSERT INTO enrolment_tokens (hash, uses_left, expires_at_ms, tags) VALUES (?, ?, ?, ?)",
  );
  const useToken = db.prepare("UPDATE enrolment_tokens SET uses_left = uses_left - 1 WHERE hash = ? AND uses_left > 0");
  const insertOrder = db.prepare("INSERT INTO outbox (kind, name) VALUES ('device', ?)");
  const countOperators = db.prepare("SELECT count(*) AS n FROM operator_tokens");
  const insertOperator = db.prepare("INSERT OR IGNORE INTO operator_tokens (hash) VALUES (?)");
  const selectOperator = db.prepare("SELECT 1 FROM operator_tokens WHERE hash = ?");

  return {
    async enrol({ device, publicKey, tokenHash, attributes, nowMs }) {
      return db.transact(() => {
        const known = selectDevice.get(device);
        const isSame =
          known !== undefined && textOf(known, "public_key") === publicKey && numberOf(known, "revoked") === 0;
        if (isSame) return "same";
        const token = selectToken.get(tokenHash);
        const expiresAtMs = token === undefined ? null : numberOrNull(token, "expires_at_ms");
        const isExpired = expiresAtMs !== null && expiresAtMs <= nowMs;
        if (token === undefined || isExpired || useToken.run(tokenHash).changes === 0) {
          throw new FlotillaError("ROLLOUT_UNAUTHORIZED", "The enrolment token is unknown, used up or expired.");
        }
        // Only who has a token is told which devices there are; the use of it is undone with the transaction.
        if (known !== undefined) {
          throw new FlotillaError("ROLLOUT_EXISTS", `Device ${device} is enrolled already, with another key.`, {
            details: { device },
          });
        }
        insertDevice.run(device, publicKey, nowMs, textOf(token, "tags"), JSON.stringify(attributes));
        if (textOf(token, "tags") !== "[]") insertOrder.run(device);
        return "created";
      });
    },

    async find(device) {
      const row = selectDevice.get(device);
      return row === undefined ? null : recordOf(row);
    },

    async list({ tag, after, limit }) {
      return selectPage.all(after ?? "", tag ?? null, tag ?? null, limit).map(recordOf);
    },

    async amend(device, change) {
      return db.transact(() => {
        const row = selectDevice.get(device);
        if (row === undefined) {
          throw new FlotillaError("ROLLOUT_NOT_FOUND", `There is no device ${device}.`, { details: { device } });
        }
        const next = { ...recordOf(row), ...change };
        updateDevice.run(JSON.stringify(next.tags), JSON.stringify(next.pins), next.revoked ? 1 : 0, device);
        insertOrder.run(device);
        return next;
      });
    },

    async addEnrolmentToken({ hash, uses, expiresAtMs, tags }) {
      db.transact(() => insertToken.run(hash, uses, expiresAtMs, JSON.stringify(tags)));
    },

    async addOperatorToken(hash, onlyFirst) {
      return db.transact(() => {
        if (onlyFirst && numberOf(countOperators.get() ?? {}, "n") > 0) return false;
        return insertOperator.run(hash).changes > 0;
      });
    },

    async isOperator(tokenHash) {
      return selectOperator.get(tokenHash) !== undefined;
    },
  };
}

function recordOf(row: Row): DeviceRecord {
  return {
    device: textOf(row, "device"),
    publicKey: textOf(row, "public_key"),
    enrolledAtMs: numberOf(row, "enrolled_at_ms"),
    revoked: numberOf(row, "revoked") === 1,
    tags: jsonOf(row, "tags"),
    pins: jsonOf(row, "pins"),
    attributes: jsonOf(row, "attributes"),
    models: jsonOf(row, "models"),
    agentVersion: textOrNull(row, "agent_version"),
    seenAtMs: numberOrNull(row, "seen_at_ms"),
  };
}
