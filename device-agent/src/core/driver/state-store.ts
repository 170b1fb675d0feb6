/**
 * The agent's state on disk: the state in a twin file, the floors in another (so that losing the state never lowers
 * them), and the pointer files, from which the running models are known again if the state is lost altogether.
 */
import { sha256Hex } from "@flotilla/protocol/digest";
import type { DeviceStorage } from "../../ports/device-storage.ts";
import { takeControlKeys } from "../documents.ts";
import type { Inventory } from "../events.ts";
import { type AgentState, emptyModel, type Floors, type Installed, initialState, noFloors } from "../state.ts";
import { paths } from "./layout.ts";
import { openSealedJson, sealJson } from "./sealed-json.ts";
import { twinFile } from "./twin-file.ts";

export interface LoadedState {
  readonly state: AgentState;
  readonly inventory: readonly Inventory[];
  /** State files that were damaged and moved aside. */
  readonly broken: number;
}

export interface StateStore {
  load(fleet: string, device: string): Promise<LoadedState>;
  /** Durable when it resolves: floors first, as they may never be behind the state. */
  save(state: AgentState): Promise<void>;
  writePointer(model: string, installed: Installed): Promise<void>;
  removePointer(model: string): Promise<void>;
}

export function stateStore(storage: DeviceStorage): StateStore {
  const stateFile = twinFile(storage, paths.state);
  const floorsFile = twinFile(storage, paths.floors);
  let savedFloors: Floors | null = null;

  async function recover(fleet: string, device: string): Promise<AgentState> {
    const models: Record<string, AgentState["models"][string]> = {};
    for (const model of await storage.list("models")) {
      const bytes = await storage.read(paths.pointer(model));
      const installed = bytes === null ? undefined : openSealedJson(bytes);
      if (isInstalled(installed)) models[model] = { ...emptyModel, active: installed };
    }
    return { ...initialState(fleet, device), models };
  }

  async function takeInventory(): Promise<Inventory[]> {
    const inventory: Inventory[] = [];
    for (const model of await storage.list("models")) {
      for (const slot of ["a", "b", "factory"] as const) {
        const bytes = await storage.read(paths.model(model, slot));
        if (bytes !== null) inventory.push({ model, slot, digest: sha256Hex(bytes) });
      }
    }
    return inventory;
  }

  return {
    async load(fleet, device) {
      const isOurs = (value: unknown): value is AgentState => isState(value, fleet, device);
      const { value, broken } = await stateFile.read(isOurs);
      const floors = await floorsFile.read(isFloors);
      const loaded = value ?? (await recover(fleet, device));
      // Floors are written first: if they are of other keys than the state, the state is the one that is behind.
      const kept = { ...noFloors, ...floors.value };
      const own = { ...loaded, floors: { ...noFloors, ...loaded.floors } };
      const found = kept.controlKeys === "" ? own : takeControlKeys(own, kept.controlKeys);
      const state = { ...found, floors: strictest(found.floors, kept) };
      savedFloors = floors.value === null ? null : state.floors;
      return { state, inventory: await takeInventory(), broken: broken + floors.broken };
    },
    async save(state) {
      if (state.floors !== savedFloors) {
        await floorsFile.write(state.floors);
        savedFloors = state.floors;
      }
      await stateFile.write(state);
    },
    writePointer: (model, installed) => storage.write(paths.pointer(model), sealJson(installed)),
    removePointer: (model) => storage.remove(paths.pointer(model)),
  };
}

function isState(value: unknown, fleet: string, device: string): value is AgentState {
  const state = value as Partial<AgentState> | null;
  return typeof state === "object" && state?.version === 1 && state.fleet === fleet && state.device === device;
}

function isFloors(value: unknown): value is Floors {
  const floors = value as Partial<Floors> | null;
  return typeof floors === "object" && typeof floors?.index === "number" && typeof floors.counters === "object";
}

function isInstalled(value: unknown): value is Installed {
  const installed = value as Partial<Installed> | null | undefined;
  return typeof installed === "object" && typeof installed?.slot === "string" && typeof installed.release === "string";
}

function strictest(a: Floors, b: Floors): Floors {
  const highest = (
    x: Readonly<Record<string, number>>,
    y: Readonly<Record<string, number>>,
  ): Record<string, number> => {
    const all = { ...x };
    for (const [key, value] of Object.entries(y)) all[key] = Math.max(value, all[key] ?? 0);
    return all;
  };
  return {
    index: Math.max(a.index, b.index),
    document: Math.max(a.document, b.document),
    directives: highest(a.directives, b.directives),
    controlKeys: a.controlKeys,
    boots: Math.max(a.boots, b.boots),
    counters: highest(a.counters, b.counters),
    timeMs: Math.max(a.timeMs, b.timeMs),
  };
}
