/**
 * How every command is declared: a leaf with its `--json` flag, its examples and its action.
 * An action gets its arguments and options from commander and speaks through {@link Output}; what it throws becomes
 * the JSON error and the exit code (design: cli.md).
 */
import type { Command } from "commander";
import { createOutput, type Output } from "./output.ts";

export type Options = Readonly<Record<string, unknown>>;

export interface LeafFacts {
  /** Name and positional arguments, e.g. "show <device>". */
  readonly usage: string;
  readonly description: string;
  readonly examples: readonly string[];
  readonly options?: (command: Command) => Command;
  readonly action: (call: { args: readonly string[]; options: Options; output: Output }) => Promise<void>;
}

/** Adds a command to `parent`. */
export function leaf(parent: Command, facts: LeafFacts): void {
  const command = parent.command(facts.usage).description(facts.description);
  facts.options?.(command);
  command
    .option("--json", "print one JSON document on stdout, and nothing else there")
    .addHelpText("after", `\nExamples:\n${facts.examples.map((example) => `  $ flotilla ${example}`).join("\n")}`)
    .action(async () => {
      const options = command.opts<Options>();
      await facts.action({ args: command.args, options, output: createOutput(options.json === true) });
    });
}

/** For options that may be given several times. */
export const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];
