/** `flotilla trust init|delegate|stage|sign|publish|verify`: the TUF repository, edited and signed where the offline keys are. */
import path from "node:path";
import { createFleetClient } from "@flotilla/fleet-server/client/fleet-client";
import { publishRepository } from "@flotilla/fleet-server/client/publish-repository";
import { initRepository } from "@flotilla/fleet-server/trust/edit-root";
import { delegateRelease } from "@flotilla/fleet-server/trust/edit-targets";
import { folderStore } from "@flotilla/fleet-server/trust/folder-store";
import { listKeys, openKey } from "@flotilla/fleet-server/trust/key-folder";
import type { RoleSetup } from "@flotilla/fleet-server/trust/role-setup";
import { stageRelease } from "@flotilla/fleet-server/trust/stage-release";
import { publishStaged, type SigningState, signRole } from "@flotilla/fleet-server/trust/staging";
import { verifyRepository } from "@flotilla/fleet-server/trust/verify-repository";
import { FlotillaError } from "@flotilla/protocol/errors";

import { ed25519PublicKey } from "@flotilla/protocol/public-key";
import type { Command } from "commander";
import { collect, leaf, type Options } from "../command.ts";
import { table } from "../output.ts";
import { passphrase } from "../passphrase.ts";
import { operatorToken } from "../server-settings.ts";

const dayMs = 86_400_000;

const repositoryOption = (command: Command) =>
  command.requiredOption("--repository <folder>", "the TUF repository's folder");

const inDays = (options: Options, name: string): number => {
  const days = Number(options[name]);
  if (!Number.isFinite(days) || days <= 0)
    throw new FlotillaError("CONFIG_USAGE", `--${name} is a number of days above 0.`);
  return Date.now() + days * dayMs;
};

/** Public keys of the labels given, from the key folder; `threshold` of them must sign. */
async function roleSetup(folder: string, labels: unknown, threshold: unknown): Promise<RoleSetup> {
  const known = await listKeys(folder);
  const keys = (labels as readonly string[]).map((label) => {
    const key = known.find((candidate) => candidate.label === label && !candidate.retired);
    if (!key) throw new FlotillaError("IO_NOT_FOUND", `There is no key "${label}" in ${folder}.`);
    return ed25519PublicKey(Buffer.from(key.publicKey, "hex"));
  });
  return { keys, threshold: Number(threshold ?? 1) };
}

const signingText = (state: SigningState): string =>
  `${state.role} ${state.version}: ${state.needs.map((need) => `${need.valid} of ${need.threshold} (${need.by})`).join(", ")}${state.complete ? ", complete" : ""}`;

