/**
 * How commands speak: tables for people, one JSON document on stdout with `--json`, progress and logs on stderr
 * (design: cli.md). Commands hand over a value and a way to say it; they never write to the streams themselves.
 */
import { asFlotillaError, exitCodeFor } from "@flotilla/protocol/errors";

export interface Output {
  readonly json: boolean;
  /** The result: JSON as it is, or `human()` for people. Once per command. */
  result(value: unknown, human: () => string): void;
  /** A line about what is going on; stderr, only on a terminal. */
  progress(line: string): void;
  /** A line that matters even without a terminal; stderr. */
  note(line: string): void;
}

let progressShown = false;

/** Takes the progress line away, if there is one. */
function clearProgress(): void {
  if (progressShown) process.stderr.write("\x1b[2K\r");
  progressShown = false;
}

export function createOutput(json: boolean): Output {
  return {
    json,
    result: (value, human) => {
      clearProgress();
      process.stdout.write(json ? `${JSON.stringify(value)}\n` : `${human()}\n`);
    },
    progress: (line) => {
      if (!process.stderr.isTTY) return;
      process.stderr.write(`\x1b[2K\r${line.slice(0, Math.max(20, process.stderr.columns - 1))}`);
      progressShown = true;
    },
    note: (line) => process.stderr.write(`${line}\n`),
  };
}

/** Prints what was thrown and returns the exit code for it. */
export function reportError(thrown: unknown, json: boolean): number {
  const error = asFlotillaError(thrown);
  clearProgress();
  if (json) {
    process.stdout.write(`${JSON.stringify({ error: error.toJSON() })}\n`);
  } else {
    process.stderr.write(`${error.code}: ${error.message}\n`);
    if (Array.isArray(error.details)) {
      for (const detail of error.details) process.stderr.write(`  ${Object.values(detail).join("  ")}\n`);
    }
    if (error.code === "INTERNAL" && error.cause instanceof Error) process.stderr.write(`${error.cause.stack}\n`);
  }
  return exitCodeFor(error.code);
}

/** Columns padded to their widest cell. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((cell, column) => Math.max(cell.length, ...rows.map((row) => (row[column] ?? "").length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd();
  return [line(header), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

export const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;

export const bytesForPeople = (bytes: number): string =>
  bytes < 1024
    ? `${bytes} B`
    : bytes < 1024 ** 2
      ? `${(bytes / 1024).toFixed(1)} kB`
      : `${(bytes / 1024 ** 2).toFixed(2)} MB`;
