/** Prints docs/cli.md from the tree of commands: every command's own help, and the table of exit codes. */
import { allCommands, buildProgram } from "@flotilla/cli/program";
import type { Command } from "commander";

/** Exit codes by who must act; those of single errors are in docs/errors.md (rule: protocol/src/errors.ts). */
const exitCodes = [
  [0, "done"],
  [1, "unexpected: a bug in Flotilla"],
  [2, "usage or configuration"],
  [3, "bad input file"],
  [4, "valid, and not supported; all of it is listed"],
  [5, "a proof failed: parity, accuracy, or that no operator stays float"],
  [6, "integrity: a signature, digest or version"],
  [7, "the server refused, or its state conflicts"],
  [8, "transport"],
  [9, "files and disk"],
] as const;

const pathOf = (command: Command): string =>
  command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;

/** Options as a list: commander's own columns depend on the width of a terminal. */
function section(command: Command): string[] {
  const help = command.createHelp();
  const subcommands = help.visibleCommands(command).filter((child) => child.name() !== "help");
  const options = help.visibleOptions(command).filter((option) => option.long !== "--help" && option.long !== "--json");
  const examples = examplesOf(command);
  return [
    `## ${pathOf(command)}`,
    "",
    `\`${help.commandUsage(command)}\``,
    "",
    `${help.commandDescription(command)}.`,
    "",
    ...subcommands.map((child) => `- \`${child.name()}\`: ${child.description()}`),
    ...options.map((option) => {
      const preset = option.defaultValue === undefined ? "" : ` Default: \`${String(option.defaultValue)}\`.`;
      return `- \`${option.flags}\`${option.mandatory ? " (required)" : ""}: ${option.description}.${preset}`;
    }),
    ...(subcommands.length + options.length > 0 ? [""] : []),
    ...(examples.length === 0 ? [] : ["```", ...examples, "```", ""]),
  ];
}

/** The examples are what commander prints behind the help. */
function examplesOf(command: Command): string[] {
  let text = "";
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  const [, examples = ""] = text.split("\nExamples:\n");
  return examples
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

export function renderCli(): string {
  const program = buildProgram();
  return [
    "# The command line",
    "",
    "Printed from the tree of commands in `cli/src/`. `flotilla <command> --help` says the same.",
    "",
    "Every command takes `--json`: one JSON document on stdout and nothing else there; logs and progress go to stderr. An",
    'error is then `{"error": {"code", "message", "details"}}` on stdout, with the same exit code; for exit code 4 `details`',
    "is the whole list of what is not supported.",
    "",
    "| exit code | meaning |",
    "|---|---|",
    ...exitCodes.map(([code, meaning]) => `| ${code} | ${meaning} |`),
    "",
    ...allCommands(program).flatMap(section),
  ]
    .join("\n")
    .trimEnd()
    .concat("\n");
}
