/** `flotilla keys generate|list|rotate`: Ed25519 signing keys in files that never leave the engineer's machine. */
import { generateKey, type ListedKey, listKeys, rotateKey } from "@flotilla/fleet-server/trust/key-folder";
import type { Command } from "commander";
import { leaf } from "../command.ts";
import { table } from "../output.ts";
import { protectionFor } from "../passphrase.ts";

const row = (key: ListedKey) => [
  key.label,
  key.keyid.slice(0, 12),
  key.encrypted ? "passphrase" : "none",
  key.retired ? "retired" : "current",
  key.file,
];
const keyTable = (keys: readonly ListedKey[]) =>
  table(["label", "key id", "encryption", "state", "file"], keys.map(row));

const folderOption = (command: Command) =>
  command
    .requiredOption("--keys <folder>", "folder with the key files")
    .option("--unencrypted", "store new keys in the clear");

export function addKeysCommands(program: Command): void {
  const keys = program.command("keys").description("signing keys, in files that stay with the release engineer");
  leaf(keys, {
    usage: "generate <label...>",
    description: "make one new Ed25519 key per label",
    examples: [
      "keys generate root-1 root-2 targets --keys keys",
      "keys generate snapshot timestamp directive --keys server-keys",
    ],
    options: folderOption,
    action: async ({ args, options, output }) => {
      const made: ListedKey[] = [];
      for (const label of args) {
        made.push(await generateKey(String(options.keys), label, protectionFor(options), Date.now()));
      }
      output.result({ keys: made }, () => keyTable(made));
    },
  });
  leaf(keys, {
    usage: "list",
    description: "list the keys in a folder",
    examples: ["keys list --keys keys"],
    options: (command) => command.requiredOption("--keys <folder>", "folder with the key files"),
    action: async ({ options, output }) => {
      const found = await listKeys(String(options.keys));
      output.result({ keys: found }, () => keyTable(found));
    },
  });
  leaf(keys, {
    usage: "rotate <label>",
    description: "set a key aside and make a new one under its label",
    examples: ["keys rotate targets --keys keys"],
    options: folderOption,
    action: async ({ args, options, output }) => {
      const { retired, created } = await rotateKey(String(options.keys), args[0]!, protectionFor(options), Date.now());
      output.result({ retired, created }, () => keyTable([retired, created]));
    },
  });
}
