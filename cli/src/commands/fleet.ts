/** `flotilla cohort|device|enroll|login|token`: what operators ask of the fleet server; thin calls of its HTTP API. */

import { createFleetClient } from "@flotilla/fleet-server/client/fleet-client";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Command } from "commander";
import { collect, leaf } from "../command.ts";
import { table } from "../output.ts";
import { clientFor, operatorToken, serverOptions, storeLogin } from "../server-settings.ts";

/** Any JSON answer as two columns. */
const facts = (value: unknown): string =>
  table(
    ["field", "value"],
    Object.entries(value as Record<string, unknown>).map(([name, found]) => [
      name,
      typeof found === "string" ? found : JSON.stringify(found),
    ]),
  );

export function addCohortCommands(program: Command): void {
  const cohort = program.command("cohort").description("cohorts: CEL expressions over device attributes and tags");
  leaf(cohort, {
    usage: "create <id> <cel>",
    description: "create a cohort; devices evaluate the expression over their own attributes and tags",
    examples: [`cohort create canary '"canary" in tags' --priority 10`, "cohort create everyone true"],
    options: (command) =>
      serverOptions(command).option("--priority <n>", "the matching cohort of highest priority wins", "0"),
    action: async ({ args, options, output }) => {
      const priority = Number(options.priority);
      if (!Number.isInteger(priority) || priority < 0)
        throw new FlotillaError("CONFIG_USAGE", "--priority is an integer from 0.");
      const made = await (await clientFor(options)).post<{ id: string }>("/v1/cohorts", {
        id: args[0],
        cel: args[1],
        priority,
      });
      output.result(made, () => `Created cohort ${made.id}.`);
    },
  });
  leaf(cohort, {
    usage: "list",
    description: "list the cohorts",
    examples: ["cohort list"],
    options: serverOptions,
    action: async ({ options, output }) => {
      const found = await (await clientFor(options)).get<{ cohorts: { id: string; cel: string; priority: number }[] }>(
        "/v1/cohorts",
      );
      output.result(found, () =>
        table(
          ["id", "priority", "expression"],
          found.cohorts.map((row) => [row.id, String(row.priority), row.cel]),
        ),
      );
    },
  });
  leaf(cohort, {
    usage: "preview <id>",
    description: "how many devices match, by variant, and why others do not",
    examples: ["cohort preview everyone --release r1 --model digits"],
    options: (command) =>
      serverOptions(command)
        .option("--model <id>", "model of the release")
        .option("--release <id>", "count by the variants of this release"),
    action: async ({ args, options, output }) => {
      const query = new URLSearchParams();
      for (const name of ["model", "release"]) if (options[name] !== undefined) query.set(name, String(options[name]));
      const found = await (await clientFor(options)).get(
        `/v1/cohorts/${encodeURIComponent(args[0]!)}/preview?${query}`,
      );
      output.result(found, () => facts(found));
    },
  });
}

export function addDeviceCommands(program: Command): void {
  const device = program.command("device").description("devices and what they run");
  const show = (usage: string) => encodeURIComponent(usage);
  leaf(device, {
    usage: "list",
    description: "list the devices",
    examples: ["device list"],
    options: serverOptions,
    action: async ({ options, output }) => {
      const found = await (await clientFor(options)).get<{
        devices: {
          device: string;
          revoked: boolean;
          tags: string[];
          models: Record<string, { release: string; variant: string }>;
        }[];
      }>("/v1/devices");
      output.result(found, () =>
        table(
          ["device", "tags", "runs", ""],
          found.devices.map((row) => [
            row.device,
            row.tags.join(" "),
            Object.entries(row.models)
              .map(([model, { release, variant }]) => `${model}: ${release} (${variant})`)
              .join(", "),
            row.revoked ? "revoked" : "",
          ]),
        ),
      );
    },
  });
  leaf(device, {
    usage: "show <device>",
    description: "everything the server knows of a device",
    examples: ["device show board-7"],
    options: serverOptions,
    action: async ({ args, options, output }) => {
      const found = await (await clientFor(options)).get(`/v1/devices/${show(args[0]!)}/detail`);
      output.result(found, () => facts(found));
    },
  });
  leaf(device, {
    usage: "tag <device> [tags...]",
    description: "set a device's tags; none removes all",
    examples: ["device tag board-7 canary lab"],
    options: serverOptions,
    action: async ({ args, options, output }) => {
      const [id, ...tags] = args;
      const found = await (await clientFor(options)).put(`/v1/devices/${show(id!)}/tags`, { tags });
      output.result(found, () => `${id} has the tags: ${tags.join(" ") || "none"}.`);
    },
  });
  leaf(device, {
    usage: "revoke <device>",
    description: "revoke a device's key; it keeps what it runs and is served nothing more",
    examples: ["device revoke board-7"],
    options: serverOptions,
    action: async ({ args, options, output }) => {
      const found = await (await clientFor(options)).post(`/v1/devices/${show(args[0]!)}/revoke`);
      output.result(found, () => `Revoked ${args[0]}.`);
    },
  });
}

export function addAccessCommands(program: Command): void {
  const enroll = program.command("enroll").description("letting devices in");
  leaf(enroll, {
    usage: "token",
    description: "make a token with which devices enrol",
    examples: ["enroll token --uses 50 --tag lab"],
    options: (command) =>
      serverOptions(command)
        .option("--uses <n>", "devices that may enrol with it", "1")
        .option("--tag <tag>", "tag for those devices; may be repeated", collect),
    action: async ({ options, output }) => {
      const body = { uses: Number(options.uses), ...(options.tag === undefined ? {} : { tags: options.tag }) };
      const made = await (await clientFor(options)).post<{ token: string }>("/v1/enrolment-tokens", body);
      output.result(made, () => made.token);
    },
  });
  leaf(program, {
    usage: "login <url>",
    description: "check an operator token against a server and remember both",
    examples: ["login http://127.0.0.1:8080 --token …"],
    options: (command) => command.option("--token <token>", "operator token (or FLOTILLA_TOKEN)"),
    action: async ({ args, options, output }) => {
      const url = args[0]!;
      const token = await operatorToken(url, options.token);
      await createFleetClient({ url, token }).get("/v1/cohorts");
      const file = await storeLogin(url, token);
      output.result({ server: url, file }, () => `Logged in to ${url}; remembered in ${file}.`);
    },
  });
}
