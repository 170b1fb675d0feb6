/**
 * A device without a network: the whole driver on memory adapters, a manual clock and scripted models. `cut` counts every
 * touch of the outside world (storage, HTTP, broker, runtime) and can end the power at any of them.
 */

import type { DeviceAttributes } from "@flotilla/protocol/documents/reports";
import { FlotillaError } from "@flotilla/protocol/errors";
import { type AgentHandle, type AgentNote, type AgentStatus, startDriver } from "../../src/core/driver/agent-driver.ts";
import type { Baseline } from "../../src/core/driver/baseline.ts";
import { deviceSession } from "../../src/core/driver/device-session.ts";
import { metadataFetcher, metadataStore } from "../../src/core/driver/trust-adapters.ts";
import { createTrustClient } from "../../src/core/trust/trust-client.ts";
import { type ManualClock, manualClock } from "../../src/memory/manual-clock.ts";
import { memoryHttp } from "../../src/memory/memory-http.ts";
import { type MemoryBroker, memoryBroker } from "../../src/memory/memory-messages.ts";
import { type MemoryStorage, memoryStorage } from "../../src/memory/memory-storage.ts";
import type { HttpAnswer, HttpRequest } from "../../src/ports/http-transport.ts";
import { testSigner } from "./keys.ts";
import { type Script, scriptedRuntime } from "./scripted-runtime.ts";
import { fleetId, type TinyFleet, tinyFleet } from "./tiny-fleet.ts";

export const deviceId = "device-1";

export interface PowerCut {
  /** Touches so far. */
  count(): number;
  /** Ends the power at the given touch, before or after it takes effect; null: never. */
  at(touch: number | null, when?: "before" | "after"): void;
  readonly happened: boolean;
}

export interface MemoryWorld {
  readonly clock: ManualClock;
  readonly fleet: TinyFleet;
  readonly broker: MemoryBroker;
  readonly storage: MemoryStorage;
  readonly cut: PowerCut;
  readonly notes: AgentNote[];
  /** Answers in the place of the fleet where it returns something. */
  intercept(handle: ((request: Omit<HttpRequest, "maxBytes">, answer: HttpAnswer) => HttpAnswer) | null): void;
  start(attributes?: DeviceAttributes): Promise<AgentHandle>;
  /** Lets time pass until the status is as wanted. */
  until(agent: AgentHandle, test: (status: AgentStatus) => boolean): Promise<AgentStatus>;
  pass(ms: number): Promise<void>;
}

export const testAttributes: DeviceAttributes = {
  runtimes: "scripted@1.0.0",
  operators: "*",
  memoryBytes: 2 ** 20,
  storageBytes: 2 ** 30,
  accelerators: "",
};

/** Everything in memory happens within a few turns of the event loop. */
export async function turns(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
}

export async function memoryWorld(
  options: { readonly onLoad?: (script: Script) => void; readonly baselines?: readonly Baseline[] } = {},
): Promise<MemoryWorld> {
  const clock = manualClock();
  const fleet = await tinyFleet(() => clock.nowMs());
  const broker = memoryBroker((topic, payload) => fleet.takeMessage(topic, payload));
  fleet.onRetained((topic, payload) => broker.publish(topic, payload, true));
  fleet.onAck((topic, payload) => broker.publish(topic, payload));
  const storage = memoryStorage();
  const notes: AgentNote[] = [];
  let intercept: ((request: Omit<HttpRequest, "maxBytes">, answer: HttpAnswer) => HttpAnswer) | null = null;

  let touches = 0;
  let cutAt: number | null = null;
  let cutWhen: "before" | "after" = "before";
  /** Each start has a power of its own: a process that has lost it never touches anything again. */
  interface Power {
    off: boolean;
  }
  let current: Power = { off: false };
  const powerCut = (power: Power): FlotillaError => {
    power.off = true;
    return new FlotillaError("IO_FAILED", "The power is off.");
  };
  async function touch<T>(power: Power, work: () => Promise<T>): Promise<T> {
    if (power.off) throw powerCut(power);
    touches++;
    const cutting = touches === cutAt;
    if (cutting && cutWhen === "before") throw powerCut(power);
    const result = await work();
    if (power.off || cutting) throw powerCut(power);
    return result;
  }
  /** Every method that touches the outside, counted. */
  function countedOn<T extends object>(power: Power, port: T, names: readonly (keyof T)[]): T {
    const wrapped = { ...port };
    for (const name of names) {
      const method = port[name];
      if (typeof method === "function") {
        Object.assign(wrapped, {
          [name]: (...args: unknown[]) => touch(power, async () => Reflect.apply(method, port, args)),
        });
      }
    }
    return wrapped;
  }

  async function start(attributes: DeviceAttributes = testAttributes): Promise<AgentHandle> {
    const power: Power = { off: false };
    current = power;
    const counted = <T extends object>(port: T, names: readonly (keyof T)[]): T => countedOn(power, port, names);
    const http = memoryHttp(async (request) => {
      const answer = await fleet.handle(request);
      return intercept === null ? answer : intercept(request, answer);
    }, 16);
    const device = deviceId;
    const entropy = { bytes: (count: number) => crypto.getRandomValues(new Uint8Array(count)) };
    const countedHttp = counted(http, ["send", "stream"]);
    const runtime = counted(scriptedRuntime(clock, options.onLoad), ["load"]);
    const disk = counted(storage, ["write", "append", "seal", "remove"]);
    return startDriver(
      {
        storage: disk,
        clock,
        entropy,
        messages: counted(broker.transport(), ["subscribe", "publish"]),
        session: deviceSession({
          fleet: fleetId,
          device,
          signer: testSigner(device),
          http: countedHttp,
          clock,
          entropy,
        }),
        trust: createTrustClient({
          fetcher: metadataFetcher(countedHttp),
          store: metadataStore(disk),
          shippedRoot: fleet.repository.root,
        }),
        runtime,
        trials: { open: async () => ({ runtime, kill: () => {} }) },
      },
      {
        fleet: fleetId,
        device,
        mqttUrl: "memory:",
        attributes,
        ...(options.baselines === undefined ? {} : { baselines: options.baselines }),
        timings: { tickMs: 1_000, windowMs: 2_000, windowRuns: 50, ackTimeoutMs: 5_000 },
        onNote: (note) => void notes.push(note),
      },
    );
  }

  async function until(agent: AgentHandle, test: (status: AgentStatus) => boolean): Promise<AgentStatus> {
    for (let i = 0; i < 2_000; i++) {
      await turns();
      if (current.off) throw powerCut(current);
      const status = agent.status();
      if (test(status)) return status;
      clock.advance(1_000);
    }
    throw new FlotillaError(
      "INTERNAL",
      `Not reached: ${JSON.stringify(agent.status())} ${JSON.stringify(notes.slice(-20))}`,
    );
  }

  return {
    clock,
    fleet,
    broker,
    storage,
    notes,
    cut: {
      count: () => touches,
      at(touchNumber, when = "before") {
        cutAt = touchNumber;
        cutWhen = when;
      },
      get happened() {
        return current.off;
      },
    },
    intercept(handle) {
      intercept = handle;
    },
    start,
    until,
    async pass(ms) {
      for (let passed = 0; passed < ms; passed += 1_000) {
        await turns();
        clock.advance(1_000);
      }
      await turns();
    },
  };
}