export function addTrustCommands(program: Command): void {
  const trust = program.command("trust").description("the TUF repository that devices trust");
  leaf(trust, {
    usage: "init",
    description: "stage the first root and targets metadata of a new repository",
    examples: [
      "trust init --repository tuf --keys keys --online-keys server-keys --root root-1 --root root-2 --root-threshold 2 --targets targets --snapshot snapshot --timestamp timestamp --directive directive",
    ],
    options: (command) =>
      repositoryOption(command)
        .requiredOption("--keys <folder>", "folder with the key files (only public halves are read)")
        .option("--online-keys <folder>", "folder with the server's keys, if it is another")
        .requiredOption("--root <label>", "a root key; may be repeated", collect)
        .option("--root-threshold <n>", "root signatures needed", "1")
        .requiredOption("--targets <label>", "a targets key; may be repeated", collect)
        .option("--targets-threshold <n>", "targets signatures needed", "1")
        .requiredOption("--snapshot <label>", "the server's snapshot key", collect)
        .requiredOption("--timestamp <label>", "the server's timestamp key", collect)
        .requiredOption("--directive <label>", "the server's directive key", collect)
        .option("--root-days <n>", "root expires after", "365")
        .option("--targets-days <n>", "targets expire after", "180"),
    action: async ({ options, output }) => {
      const folder = String(options.keys);
      const online = String(options.onlineKeys ?? folder);
      const store = folderStore(String(options.repository));
      await initRepository(store, {
        roles: {
          root: await roleSetup(folder, options.root, options.rootThreshold),
          targets: await roleSetup(folder, options.targets, options.targetsThreshold),
          snapshot: await roleSetup(online, options.snapshot, 1),
          timestamp: await roleSetup(online, options.timestamp, 1),
        },
        directive: await roleSetup(online, options.directive, 1),
        rootExpiresMs: inDays(options, "rootDays"),
        targetsExpiresMs: inDays(options, "targetsDays"),
      });
      output.result(
        { staged: ["root", "targets"] },
        () => "Staged root 1 and targets 1. Next: flotilla trust sign root targets.",
      );
    },
  });
  leaf(trust, {
    usage: "delegate <model>",
    description: "stage the delegation of a model's releases to its release keys",
    examples: ["trust delegate digits --repository tuf --keys keys --release-key release-digits"],
    options: (command) =>
      repositoryOption(command)
        .requiredOption("--keys <folder>", "folder with the key files")
        .requiredOption("--release-key <label>", "a release key; may be repeated", collect)
        .option("--threshold <n>", "signatures needed", "1")
        .option("--days <n>", "targets and release metadata expire after", "180"),
    action: async ({ args, options, output }) => {
      const expires = inDays(options, "days");
      const setup = await roleSetup(String(options.keys), options.releaseKey, options.threshold);
      await delegateRelease(folderStore(String(options.repository)), args[0]!, setup, {
        targetsMs: expires,
        roleMs: expires,
      });
      output.result(
        { staged: ["targets", `release-${args[0]}`] },
        () => `Staged the delegation of ${args[0]}. Next: flotilla trust sign targets release-${args[0]}.`,
      );
    },
  });
  leaf(trust, {
    usage: "stage <release-folder>",
    description: "stage a release made by `flotilla release create` for signing",
    examples: ["trust stage release-1 --repository tuf"],
    options: (command) =>
      repositoryOption(command)
        .option("--min-counter <n>", "forbid devices to go back below this counter", "0")
        .option("--days <n>", "release metadata expires after", "180"),
    action: async ({ args, options, output }) => {
      const minCounter = Number(options.minCounter);
      const staged = await stageRelease(folderStore(String(options.repository)), args[0]!, {
        minCounter,
        expiresMs: inDays(options, "days"),
      });
      output.result(
        staged,
        () =>
          `Staged ${staged.targets.length} targets of ${staged.model} ${staged.release}. Next: flotilla trust sign ${staged.role}.`,
      );
    },
  });
  leaf(trust, {
    usage: "sign <role...>",
    description: "add signatures to staged metadata",
    examples: ["trust sign root targets --repository tuf --key keys/root-1.key.json --key keys/targets.key.json"],
    options: (command) =>
      repositoryOption(command).requiredOption("--key <file>", "a key file; may be repeated", collect),
    action: async ({ args, options, output }) => {
      const store = folderStore(String(options.repository));
      const signers = await Promise.all((options.key as readonly string[]).map((file) => openKey(file, passphrase())));
      const states: SigningState[] = [];
      for (const role of args) states.push(await signRole(store, role, signers));
      output.result({ roles: states }, () => states.map(signingText).join("\n"));
    },
  });
  leaf(trust, {
    usage: "publish",
    description: "publish what is completely signed, and hand it to the fleet server if one is named",
    examples: ["trust publish --repository tuf --server http://127.0.0.1:8080"],
    options: (command) =>
      repositoryOption(command)
        .option("--server <url>", "the fleet server")
        .option("--token <token>", "operator token (or FLOTILLA_TOKEN)"),
    action: async ({ options, output }) => {
      const store = folderStore(String(options.repository));
      const files = await publishStaged(store, Date.now());
      const server = options.server === undefined ? null : String(options.server);
      const uploaded =
        server === null
          ? null
          : await publishRepository(
              store,
              createFleetClient({ url: server, token: await operatorToken(server, options.token) }),
            );
      output.result({ files, uploaded }, () =>
        [
          `Published ${files.map((file) => path.basename(file)).join(", ") || "nothing new"}.`,
          uploaded === null
            ? ""
            : `The server took ${uploaded.metadata.length} metadata files and ${uploaded.blobs} blobs.`,
        ]
          .filter(Boolean)
          .join("\n"),
      );
    },
  });
  leaf(trust, {
    usage: "verify",
    description: "verify the whole repository: signatures, versions, digests of stored targets",
    examples: ["trust verify --repository tuf"],
    options: repositoryOption,
    action: async ({ options, output }) => {
      const report = await verifyRepository(folderStore(String(options.repository)), Date.now());
      output.result(report, () =>
        [
          table(
            ["role", "version", "expires"],
            report.roles.map((role) => [
              role.role,
              String(role.version),
              `${new Date(role.expiresMs).toISOString()}${role.expired ? " EXPIRED" : ""}`,
            ]),
          ),
          `${report.targetsVerified} of ${report.targets} targets are stored here and have the signed digest.`,
        ].join("\n"),
      );
    },
  });
}
