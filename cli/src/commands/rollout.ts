/** `flotilla rollout …`: plans and their lives, over the fleet server's HTTP API. */
import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { FlotillaError } from "@flotilla/protocol/errors";
import { parseStrictJson } from "@flotilla/protocol/strict-json";
import type { Command } from "commander";
import { leaf } from "../command.ts";
import { numberOf } from "../option-values.ts";
import { table } from "../output.ts";
import { clientFor, serverOptions } from "../server-settings.ts";

interface RolloutView {
  readonly rollout: string;
  readonly state: string;
  readonly stage: number;
  readonly plan: { readonly release: string; readonly model: string; readonly cohort: string };
  readonly [field: string]: unknown;
}

const ended = new Set(["completed", "rolled-back", "cancelled"]);
const at = (id: string) => `/v1/rollouts/${encodeURIComponent(id)}`;
const line = (view: RolloutView) => [
  view.rollout,
  view.state,
  String(view.stage),
  view.plan.model,
  view.plan.release,
  view.plan.cohort,
];
const header = ["rollout", "state", "stage", "model", "release", "cohort"];

async function readPlan(file: string): Promise<unknown> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new FlotillaError("IO_NOT_FOUND", `The plan ${file} cannot be read.`, { cause, details: { path: file } });
  });
  return parseStrictJson(bytes);
}

const verbs: readonly (readonly [string, string])[] = [
  ["start", "start a planned rollout"],
  ["pause", "stop new offers at once; what runs goes on"],
  ["resume", "go on after a pause or a hold"],
  ["promote", "go to the next stage now, past the gates"],
  ["rollback", "take the release back from every device"],
  ["cancel", "end a rollout that has not started, or leave it as it is"],
];

export function addRolloutCommands(program: Command): void {
  const rollout = program.command("rollout").description("staged rollouts");
  leaf(rollout, {
    usage: "plan <file>",
    description: "check a plan (flotilla/rollout-plan, JSON) and hand it to the server as a draft",
    examples: ["rollout plan plan.json"],
    options: serverOptions,
    action: async ({ args, options, output }) => {
      const plan = await readPlan(args[0]!);
      const made = await (await clientFor(options)).post<RolloutView>("/v1/rollouts", plan);
      output.result(made, () => table(header, [line(made)]));
    },
  });
  for (const [verb, description] of verbs) {
    leaf(rollout, {
      usage: `${verb} <rollout>`,
      description,
      examples: [`rollout ${verb} digits-r2`],
      options: serverOptions,
      action: async ({ args, options, output }) => {
        const now = await (await clientFor(options)).post<RolloutView>(`${at(args[0]!)}/${verb}`);
        output.result(now, () => table(header, [line(now)]));
      },
    });
  }
  leaf(rollout, {
    usage: "list",
    description: "list the rollouts",
    examples: ["rollout list"],
    options: serverOptions,
    action: async ({ options, output }) => {
      const found = await (await clientFor(options)).get<{ rollouts: RolloutView[] }>("/v1/rollouts");
      output.result(found, () => table(header, found.rollouts.map(line)));
    },
  });
  leaf(rollout, {
    usage: "show <rollout>",
    description: "stages, counts with their denominators, gates and events",
    examples: ["rollout show digits-r2 --json"],
    options: serverOptions,
    action: async ({ args, options, output }) => {
      const found = await (await clientFor(options)).get<RolloutView>(at(args[0]!));
      output.result(found, () => JSON.stringify(found, null, 2));
    },
  });
  leaf(rollout, {
    usage: "explain <rollout> <device>",
    description: "why a device does or does not run the release",
    examples: ["rollout explain digits-r2 board-7"],
    options: serverOptions,
    action: async ({ args, options, output }) => {
      const found = await (await clientFor(options)).get(
        `${at(args[0]!)}/devices/${encodeURIComponent(args[1]!)}/explain`,
      );
      output.result(found, () => JSON.stringify(found, null, 2));
    },
  });
  leaf(rollout, {
    usage: "watch <rollout>",
    description: "follow a rollout until it ends; exit 7 if it did not complete",
    examples: ["rollout watch digits-r2", "rollout watch digits-r2 --timeout 3600"],
    options: (command) =>
      serverOptions(command)
        .option("--interval <seconds>", "time between looks", "1")
        .option("--timeout <seconds>", "exit 8 if it has not ended by then; default: wait on"),
    action: async ({ args, options, output }) => {
      const client = await clientFor(options);
      const timeoutS = numberOf(options, "timeout", { least: 0 });
      const interval = numberOf(options, "interval", { least: 0.1 }) ?? 1;
      const deadline = timeoutS === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeoutS * 1000;
      for (;;) {
        const view = await client.get<RolloutView>(at(args[0]!));
        output.progress(`${view.rollout}: ${view.state}, stage ${view.stage}`);
        if (ended.has(view.state)) {
          output.result(view, () => table(header, [line(view)]));
          if (view.state !== "completed") {
            process.exitCode = 7;
          }
          return;
        }
        if (performance.now() >= deadline) {
          throw new FlotillaError(
            "TRANSPORT_TIMEOUT",
            `${view.rollout} has not ended within ${timeoutS} s: it is ${view.state} in stage ${view.stage} (${String(view.reason)}).`,
            { details: { rollout: view.rollout, state: view.state, stage: view.stage, reason: view.reason } },
          );
        }
        await pause(interval * 1000);
      }
    },
  });
}
