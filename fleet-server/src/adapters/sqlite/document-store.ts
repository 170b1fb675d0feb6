/** Published documents and the outbox in SQLite. */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { DocumentKey, DocumentStore, PublishedDocument } from "../../ports/document-store.ts";
import { bytesOf, type Database, numberOf, type Row, textOf } from "./database.ts";

export function sqliteDocumentStore(db: Database): DocumentStore {
  const selectOutbox = db.prepare("SELECT id, kind, name FROM outbox ORDER BY id LIMIT ?");
  const insertOrder = db.prepare("INSERT INTO outbox (kind, name) VALUES (?, ?)");
  const deleteOrder = db.prepare("DELETE FROM outbox WHERE id = ?");
  const select = db.prepare("SELECT * FROM documents WHERE kind = ? AND name = ?");
  const selectAll = db.prepare("SELECT * FROM documents ORDER BY kind, name");
  const selectExpiring = db.prepare("SELECT kind, name FROM documents WHERE expires_at_ms < ?");
  const upsert = db.prepare(`
    INSERT INTO documents (kind, name, sequence, content_digest, expires_at_ms, bytes) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (kind, name) DO UPDATE SET sequence = excluded.sequence, content_digest = excluded.content_digest,
      expires_at_ms = excluded.expires_at_ms, bytes = excluded.bytes
    WHERE excluded.sequence > documents.sequence`);

  return {
    async outbox(limit) {
      return selectOutbox.all(limit).map((row) => ({ id: numberOf(row, "id"), key: keyOf(row) }));
    },
    async order(keys) {
      db.transact(() => {
        for (const key of keys) insertOrder.run(key.kind, nameOf(key));
      });
    },
    async settle(items, document) {
      db.transact(() => {
        if (document !== null) {
          const { key, sequence, contentDigest, expiresAtMs, bytes } = document;
          if (upsert.run(key.kind, nameOf(key), sequence, contentDigest, expiresAtMs, bytes).changes === 0) {
            throw new FlotillaError(
              "ROLLOUT_CONFLICT",
              `A ${key.kind} document with sequence ${sequence} or higher is already published.`,
              { details: { kind: key.kind, name: nameOf(key), sequence } },
            );
          }
        }
        for (const id of items) deleteOrder.run(id);
      });
    },
    async find(key) {
      const row = select.get(key.kind, nameOf(key));
      return row === undefined ? null : documentOf(row);
    },
    async all() {
      return selectAll.all().map(documentOf);
    },
    async expiringBefore(timeMs) {
      return selectExpiring.all(timeMs).map(keyOf);
    },
  };
}

/** A key's second half in the database: empty for the index. */
export function nameOf(key: DocumentKey): string {
  switch (key.kind) {
    case "index":
      return "";
    case "directive":
      return key.cohort;
    case "device":
      return key.device;
  }
}

function keyOf(row: Row): DocumentKey {
  const kind = textOf(row, "kind");
  const name = textOf(row, "name");
  if (kind === "index") return { kind };
  return kind === "directive" ? { kind, cohort: name } : { kind: "device", device: name };
}

function documentOf(row: Row): PublishedDocument {
  return {
    key: keyOf(row),
    sequence: numberOf(row, "sequence"),
    contentDigest: textOf(row, "content_digest"),
    expiresAtMs: numberOf(row, "expires_at_ms"),
    bytes: bytesOf(row, "bytes"),
  };
}
