/** Prints docs/errors.md from the error catalogue. */
import { type ErrorCode, errorCodes, exitCodeFor } from "@flotilla/protocol/errors";

export function renderErrors(): string {
  const rows = (Object.keys(errorCodes) as ErrorCode[]).map(
    (code) => `| \`${code}\` | ${exitCodeFor(code)} | ${errorCodes[code]} |`,
  );
  return [
    "# Error codes",
    "",
    "Printed from `protocol/src/errors.ts`. The family in front of the first underscore says who must act; the exit code",
    "of the command line follows from it. Codes are never reused.",
    "",
    "| code | exit | meaning |",
    "|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}
