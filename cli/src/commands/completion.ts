/** `flotilla completion bash|zsh|fish`: a script for the shell, made from the tree of commands. */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Command } from "commander";
import { leaf } from "../command.ts";

const words = (command: Command): string =>
  [...command.commands.map((child) => child.name()), ...command.options.map((option) => option.long ?? "")]
    .filter(Boolean)
    .join(" ");

function render(program: Command, shell: string): string {
  const groups = [program, ...program.commands, ...program.commands.flatMap((child) => child.commands)];
  const pathOf = (command: Command): string =>
    command.parent?.parent ? `${command.parent.name()} ${command.name()}` : command.name();
  const cases = groups
    .map((command) => `    "${command === program ? "" : pathOf(command)}") words="${words(command)}" ;;`)
    .join("\n");
  const bash = `_flotilla() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" path="" words="" i
  for ((i = 1; i < COMP_CWORD; i++)); do [[ "\${COMP_WORDS[i]}" == -* ]] || path="\${path:+$path }\${COMP_WORDS[i]}"; done
  case "$(echo "$path" | cut -d' ' -f1-2)" in
${cases}
    *) case "\${path%% *}" in
${cases}
    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur") $(compgen -f -- "$cur"))
}
complete -F _flotilla flotilla`;
  switch (shell) {
    case "bash":
      return bash;
    case "zsh":
      return `autoload -U +X bashcompinit && bashcompinit\n${bash}`;
    case "fish":
      return groups
        .filter((command) => command !== program)
        .map((command) => {
          const parent =
            command.parent === program || !command.parent
              ? "__fish_use_subcommand"
              : `'__fish_seen_subcommand_from ${command.parent.name()}'`;
          return `complete -c flotilla -n ${parent} -a ${command.name()} -d '${command.description().replaceAll("'", "")}'`;
        })
        .join("\n");
    default:
      throw new FlotillaError("CONFIG_USAGE", `There are completions for bash, zsh and fish, not for "${shell}".`);
  }
}

export function addCompletionCommand(program: Command): void {
  leaf(program, {
    usage: "completion <shell>",
    description: "print a completion script for bash, zsh or fish",
    examples: ["completion bash > /etc/bash_completion.d/flotilla"],
    action: async ({ args, output }) => {
      const script = render(program, args[0]!);
      output.result({ shell: args[0], script }, () => script);
    },
  });
}
