/**
 * The composition root of the fleet server: adapters chosen, parts wired, listening. `startServer` is what the command
 * line calls; everything it starts, `close` ends.
 */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { directiveRole } from "@flotilla/protocol/documents/control";
import { idPattern } from "@flotilla/protocol/documents/document";
import { asFlotillaError, FlotillaError } from "@flotilla/protocol/errors";
import { startAedesBroker } from "./adapters/aedes/broker.ts";
import { folderBlobs } from "./adapters/blobs/folder-blobs.ts";
import { controlSigner } from "./adapters/file-signer.ts";
import { openDatabase } from "./adapters/sqlite/database.ts";
import { sqliteDeviceStore } from "./adapters/sqlite/device-store.ts";
import { sqliteDocumentStore } from "./adapters/sqlite/document-store.ts";
import { sqliteReportStore } from "./adapters/sqlite/report-store.ts";
import { sqliteRolloutStore } from "./adapters/sqlite/rollout-store.ts";
import { systemClock } from "./adapters/system-clock.ts";
import { createEngine } from "./control/engine.ts";
import { createEnrolments } from "./control/enrolment.ts";
import { createPublisher } from "./control/publisher.ts";
import { createSecret, hashSecret } from "./control/secrets.ts";
import { createTrustService } from "./control/trust-service.ts";
import { buildApp } from "./http/app.ts";
import type { HttpLimits } from "./http/provider.ts";
import { createIngest, type IngestCounters } from "./ingest/ingest.ts";
import { createMqttIntake } from "./ingest/mqtt-intake.ts";
import type { Broker } from "./ports/broker.ts";
import type { Clock } from "./ports/clock.ts";
import { folderStore } from "./trust/folder-store.ts";
import { openKey } from "./trust/key-folder.ts";

export interface ServerOptions {
  /** Holds the database, the TUF repository and the artifacts; made if it is not there. */
  readonly dataFolder: string;
  readonly fleet: string;
  /** Default: `127.0.0.1`. TLS belongs in front of anything else. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly httpPort?: number;
  readonly mqttPort?: number;
  /** Key files of the three online keys; one file may serve several. */
  readonly keyFiles: { readonly directive: string; readonly snapshot: string; readonly timestamp: string };
  /** Of the key files, if they are encrypted. */
  readonly passphrase?: string | null;
  /** How often time passes for the rollouts; reports make them move at once anyway. Default 250. */
  readonly tickMs?: number;
  /** Also make a new operator token if there is one already. */
  readonly newOperatorToken?: boolean;
  readonly limits?: Partial<HttpLimits>;
  readonly clock?: Clock;
  /** What goes wrong without a caller to tell. Default: a line on stderr. */
  readonly onProblem?: (what: string, error: unknown) => void;
  /** Connections and messages that the broker refused. Default: nobody is told. */
  readonly onRefusal?: (reason: string, client: string) => void;
}

export interface RunningServer {
  readonly fleet: string;
  readonly url: string;
  readonly mqttUrl: string;
  /** The operator's token, where one was made: on the first start. It is stored as a hash only, so keep it. */
  readonly operatorToken: string | null;
  readonly counters: Readonly<IngestCounters>;
  /** Stops taking requests, finishes what is under way, and ends everything. */
  close(): Promise<void>;
}

const defaultTickMs = 250;
/** Documents live for a day and are renewed at half of it; a minute's delay does not matter. */
const renewMs = 60_000;

