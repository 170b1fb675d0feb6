/**
 * The agent in a Node process: the isomorphic driver on top of files, fetch, mqtt.js and runtimes in worker threads.
 * One folder is one device; a second agent on the same folder is refused.
 */
import { mkdir } from "node:fs/promises";
import type { DeviceAttributes } from "@flotilla/protocol/documents/reports";
import {
  type AgentHandle,
  type AgentNote,
  type AgentPorts,
  type AgentTimings,
  startDriver,
} from "../core/driver/agent-driver.ts";
import type { Baseline } from "../core/driver/baseline.ts";
import { deviceSession } from "../core/driver/device-session.ts";
import { establishIdentity } from "../core/driver/identity.ts";
import type { RunReport } from "../core/driver/live-models.ts";
import { metadataFetcher, metadataStore } from "../core/driver/trust-adapters.ts";
import { createTrustClient } from "../core/trust/trust-client.ts";
import type { DeviceStorage } from "../ports/device-storage.ts";
import type { TfliteRuntime } from "../ports/tflite-runtime.ts";
import type { TrialRuntimes } from "../ports/trial-runtimes.ts";
import { deviceFacts } from "./device-facts.ts";
import { fetchTransport } from "./fetch-transport.ts";
import { fileStorage } from "./file-storage.ts";
import { lockFolder } from "./lock-file.ts";
import { mqttTransport } from "./mqtt-transport.ts";
import { useNodeSha256 } from "./node-sha256.ts";
import type { RuntimeKind } from "./runtime-kinds.ts";
import { systemClock, systemEntropy } from "./system.ts";
import { openWorkerRuntime, reopeningRuntime } from "./worker-runtime.ts";

export interface DeviceOptions {
  /** Address of the fleet server, e.g. `http://127.0.0.1:8080`. */
  readonly serverUrl: string;
  /** This device's id. */
  readonly device: string;
  /** Root metadata that came with the device: where all trust begins. */
  readonly trustedRoot: Uint8Array;
  /** For the first start. */
  readonly enrolmentToken?: string;
  /** Over the facts of device-facts.ts. */
  readonly attributes?: DeviceAttributes;
  /** Models that came with the device or the app. */
  readonly baselines?: readonly Baseline[];
  readonly timings?: Partial<AgentTimings>;
  readonly onRun?: (run: RunReport) => void;
  readonly onNote?: (note: AgentNote) => void;
}

export interface StartAgentOptions extends DeviceOptions {
  /** The device's folder: identity, state, models. */
  readonly dataFolder: string;
  /** Default: LiteRT. */
  readonly runtime?: RuntimeKind;
}

/** A live run longer than this is ended, and counts as failed. */
const runTimeoutMs = 30_000;

/**
 * Starts the agent and resolves when what was active before runs again; orders come in from then on.
 * @throws IO_EXISTS if another agent has the folder; ROLLOUT_*, TRANSPORT_* if a first start cannot enrol
 */
export async function startAgent(options: StartAgentOptions): Promise<AgentHandle> {
  const { dataFolder, runtime: kind = "litert" } = options;
  await mkdir(dataFolder, { recursive: true, mode: 0o700 });
  const lock = await lockFolder(dataFolder);
  try {
    const runtime = await reopeningRuntime(kind, runTimeoutMs);
    try {
      const trials = { open: () => openWorkerRuntime(kind) };
      const agent = await startDevice(options, { storage: fileStorage(dataFolder), runtime, trials });
      return {
        ...agent,
        async stop() {
          await agent.stop();
          runtime.close();
          await lock.release();
        },
      };
    } catch (error) {
      runtime.close();
      throw error;
    }
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** One device on given storage and runtimes: what `startAgent` and virtual devices share. */
export async function startDevice(
  options: DeviceOptions,
  parts: { readonly storage: DeviceStorage; readonly runtime: TfliteRuntime; readonly trials: TrialRuntimes },
): Promise<AgentHandle> {
  useNodeSha256();
  const { serverUrl, device, trustedRoot, enrolmentToken, timings, onRun, onNote } = options;
  const { storage, runtime, trials } = parts;
  const http = fetchTransport(serverUrl);
  const attributes = { ...deviceFacts(runtime, await storage.freeBytes()), ...options.attributes };
  const identity = await establishIdentity({ storage, http, entropy: systemEntropy }, device, {
    attributes,
    ...(enrolmentToken === undefined ? {} : { token: enrolmentToken }),
  });
  const { fleet, mqttUrl, signer } = identity;
  const clock = systemClock;
  const ports: AgentPorts = {
    storage,
    clock,
    entropy: systemEntropy,
    messages: mqttTransport(),
    session: deviceSession({ fleet, device, signer, http, clock, entropy: systemEntropy }),
    trust: createTrustClient({
      fetcher: metadataFetcher(http),
      store: metadataStore(storage),
      shippedRoot: trustedRoot,
    }),
    runtime,
    trials,
  };
  return startDriver(ports, {
    fleet,
    device,
    mqttUrl,
    attributes,
    ...(options.baselines === undefined ? {} : { baselines: options.baselines }),
    ...(timings === undefined ? {} : { timings }),
    ...(onRun === undefined ? {} : { onRun }),
    ...(onNote === undefined ? {} : { onNote }),
  });
}
