/** The tree of commands. docs/cli.md and the completions are printed from it. */
import { Command } from "commander";
import manifest from "../package.json" with { type: "json" };
import { addAgentCommand } from "./commands/agent.ts";
import { addCompareCommand } from "./commands/compare.ts";
import { addCompletionCommand } from "./commands/completion.ts";
import { addConvertCommand } from "./commands/convert.ts";
import { addAccessCommands, addCohortCommands, addDeviceCommands } from "./commands/fleet.ts";
import { addKeysCommands } from "./commands/keys.ts";
import { addModelCommands } from "./commands/model.ts";
import { addReleaseCommands } from "./commands/release.ts";
import { addRolloutCommands } from "./commands/rollout.ts";
import { addServerCommand } from "./commands/server.ts";
import { addTrustCommands } from "./commands/trust.ts";

/** What commander would say of errors is said once, by main; a group called without a command still shows its help. */
const helpOnly = {
  writeErr: (text: string) => {
    if (text.startsWith("Usage:")) process.stderr.write(text);
  },
};

export function buildProgram(): Command {
  const program = new Command("flotilla")
    .description("From a trained model to a proven, signed, staged rollout on a fleet of devices.")
    .version(manifest.version)
    .exitOverride();
  addConvertCommand(program);
  addModelCommands(program);
  addCompareCommand(program);
  addKeysCommands(program);
  addTrustCommands(program);
  addReleaseCommands(program);
  addCohortCommands(program);
  addRolloutCommands(program);
  addDeviceCommands(program);
  addAccessCommands(program);
  addServerCommand(program);
  addAgentCommand(program);
  addCompletionCommand(program);
  // Sub-commands copy these settings only if they were made before; set them on the whole tree.
  for (const command of [program, ...allCommands(program)]) command.exitOverride().configureOutput(helpOnly);
  return program;
}

/** Every command below `command`, depth first. */
export function allCommands(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...allCommands(child)]);
}
