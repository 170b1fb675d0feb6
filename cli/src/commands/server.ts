/** `flotilla server`: the fleet server with its embedded broker, database and storage. */
import { rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Command } from "commander";
import { leaf, type Options } from "../command.ts";
import { passphrase } from "../passphrase.ts";

function portOf(options: Options, name: string): number {
  const port = Number(options[name]);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new FlotillaError(
      "CONFIG_USAGE",
      `--${name === "port" ? "port" : "mqtt-port"} is a port number, found ${String(options[name])}.`,
    );
  }
  return port;
}

/** Readers of the file see all of it or none. */
async function writeWhole(file: string, value: unknown): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, JSON.stringify(value), { mode: 0o600 });
    await rename(temporary, file);
  } catch (cause) {
    throw new FlotillaError("IO_FAILED", `The ready file ${file} cannot be written.`, { cause });
  }
}

export function addServerCommand(program: Command): void {
  leaf(program, {
    usage: "server",
    description: "run the fleet server; SIGTERM stops it in good order",
    examples: ["server --data fleet --fleet home --keys server-keys --port 8080 --mqtt-port 1883"],
    options: (command) =>
      command
        .requiredOption("--data <folder>", "database, TUF repository and artifacts")
        .requiredOption("--fleet <id>", "the fleet's id")
        .requiredOption("--keys <folder>", "folder with the key files snapshot, timestamp and directive")
        .option("--host <address>", "address to listen on; put TLS in front of anything but loopback", "127.0.0.1")
        .option("--port <n>", "HTTP port; 0: any free one", "8080")
        .option("--mqtt-port <n>", "MQTT port; 0: any free one", "1883")
        .option("--tick <ms>", "how often time passes for rollouts", "250")
        .option("--new-operator-token", "make another operator token")
        .option("--ready-file <file>", "write {url, mqttUrl, fleet, operatorToken} there once it listens"),
    action: async ({ options, output }) => {
      const { startServer } = await import("@flotilla/fleet-server/main");
      const key = (label: string) => path.join(String(options.keys), `${label}.key.json`);
      const server = await startServer({
        dataFolder: String(options.data),
        fleet: String(options.fleet),
        host: String(options.host),
        httpPort: portOf(options, "port"),
        mqttPort: portOf(options, "mqttPort"),
        keyFiles: { directive: key("directive"), snapshot: key("snapshot"), timestamp: key("timestamp") },
        passphrase: passphrase(),
        tickMs: Number(options.tick),
        newOperatorToken: options.newOperatorToken === true,
      });
      const { url, mqttUrl, fleet, operatorToken } = server;
      const stopped = Promise.withResolvers<void>();
      process.once("SIGTERM", stopped.resolve);
      process.once("SIGINT", stopped.resolve);
      if (options.readyFile !== undefined)
        await writeWhole(String(options.readyFile), { url, mqttUrl, fleet, operatorToken });
      output.result({ url, mqttUrl, fleet, operatorToken }, () =>
        [
          `Fleet ${fleet}: HTTP ${url}, MQTT ${mqttUrl}, API documentation ${url}/docs`,
          operatorToken === null ? "" : `Operator token (shown once): ${operatorToken}`,
        ]
          .filter(Boolean)
          .join("\n"),
      );
      await stopped.promise;
      await server.close();
    },
  });
}
