/** `flotilla agent`: the device agent as a process, for boards with Node. One JSON value a line on stdout, orders on stdin. */
import { DeviceAttributes } from "@flotilla/protocol/documents/reports";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Command } from "commander";
import { Check } from "typebox/value";
import { leaf, type Options } from "../command.ts";

function jsonOption(options: Options, name: string): unknown {
  const text = options[name];
  if (text === undefined) return undefined;
  try {
    return JSON.parse(String(text));
  } catch (cause) {
    throw new FlotillaError("CONFIG_USAGE", `--${name} is a JSON object, found ${String(text).slice(0, 100)}.`, {
      cause,
    });
  }
}

function attributesOf(options: Options): DeviceAttributes | undefined {
  const value = jsonOption(options, "attributes");
  if (value === undefined) return undefined;
  if (!Check(DeviceAttributes, value)) {
    throw new FlotillaError("CONFIG_USAGE", "--attributes is a JSON object of names to strings, numbers and booleans.");
  }
  return value;
}

function runtimeOf(options: Options): "litert" | "tflite" | undefined {
  const runtime = options.runtime;
  if (runtime === undefined || runtime === "litert" || runtime === "tflite") return runtime;
  throw new FlotillaError("CONFIG_USAGE", `--runtime is litert or tflite, found ${String(runtime)}.`);
}

export function addAgentCommand(program: Command): void {
  leaf(program, {
    usage: "agent",
    description: "run the device agent; one JSON value a line on stdout, orders on stdin, SIGTERM stops",
    examples: [
      "agent --server http://127.0.0.1:8080 --device board-7 --data board-7 --trusted-root root.json --token …",
    ],
    options: (command) =>
      command
        .requiredOption("--server <url>", "the fleet server")
        .requiredOption("--device <id>", "this device's id")
        .requiredOption("--data <folder>", "identity, state and models of this device")
        .requiredOption("--trusted-root <file>", "the root metadata that ships with the device")
        .option("--token <token>", "enrolment token, for the first start (or FLOTILLA_ENROLMENT_TOKEN)")
        .option("--attributes <json>", "facts about the device, over those the agent finds itself")
        .option("--runtime <name>", "litert (default) or tflite")
        .option("--inputs <npz>", "run these samples through the active model, over and over")
        .option("--model <id>", "model to run them through; default: every active one")
        .option("--runs-per-second <n>", "rate of these runs", "10")
        .option("--timings <json>", "over the agent's own intervals, in milliseconds"),
    action: async ({ options }) => {
      const token = options.token ?? process.env.FLOTILLA_ENROLMENT_TOKEN;
      const attributes = attributesOf(options);
      const runtime = runtimeOf(options);
      const timings = jsonOption(options, "timings") as Readonly<Record<string, number>> | undefined;
      // Loaded when asked for: its runtimes would slow every other command down.
      const { runAgentProcess } = await import("@flotilla/device-agent/node/agent-process");
      await runAgentProcess(
        {
          server: String(options.server),
          device: String(options.device),
          data: String(options.data),
          trustedRoot: String(options.trustedRoot),
          runsPerSecond: Number(options.runsPerSecond),
          ...(token === undefined ? {} : { token: String(token) }),
          ...(attributes === undefined ? {} : { attributes }),
          ...(runtime === undefined ? {} : { runtime }),
          ...(timings === undefined ? {} : { timings }),
          ...(options.inputs === undefined ? {} : { inputs: String(options.inputs) }),
          ...(options.model === undefined ? {} : { model: String(options.model) }),
        },
        { input: process.stdin, print: (line) => void process.stdout.write(line) },
      );
      // The agent has stopped in good order; whatever a runtime still holds open must not keep the process.
      process.exit(0);
    },
  });
}
