/**
 * The SQLite database (`node:sqlite`): durable commits (WAL with synchronous=FULL: a commit that returned survives a
 * power cut), migrations, transactions, and rows read with their types checked.
 * SQL is prepared statements written out here and beside the stores, not a query builder: the driver is synchronous,
 * a transaction therefore runs without interleaving, and an asynchronous builder over the one connection would lose that.
 */
import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from "node:sqlite";
import { FlotillaError } from "@flotilla/protocol/errors";
import { migrations } from "./migrations.ts";

export type Row = Readonly<Record<string, SQLOutputValue>>;
export type Value = SQLInputValue;

/** A statement, prepared once. */
export interface Statement {
  run(...values: Value[]): { readonly changes: number };
  get(...values: Value[]): Row | undefined;
  all(...values: Value[]): Row[];
}

export interface Database {
  prepare(sql: string): Statement;
  /** Runs `work` in a transaction: all of it is durable when this returns, or none of it happened. Not nestable. */
  transact<T>(work: () => T): T;
  close(): void;
}

/**
 * Opens (and creates) a database file, or `:memory:`.
 * @throws IO_FAILED if it cannot be opened or another server has it open, IO_STATE_CORRUPT if it is of a newer program or not a database
 */
export function openDatabase(file: string): Database {
  const db = openFile(file);
  try {
    migrate(db);
  } catch (error) {
    db.close();
    throw failure(error);
  }
  return {
    prepare(sql) {
      const statement = db.prepare(sql);
      return {
        run: (...values) => ({ changes: Number(statement.run(...values).changes) }),
        get: (...values) => statement.get(...values),
        all: (...values) => statement.all(...values),
      };
    },
    transact(work) {
      try {
        db.exec("BEGIN IMMEDIATE");
        const result = work();
        db.exec("COMMIT");
        return result;
      } catch (error) {
        if (db.isTransaction) db.exec("ROLLBACK");
        throw failure(error);
      }
    },
    close: () => db.close(),
  };
}

function openFile(file: string): DatabaseSync {
  try {
    const db = new DatabaseSync(file);
    // One server a file: a second one would sign other documents under the same sequences. The lock dies with the process.
    db.exec("PRAGMA locking_mode = EXCLUSIVE");
    db.exec("PRAGMA journal_mode = WAL");
    db.exec("PRAGMA synchronous = FULL");
    return db;
  } catch (error) {
    throw failure(error);
  }
}

function migrate(db: DatabaseSync): void {
  db.exec("BEGIN IMMEDIATE");
  const version = Number(db.prepare("PRAGMA user_version").get()?.user_version ?? 0);
  if (version > migrations.length) {
    throw new FlotillaError(
      "IO_STATE_CORRUPT",
      `The database has version ${version}, this program knows up to ${migrations.length}. Update the program.`,
      { details: { found: version, expected: migrations.length } },
    );
  }
  for (const step of migrations.slice(version)) db.exec(step);
  db.exec(`PRAGMA user_version = ${migrations.length}`);
  db.exec("COMMIT");
}

function failure(error: unknown): unknown {
  if (error instanceof FlotillaError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const isDatabase = error instanceof Error && "code" in error && error.code === "ERR_SQLITE_ERROR";
  if (!isDatabase) return error;
  if (/database is locked/.test(message)) {
    return new FlotillaError("IO_FAILED", "The database is in use: another server runs on this data folder.", {
      cause: error,
    });
  }
  const isDamaged = /malformed|not a database/.test(message);
  return new FlotillaError(isDamaged ? "IO_STATE_CORRUPT" : "IO_FAILED", `The database failed: ${message}`, {
    cause: error,
  });
}

const wrong = (column: string, expected: string): FlotillaError =>
  new FlotillaError("IO_STATE_CORRUPT", `The database column ${column} does not hold ${expected}.`);

export function textOf(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw wrong(column, "text");
  return value;
}

export function numberOf(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== "number") throw wrong(column, "a number");
  return value;
}

export const textOrNull = (row: Row, column: string): string | null =>
  row[column] === null ? null : textOf(row, column);
export const numberOrNull = (row: Row, column: string): number | null =>
  row[column] === null ? null : numberOf(row, column);

export function bytesOf(row: Row, column: string): Uint8Array {
  const value = row[column];
  if (!(value instanceof Uint8Array)) throw wrong(column, "bytes");
  return value;
}

/** A JSON column that this program wrote itself. */
export function jsonOf<T>(row: Row, column: string): T {
  return JSON.parse(textOf(row, column)) as T;
}
