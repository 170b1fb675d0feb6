/** Which server and which operator token a command speaks with: option, environment, or what `flotilla login` stored. */
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { createFleetClient, type FleetClient } from "@flotilla/fleet-server/client/fleet-client";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Command } from "commander";
import type { Options } from "./command.ts";

interface Settings {
  readonly server?: string;
  readonly tokens?: Readonly<Record<string, string>>;
}

const settingsFile = (): string =>
  path.join(process.env.FLOTILLA_CONFIG ?? path.join(homedir(), ".config", "flotilla"), "settings.json");

async function readSettings(): Promise<Settings> {
  let text: string;
  try {
    text = await readFile(settingsFile(), "utf8");
  } catch {
    return {}; // no settings yet
  }
  try {
    return JSON.parse(text) as Settings;
  } catch (cause) {
    throw new FlotillaError("CONFIG_INVALID", `${settingsFile()} is not JSON; remove it and log in again.`, { cause });
  }
}

/** Remembers a server and its token, readable by the owner only. */
export async function storeLogin(server: string, token: string): Promise<string> {
  const settings = await readSettings();
  const file = settingsFile();
  await mkdir(path.dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, JSON.stringify({ server, tokens: { ...settings.tokens, [server]: token } }, null, 2), {
    mode: 0o600,
  });
  await chmod(temporary, 0o600);
  await rename(temporary, file);
  return file;
}

/** @throws ROLLOUT_UNAUTHORIZED when there is none */
export async function operatorToken(server: string, option: unknown): Promise<string> {
  const token = option ?? process.env.FLOTILLA_TOKEN ?? (await readSettings()).tokens?.[server];
  if (typeof token !== "string" || token === "") {
    throw new FlotillaError(
      "ROLLOUT_UNAUTHORIZED",
      `There is no operator token for ${server}. Use --token, FLOTILLA_TOKEN or flotilla login.`,
    );
  }
  return token;
}

export const serverOptions = (command: Command): Command =>
  command
    .option("--server <url>", "the fleet server (or FLOTILLA_SERVER, or the last login)")
    .option("--token <token>", "operator token (or FLOTILLA_TOKEN)");

export async function clientFor(options: Options): Promise<FleetClient> {
  const url = options.server ?? process.env.FLOTILLA_SERVER ?? (await readSettings()).server;
  if (typeof url !== "string") {
    throw new FlotillaError(
      "CONFIG_USAGE",
      "No fleet server is named. Use --server, FLOTILLA_SERVER or flotilla login.",
    );
  }
  return createFleetClient({ url, token: await operatorToken(url, options.token) });
}