/**
 * Starts the server; it listens when this resolves.
 * @throws CONFIG_INVALID, INTEGRITY_KEY for the keys, IO_* for the folder, the database or a port that is taken
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { dataFolder, fleet, clock = systemClock, host = "127.0.0.1" } = options;
  const onProblem = options.onProblem ?? tellStderr;
  if (!idPattern.test(fleet)) {
    throw new FlotillaError("CONFIG_INVALID", `A fleet's id is like [a-z0-9-], 3 to 64 characters; found "${fleet}".`);
  }
  const passphrase = options.passphrase ?? null;
  const directive = await openKey(options.keyFiles.directive, passphrase);
  const snapshot = await openKey(options.keyFiles.snapshot, passphrase);
  const timestamp = await openKey(options.keyFiles.timestamp, passphrase);

  await makeFolder(dataFolder);
  const undo: (() => Promise<void> | void)[] = [];
  try {
    const db = openDatabase(path.join(dataFolder, "fleet.sqlite"));
    undo.push(() => db.close());
    const devices = sqliteDeviceStore(db);
    const rollouts = sqliteRolloutStore(db);
    const reports = sqliteReportStore(db);
    const documents = sqliteDocumentStore(db);
    const blobs = folderBlobs(path.join(dataFolder, "blobs"));
    const trust = createTrustService({
      store: folderStore(path.join(dataFolder, "repository")),
      blobs,
      clock,
      snapshot,
      timestamp,
      directive: { keyid: directive.keyid, role: directiveRole },
    });
    await trust.open();
    const operatorToken = createSecret();
    const isNew = await devices.addOperatorToken(hashSecret(operatorToken), options.newOperatorToken !== true);

    const enrolments = createEnrolments({ fleet, devices, clock });
    const ingest = createIngest({ store: reports, clock, onCommitted: () => engine.soon() });
    undo.push(() => ingest.settled());
    const intake = createMqttIntake({
      fleet,
      ingest,
      publish: (topic, bytes) => broker.publish(topic, bytes),
      onProblem,
    });
    const broker: Broker = await startAedesBroker({
      fleet,
      host,
      port: options.mqttPort ?? 0,
      authenticate: (clientId, username, password) =>
        provesDevice(enrolments.authenticate(password), clientId, username),
      onMessage: (message) => intake.take(message),
      onRefusal: options.onRefusal ?? (() => undefined),
    });
    undo.push(() => broker.close());
    const signer = controlSigner(directive);
    const publisher = createPublisher({ fleet, documents, rollouts, devices, signer, broker, clock });
    await publisher.restore();
    const engine = createEngine({
      rollouts,
      releases: trust,
      assertMayDirect: () => trust.assertMayDirect(),
      publisher,
      clock,
      onProblem,
    });
    undo.push(() => engine.stop());

    const app = await buildApp({
      fleet,
      mqttUrl: broker.url,
      devices,
      rollouts,
      reports,
      documents,
      blobs,
      engine,
      enrolments,
      trust,
      ingest,
      clock,
      onProblem,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    });
    undo.push(() => app.close());
    const url = await listen(() => app.listen({ host, port: options.httpPort ?? 0 }), host, options.httpPort ?? 0);

    const attempt = (what: string, work: () => Promise<void>) => () =>
      void work().catch((error: unknown) => onProblem(what, error));
    await engine.tick();
    const ticking = setInterval(attempt("a round failed", engine.tick), options.tickMs ?? defaultTickMs);
    const renew = async (): Promise<void> => {
      await publisher.renew();
      await trust.renew();
    };
    const renewing = setInterval(attempt("documents could not be renewed", renew), renewMs);
    undo.push(() => {
      clearInterval(ticking);
      clearInterval(renewing);
    });
    return {
      fleet,
      url,
      mqttUrl: broker.url,
      operatorToken: isNew ? operatorToken : null,
      counters: ingest.counters,
      close: () => undoAll(undo),
    };
  } catch (error) {
    await undoAll(undo);
    throw error;
  }
}

/** Whether the token proves the device that the client says it is. */
async function provesDevice(
  proof: Promise<{ readonly device: string }>,
  clientId: string,
  username: string,
): Promise<boolean> {
  try {
    const { device } = await proof;
    return device === clientId && device === username;
  } catch (error) {
    if (error instanceof FlotillaError && error.code === "ROLLOUT_UNAUTHORIZED") return false;
    throw error;
  }
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new FlotillaError("IO_FAILED", `The data folder ${folder} cannot be made.`, { cause });
  }
}

async function listen(start: () => Promise<string>, host: string, port: number): Promise<string> {
  try {
    return await start();
  } catch (cause) {
    throw new FlotillaError("IO_FAILED", `The server cannot listen on ${host}:${port}: ${String(cause)}`, { cause });
  }
}

/** The last thing started is the first to end. */
async function undoAll(steps: (() => Promise<void> | void)[]): Promise<void> {
  for (let step = steps.pop(); step !== undefined; step = steps.pop()) await step();
}

function tellStderr(what: string, error: unknown): void {
  const { code, message } = asFlotillaError(error);
  process.stderr.write(`flotilla server: ${what}: ${code}: ${message}\n`);
}
