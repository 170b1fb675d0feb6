/** Runs `flotilla` as a user does, as a process of its own, and hands back what it printed and its exit code. */
import { execFile } from "node:child_process";
import path from "node:path";

const binary = path.resolve(import.meta.dirname, "..", "..", "cli", "bin", "flotilla.mjs");

export interface Finished {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function flotilla(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Finished> {
  return new Promise((resolve) => {
    execFile(process.execPath, [binary, ...args], { env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      // `code` is a string when the process could not be started at all.
      const exitCode = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ exitCode, stdout, stderr });
    });
  });
}

/** The one JSON document that a failed command prints. */
export interface PrintedError {
  readonly code: string;
  readonly message: string;
  readonly details: unknown;
}

export const errorOf = ({ stdout }: Finished): PrintedError => {
  const printed: { error: PrintedError } = JSON.parse(stdout);
  return printed.error;
};
