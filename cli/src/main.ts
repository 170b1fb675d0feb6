/** The command line: builds the program, runs it, turns whatever is thrown into a message and an exit code. */
import { FlotillaError } from "@flotilla/protocol/errors";
import { CommanderError } from "commander";
import { reportError } from "./output.ts";
import { buildProgram } from "./program.ts";

export async function main(argv: readonly string[]): Promise<void> {
  const json = argv.includes("--json");
  try {
    await buildProgram().parseAsync([...argv], { from: "user" });
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      // Help and version are not errors; everything else that commander refuses is a usage error.
      if (thrown.exitCode === 0) return;
      if (thrown.code === "commander.help") {
        process.exitCode = 2;
        return;
      }
      const message = thrown.message.replace(/^error: /, "");
      process.exitCode = reportError(new FlotillaError("CONFIG_USAGE", `${message}. See flotilla --help.`), json);
      return;
    }
    process.exitCode = reportError(thrown, json);
  }
}
