/**
 * Many devices in one process: each with its own identity, storage, MQTT and HTTP connections and the whole agent core;
 * one runtime, whose loaded models they share, makes all their runs. For fleets of one machine: demo, simulation, tests.
 */
import type { DeviceAttributes } from "@flotilla/protocol/documents/reports";
import type { AgentHandle, AgentNote } from "../core/driver/agent-driver.ts";
import { memoryStorage } from "../memory/memory-storage.ts";
import type { DeviceStorage } from "../ports/device-storage.ts";
import type { RuntimeKind } from "./runtime-kinds.ts";
import { sharedRuntime, sharedTrials } from "./shared-runtime.ts";
import { type DeviceOptions, startDevice } from "./start-agent.ts";
import { reopeningRuntime } from "./worker-runtime.ts";

export interface VirtualAgentsOptions extends Omit<DeviceOptions, "device" | "attributes" | "onNote"> {
  /** Device ids are `<prefix>-0001` and on; default "virtual". */
  readonly prefix?: string;
  readonly attributes?: DeviceAttributes | ((index: number) => DeviceAttributes);
  /** Default: memory. */
  readonly storage?: (device: string) => DeviceStorage;
  readonly runtime?: RuntimeKind;
  /** How many enrol and connect at a time; default 16. */
  readonly startTogether?: number;
  readonly onNote?: (device: string, note: AgentNote) => void;
}

export interface VirtualAgents {
  /** By device id. */
  readonly agents: ReadonlyMap<string, AgentHandle>;
  stop(): Promise<void>;
}

const runTimeoutMs = 30_000;

/** Starts `count` devices; if one cannot start, those that did are stopped and the error is thrown. */
export async function startVirtualAgents(count: number, options: VirtualAgentsOptions): Promise<VirtualAgents> {
  const { prefix = "virtual", attributes = {}, startTogether = 16, runtime: kind = "litert", onNote } = options;
  const worker = await reopeningRuntime(kind, runTimeoutMs);
  const runtime = sharedRuntime(worker);
  const trials = sharedTrials(runtime);
  const agents = new Map<string, AgentHandle>();

  async function startOne(index: number): Promise<void> {
    const device = `${prefix}-${String(index + 1).padStart(4, "0")}`;
    const storage = options.storage?.(device) ?? memoryStorage();
    const agent = await startDevice(
      {
        ...options,
        device,
        attributes: typeof attributes === "function" ? attributes(index) : attributes,
        ...(onNote === undefined ? { onNote: () => {} } : { onNote: (note: AgentNote) => onNote(device, note) }),
      },
      { storage, runtime, trials },
    );
    agents.set(device, agent);
  }

  async function stop(): Promise<void> {
    await Promise.all([...agents.values()].map((agent) => agent.stop()));
    worker.close();
  }

  try {
    let next = 0;
    const lanes = Array.from({ length: Math.min(startTogether, count) }, async () => {
      while (next < count) await startOne(next++);
    });
    await Promise.all(lanes);
  } catch (error) {
    await stop();
    throw error;
  }
  return { agents, stop };
}
