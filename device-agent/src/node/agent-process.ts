/**
 * The agent as a program: `flotilla agent` calls `runAgentProcess`, and this file can be run by itself (tests do).
 * On stdout: one JSON value a line, `{"ready"}` first, then `{"status"}` whenever what runs changed. On stdin, one JSON
 * value a line: `{"do":"feed","file","model","runsPerSecond","loop"}` runs the samples of an `.npz` through the active
 * model, `{"do":"stop-feed"}`, `{"do":"status"}`, `{"do":"stop"}`. SIGTERM and SIGINT stop in good order.
 */
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import type { DeviceAttributes } from "@flotilla/protocol/documents/reports";
import { asFlotillaError, exitCodeFor, FlotillaError } from "@flotilla/protocol/errors";
import type { AgentHandle, AgentTimings } from "../core/driver/agent-driver.ts";
import { type Feed, startFeed } from "./feed.ts";
import type { RuntimeKind } from "./runtime-kinds.ts";
import { startAgent } from "./start-agent.ts";

export interface AgentProcessOptions {
  readonly server: string;
  readonly device: string;
  readonly data: string;
  /** File with the trusted root metadata. */
  readonly trustedRoot: string;
  readonly token?: string;
  readonly attributes?: DeviceAttributes;
  readonly runtime?: RuntimeKind;
  readonly timings?: Partial<AgentTimings>;
  /** Feed from the start. */
  readonly inputs?: string;
  readonly model?: string;
  readonly runsPerSecond?: number;
}

interface ProcessStreams {
  readonly input: NodeJS.ReadableStream;
  readonly print: (line: string) => void;
}

/** Runs the agent until it is told to stop. */
export async function runAgentProcess(options: AgentProcessOptions, streams: ProcessStreams): Promise<void> {
  const say = (value: unknown): void => streams.print(`${JSON.stringify(value)}\n`);
  const agent = await startAgent({
    serverUrl: options.server,
    device: options.device,
    dataFolder: options.data,
    trustedRoot: new Uint8Array(await readFile(options.trustedRoot)),
    ...(options.token === undefined ? {} : { enrolmentToken: options.token }),
    ...(options.attributes === undefined ? {} : { attributes: options.attributes }),
    ...(options.runtime === undefined ? {} : { runtime: options.runtime }),
    ...(options.timings === undefined ? {} : { timings: options.timings }),
    onNote: (note) => {
      if (note.kind === "problem") say({ problem: { code: note.code, message: note.message } });
    },
  });
  say({ ready: agent.status() });
  followStatus(agent, say);
  let feed: Feed | null = null;
  const done = Promise.withResolvers<void>();

  async function obey(line: string): Promise<void> {
    const order = readOrder(line);
    switch (order.do) {
      case "feed":
        feed?.stop();
        feed = await startFeed(agent, order);
        return;
      case "stop-feed":
        feed?.stop();
        feed = null;
        return;
      case "status":
        say({ status: agent.status(), feed: feed?.counts() ?? null });
        return;
      case "stop":
        done.resolve();
    }
  }

  const { inputs, model, runsPerSecond = 10 } = options;
  if (inputs !== undefined) feed = await startFeed(agent, { file: inputs, runsPerSecond, ...(model ? { model } : {}) });
  const lines = createInterface({ input: streams.input });
  lines.on("line", (line) => {
    if (line.trim() === "") return;
    obey(line).catch((thrown: unknown) => say({ error: asFlotillaError(thrown) }));
  });
  const stop = (): void => done.resolve();
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  // Nothing else of an agent that is offline keeps a process alive.
  const alive = setInterval(() => {}, 60_000);
  await done.promise;
  clearInterval(alive);
  process.off("SIGTERM", stop);
  process.off("SIGINT", stop);
  lines.close();
  feed?.stop();
  await agent.stop();
  say({ stopped: agent.status() });
}

/** Prints the status whenever the models' part of it changed. */
function followStatus(agent: AgentHandle, say: (value: unknown) => void): void {
  let last = JSON.stringify(agent.status().models);
  void agent.until((status) => {
    const now = JSON.stringify(status.models);
    if (now !== last) say({ status });
    last = now;
    return false;
  });
}

type Order =
  | { do: "feed"; file: string; model?: string; runsPerSecond: number; loop?: boolean }
  | { do: "stop-feed" | "status" | "stop" };

function readOrder(line: string): Order {
  const value: unknown = JSON.parse(line);
  const order = value as { do?: unknown; file?: unknown; runsPerSecond?: unknown };
  if (order.do === "stop-feed" || order.do === "status" || order.do === "stop") return { do: order.do };
  if (order.do === "feed" && typeof order.file === "string") {
    return { runsPerSecond: 10, ...(value as { file: string }), do: "feed" };
  }
  throw new FlotillaError("CONFIG_USAGE", `The agent knows no order ${line.slice(0, 200)}.`);
}

/** Options of `node agent-process.ts`; `flotilla agent` has its own, richer ones. */
function readArguments(args: readonly string[]): AgentProcessOptions {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      server: text,
      device: text,
      data: text,
      "trusted-root": text,
      token: text,
      attributes: text,
      runtime: text,
      timings: text,
      inputs: text,
      model: text,
      "runs-per-second": text,
    },
  });
  const need = (name: "server" | "device" | "data" | "trusted-root"): string => {
    const value = values[name];
    if (value === undefined) throw new FlotillaError("CONFIG_USAGE", `--${name} is needed.`);
    return value;
  };
  const { runtime } = values;
  if (runtime !== undefined && runtime !== "litert" && runtime !== "tflite") {
    throw new FlotillaError("CONFIG_USAGE", `--runtime is litert or tflite, not ${runtime}.`);
  }
  return {
    server: need("server"),
    device: need("device"),
    data: need("data"),
    trustedRoot: need("trusted-root"),
    ...(values.token === undefined ? {} : { token: values.token }),
    ...(values.attributes === undefined ? {} : { attributes: JSON.parse(values.attributes) as DeviceAttributes }),
    ...(values.timings === undefined ? {} : { timings: JSON.parse(values.timings) as Partial<AgentTimings> }),
    ...(runtime === undefined ? {} : { runtime }),
    ...(values.inputs === undefined ? {} : { inputs: values.inputs }),
    ...(values.model === undefined ? {} : { model: values.model }),
    ...(values["runs-per-second"] === undefined ? {} : { runsPerSecond: Number(values["runs-per-second"]) }),
  };
}

if (import.meta.main) {
  try {
    const print = (line: string): void => void process.stdout.write(line);
    await runAgentProcess(readArguments(process.argv.slice(2)), { input: process.stdin, print });
    process.exit(0);
  } catch (thrown) {
    const error = asFlotillaError(thrown);
    process.stdout.write(`${JSON.stringify({ error })}\n`);
    process.exit(exitCodeFor(error.code));
  }
}
