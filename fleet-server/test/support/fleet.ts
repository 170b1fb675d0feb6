/** A whole fleet server in this process for tests, in a folder of its own, with an engineer and a client at hand. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createFleetClient, type FleetClient } from "../../src/client/fleet-client.ts";
import { type RunningServer, type ServerOptions, startServer } from "../../src/main.ts";
import { generateKey, openKey } from "../../src/trust/key-folder.ts";
import { createEngineer, type Engineer } from "./engineer.ts";

export const fleetId = "test-fleet";

export interface TestFleet {
  readonly folder: string;
  readonly options: ServerOptions;
  readonly server: RunningServer;
  readonly token: string;
  readonly client: FleetClient;
  readonly engineer: Engineer;
  readonly refusals: { readonly reason: string; readonly client: string }[];
  readonly problems: { readonly what: string; readonly error: unknown }[];
  /** Stops the server and starts it again on the same folder and ports. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function makeFolder(): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(path.join(tmpdir(), "flotilla-server-"));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Key files of the three online roles, and the engineer whose root names them. */
export async function prepareKeys(folder: string) {
  const keys = path.join(folder, "keys");
  const make = async (label: string): Promise<string> =>
    (await generateKey(keys, label, { encryption: "none" }, Date.now())).file;
  const keyFiles = {
    directive: await make("directive"),
    snapshot: await make("snapshot"),
    timestamp: await make("timestamp"),
  };
  const engineer = await createEngineer({
    directive: await openKey(keyFiles.directive, null),
    snapshot: await openKey(keyFiles.snapshot, null),
    timestamp: await openKey(keyFiles.timestamp, null),
  });
  return { keyFiles, engineer };
}

/** Starts a fleet with release 1 published and the cohort `everyone`. */
export async function startFleet(overrides: Partial<ServerOptions> = {}): Promise<TestFleet> {
  const { folder, remove } = await makeFolder();
  const { keyFiles, engineer } = await prepareKeys(folder);
  const refusals: { reason: string; client: string }[] = [];
  const problems: { what: string; error: unknown }[] = [];
  const options: ServerOptions = {
    dataFolder: path.join(folder, "server"),
    fleet: fleetId,
    keyFiles,
    tickMs: 50,
    onRefusal: (reason, client) => refusals.push({ reason, client }),
    onProblem: (what, error) => problems.push({ what, error }),
    ...overrides,
  };
  let server = await startServer(options);
  const token = server.operatorToken ?? "";
  await engineer.addRelease({ release: "r-1", counter: 1 });
  await engineer.publish({ url: server.url, token });
  const fleet = {
    folder,
    options,
    token,
    engineer,
    refusals,
    problems,
    get server() {
      return server;
    },
    get client() {
      return createFleetClient({ url: server.url, token });
    },
    async restart() {
      await server.close();
      server = await startServer({ ...options, ...portsOf(server) });
    },
    async close() {
      await server.close();
      await remove();
    },
  };
  await fleet.client.post("/v1/cohorts", { id: "everyone", cel: "true", priority: 0 });
  return fleet;
}

const portsOf = ({ url, mqttUrl }: RunningServer) => ({
  httpPort: Number(new URL(url).port),
  mqttPort: Number(new URL(mqttUrl).port),
});
