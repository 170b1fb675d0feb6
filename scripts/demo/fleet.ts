/** The demo's fleet: the server and three real agents as processes of their own, two hundred virtual agents in this one. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { startVirtualAgents, type VirtualAgents } from "@flotilla/device-agent/node/virtual-agents";
import type { FleetClient } from "@flotilla/fleet-server/client/fleet-client";
import { createFleetClient } from "@flotilla/fleet-server/client/fleet-client";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { ProcessScope, RunningProcess } from "./processes.ts";

export const fleetId = "demo";

export interface DemoServer {
  readonly url: string;
  readonly client: FleetClient;
}

/** Timings for a demo: everything that a real fleet takes minutes over happens in a second. */
const quickTimings = { tickMs: 250, windowMs: 1_000, windowRuns: 200, pollMs: 5_000, httpAfterMs: 5_000 } as const;

export async function startServer(scope: ProcessScope, folder: string, serverKeys: string): Promise<DemoServer> {
  const readyFile = path.join(folder, "server-ready.json");
  const running = scope.start("server", [
    ...["server", "--data", path.join(folder, "server"), "--fleet", fleetId, "--keys", serverKeys],
    ...["--port", "0", "--mqtt-port", "0", "--tick", "100", "--ready-file", readyFile],
  ]);
  const ready = await scope.ready<{ url: string; operatorToken: string }>(running, readyFile);
  return { url: ready.url, client: createFleetClient({ url: ready.url, token: ready.operatorToken }) };
}

/** A board of the demo. Its accelerators decide which variant it takes. */
export interface Board {
  readonly id: string;
  readonly accelerators: string;
  readonly tags: readonly string[];
}

/** Two boards with an NPU, one without; one of each kind is a canary. */
export const boards: readonly Board[] = [
  { id: "board-npu-1", accelerators: "npu", tags: ["canary"] },
  { id: "board-gpu-1", accelerators: "gpu", tags: ["canary"] },
  { id: "board-npu-2", accelerators: "npu", tags: [] },
];

export interface RealAgent {
  readonly board: Board;
  readonly process: RunningProcess;
}

interface FleetOptions {
  readonly server: DemoServer;
  readonly folder: string;
  readonly trustedRoot: string;
  /** Labelled inputs that the agents work on. */
  readonly inputs: string;
  readonly model: string;
}

export async function startBoards(scope: ProcessScope, options: FleetOptions): Promise<RealAgent[]> {
  const { server, folder, trustedRoot, inputs, model } = options;
  const agents: RealAgent[] = [];
  for (const board of boards) {
    const { token } = await server.client.post<{ token: string }>("/v1/enrolment-tokens", {
      uses: 1,
      tags: board.tags,
    });
    const attributes = { accelerators: board.accelerators, board: board.id.replace(/-\d+$/, "") };
    const process = scope.start(
      board.id,
      [
        ...["agent", "--server", server.url, "--device", board.id, "--data", path.join(folder, board.id)],
        ...["--trusted-root", trustedRoot, "--attributes", JSON.stringify(attributes)],
        ...["--inputs", inputs, "--model", model, "--runs-per-second", "15", "--timings", JSON.stringify(quickTimings)],
      ],
      { FLOTILLA_ENROLMENT_TOKEN: token },
    );
    agents.push({ board, process });
  }
  return agents;
}

export async function startVirtual(count: number, options: FleetOptions): Promise<VirtualAgents> {
  const { token } = await options.server.client.post<{ token: string }>("/v1/enrolment-tokens", { uses: count });
  return await startVirtualAgents(count, {
    serverUrl: options.server.url,
    trustedRoot: new Uint8Array(await readFile(options.trustedRoot)),
    enrolmentToken: token,
    attributes: (index) => ({
      accelerators: index % 2 === 0 ? "npu" : "gpu",
      board: "virtual",
      memoryBytes: 64 * 2 ** 20,
      storageBytes: 2 ** 30,
    }),
    timings: { ...quickTimings, tickMs: 500 },
    runtime: "tflite",
  });
}

/** Looks again and again until `done` says so. @throws INTERNAL with `what` after the limit. */
export async function until<T>(
  what: string,
  limitMs: number,
  look: () => Promise<T>,
  done: (value: T) => boolean,
): Promise<T> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const value = await look();
    if (done(value)) return value;
    if (Date.now() > deadline) {
      throw new FlotillaError(
        "INTERNAL",
        `The demo waited ${limitMs / 1000} s for: ${what}. Last seen: ${JSON.stringify(value).slice(0, 2000)}`,
      );
    }
    await pause(100);
  }
}

export const sha256OfFile = async (file: string): Promise<string> =>
  createHash("sha256")
    .update(await readFile(file))
    .digest("hex");
