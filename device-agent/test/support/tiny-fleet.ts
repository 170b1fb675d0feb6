/**
 * A fleet server small enough to read: documents signed, targets served, reports taken and acknowledged, deduplicated by
 * (boot, sequence). In memory, or over real HTTP and MQTT through serve-fleet.ts.
 */
import { canonicalJsonBytes } from "@flotilla/protocol/canonical-json";
import { sha256Hex } from "@flotilla/protocol/digest";
import {
  controlPayloadType,
  type DeviceDocument,
  type Directive,
  type FleetIndex,
  type ModelDirective,
} from "@flotilla/protocol/documents/control";
import type { Release, Variant } from "@flotilla/protocol/documents/release";
import type { Ack, Metrics, Status } from "@flotilla/protocol/documents/reports";
import { signEnvelope } from "@flotilla/protocol/dsse";
import type { JsonValue } from "@flotilla/protocol/json-value";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { encodeNpz } from "@flotilla/protocol/npz";
import { parseTopic, topics } from "@flotilla/protocol/topics";
import type { HttpAnswer, HttpRequest } from "../../src/ports/http-transport.ts";
import { answerOf, classCount, encodeScript, inputFor, type Script } from "./scripted-runtime.ts";
import { type TinyRepository, tinyRepository } from "./tiny-repository.ts";

export const fleetId = "test-fleet";
export const modelId = "digits";
export const cohortId = "everyone";

export interface TinyFleet {
  readonly repository: TinyRepository;
  /** Once each, in the order of their first coming. */
  readonly statuses: readonly Status[];
  readonly metrics: readonly Metrics[];
  readonly acks: boolean;
  /** Called behind every report that comes in. */
  readonly arrivals: Set<() => void>;
  setAcks(on: boolean): void;
  /** Called with every retained document. */
  onRetained(publish: (topic: string, payload: Uint8Array) => void): void;
  onAck(publish: (topic: string, payload: Uint8Array) => void): void;
  addRelease(release: string, counter: number, variants: readonly VariantSpec[], minCounter?: number): Promise<void>;
  addModel(release: string, counter: number, model: RealVariant): Promise<void>;
  setIndex(change?: Partial<FleetIndex>): Promise<void>;
  setDirective(words: Partial<ModelDirective>, change?: Partial<Directive>): Promise<void>;
  setDocument(device: string, change: Partial<DeviceDocument>): Promise<void>;
  handle(request: Omit<HttpRequest, "maxBytes">): Promise<HttpAnswer>;
  takeMessage(topic: string, payload: Uint8Array): void;
}

export interface VariantSpec {
  readonly name?: string;
  readonly script: Script;
  /** Whose answers the goldens' `source/…` are; default: a sound model's. */
  readonly source?: Script;
  /** Whose answers the goldens' `variant/…` are; default: the script's own. */
  readonly recorded?: Script;
  readonly requirements?: Partial<Variant["requirements"]>;
}

export interface RealVariant {
  readonly bytes: Uint8Array;
  readonly golden: Uint8Array;
  readonly runtimes: Variant["requirements"]["runtimes"];
  readonly input: string;
  readonly output: string;
}

const soundScript: Script = { name: "source" };

function goldenOf({ script, source = soundScript, recorded = script }: VariantSpec): Uint8Array {
  const samples = Array.from({ length: 8 }, (_, sample) => inputFor(sample % classCount, 0.1));
  const stack = (rows: readonly Float32Array[]): NdArray => ({
    dtype: "float32",
    shape: [rows.length, classCount],
    data: Float32Array.from(rows.flatMap((row) => [...row])),
  });
  return encodeNpz(
    new Map([
      ["input/image", stack(samples.map(({ data }) => Float32Array.from(data, Number)))],
      ["source/scores", stack(samples.map((sample) => answerOf(source, sample)))],
      ["variant/scores", stack(samples.map((sample) => answerOf(recorded, sample)))],
    ]),
  );
}

const tensor = (name: string) => ({ name, dtype: "float32", shape: [1, classCount] });

function variantOf(
  name: string,
  bytes: Uint8Array,
  golden: Uint8Array,
  requirements: Partial<Variant["requirements"]>,
) {
  return {
    name,
    digest: sha256Hex(bytes),
    sizeBytes: bytes.length,
    format: "tflite" as const,
    recipe: "float32",
    requirements: {
      operators: {},
      runtimes: [{ name: "scripted", minVersion: "1.0" }],
      arenaBytes: 1024,
      sizeBytes: bytes.length,
      storageBytes: bytes.length * 2,
      inputs: [tensor("image")],
      outputs: [tensor("scores")],
      ...requirements,
    },
    golden: { digest: sha256Hex(golden), sizeBytes: golden.length },
    tolerance: { atol: 1e-4, rtol: 1e-3, integerUnits: 2, minTop1Agreement: 0.9 },
    preprocessing: {},
    outputs: { labels: Array.from({ length: classCount }, (_, index) => `class ${index}`) },
    proven: true,
  };
}

export async function tinyFleet(nowMs: () => number): Promise<TinyFleet> {
  const repository = await tinyRepository([modelId]);
  const seen = new Map<string, Status | Metrics>();
  const statuses: Status[] = [];
  const metrics: Metrics[] = [];
  const documents = new Map<string, Uint8Array>();
  const retained = new Map<string, Uint8Array>();
  let publishRetained: (topic: string, payload: Uint8Array) => void = () => {};
  let publishAck: (topic: string, payload: Uint8Array) => void = () => {};
  const arrivals = new Set<() => void>();
  let sequence = 0;
  let acks = true;

  const sign = (document: JsonValue): Promise<Uint8Array> =>
    signEnvelope(controlPayloadType, canonicalJsonBytes(document), [repository.directiveSigner]);
  const times = () => ({ sequence: ++sequence, issuedAtMs: nowMs(), expiresAtMs: nowMs() + 86_400_000 });

  async function put(path: string, topic: string, document: object): Promise<void> {
    const bytes = await sign(document as JsonValue);
    documents.set(path, bytes);
    retained.set(topic, bytes);
    publishRetained(topic, bytes);
  }

  /** The highest sequence below which nothing of that boot is missing. */
  function ackOf(device: string, boot: string): Ack {
    let last = 0;
    while (seen.has(`${device}/${boot}/${last + 1}`)) last++;
    return { type: "flotilla/ack", version: 1, device, boot, sequence: last };
  }

  function takeReport(document: Status | Metrics): Ack {
    const key = `${document.device}/${document.boot}/${document.sequence}`;
    if (!seen.has(key)) {
      seen.set(key, document);
      if ("state" in document) statuses.push(document);
      else metrics.push(document);
      for (const look of arrivals) look();
    }
    return ackOf(document.device, document.boot);
  }

  async function publishRelease(
    release: string,
    counter: number,
    minCounter: number,
    files: readonly { readonly variant: Variant; readonly bytes: Uint8Array; readonly golden: Uint8Array }[],
  ): Promise<void> {
    const document: Release = {
      type: "flotilla/release",
      version: 1,
      model: modelId,
      release,
      createdAtMs: nowMs(),
      counter,
      variants: files.map(({ variant }) => variant),
      evaluations: [],
      provenance: { digest: "0".repeat(64), sizeBytes: 0 },
      notes: "",
    };
    await repository.publish({
      model: modelId,
      release,
      document: canonicalJsonBytes(document as JsonValue),
      counter,
      minCounter,
      blobs: files.flatMap(({ bytes, golden }) => [
        { bytes, extension: "tflite" as const },
        { bytes: golden, extension: "npz" as const },
      ]),
    });
  }

  const answer = (status: number, body: Uint8Array, headers: Record<string, string> = {}): HttpAnswer => ({
    status,
    headers: { "content-length": String(body.length), ...headers },
    body,
  });
  const json = (status: number, value: unknown): HttpAnswer =>
    answer(status, new TextEncoder().encode(JSON.stringify(value)), { "content-type": "application/json" });
  const bytesOr404 = (bytes: Uint8Array | undefined): HttpAnswer =>
    bytes === undefined
      ? json(404, { error: { code: "ROLLOUT_NOT_FOUND", message: "?", details: {} } })
      : answer(200, bytes);

  function serveTarget(path: string, headers: Readonly<Record<string, string>>): HttpAnswer {
    const bytes = repository.targets.get(path);
    if (bytes === undefined) return bytesOr404(undefined);
    const etag = `"${sha256Hex(bytes)}"`;
    const range = /^bytes=(\d+)-$/.exec(headers.range ?? "");
    if (range === null) return answer(200, bytes, { etag });
    if ((headers["if-match"] ?? etag) !== etag) return answer(412, new Uint8Array());
    const from = Number(range[1]);
    const content = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
    return answer(206, bytes.subarray(from), { etag, "content-range": content });
  }

  return {
    repository,
    statuses,
    metrics,
    arrivals,
    get acks() {
      return acks;
    },
    setAcks(on) {
      acks = on;
    },
    onRetained(publish) {
      publishRetained = publish;
      for (const [topic, payload] of retained) publish(topic, payload);
    },
    onAck(publish) {
      publishAck = publish;
    },
    addRelease: (release, counter, specs, minCounter = 0) =>
      publishRelease(
        release,
        counter,
        minCounter,
        specs.map((spec) => {
          const bytes = encodeScript(spec.script);
          const golden = goldenOf(spec);
          return { bytes, golden, variant: variantOf(spec.name ?? "plain", bytes, golden, spec.requirements ?? {}) };
        }),
      ),
    addModel: (release, counter, { bytes, golden, runtimes, input, output }) => {
      const requirements = { runtimes, inputs: [tensor(input)], outputs: [tensor(output)] };
      const variant = variantOf("plain", bytes, golden, requirements);
      return publishRelease(release, counter, 0, [{ variant: { ...variant, outputs: {} }, bytes, golden }]);
    },
    setIndex: (change = {}) =>
      put("/v1/fleet/index", topics.index(fleetId), {
        type: "flotilla/fleet-index",
        version: 1,
        fleet: fleetId,
        ...times(),
        cohorts: [{ id: cohortId, cel: "true", priority: 1 }],
        ...change,
      }),
    setDirective: (words, change = {}) => {
      const cohort = change.cohort ?? cohortId;
      const model: ModelDirective = {
        rollout: "rollout-1",
        action: "install",
        release: "release-1",
        salt: "rollout-1",
        stage: { number: 1, thresholdBp: 10_000 },
        paused: false,
        deadlines: { startMs: 600_000, stepMs: 120_000 },
        retries: 3,
        probation: { minRuns: 0, minMs: 5_000 },
        stopRule: { windowS: 600, minRuns: 20, maxErrorRate: 0.2, maxLatencyRatio: 5, maxRestarts: 2 },
        ...words,
      };
      return put(`/v1/cohorts/${cohort}/directive`, topics.directive(fleetId, cohort), {
        type: "flotilla/directive",
        version: 1,
        fleet: fleetId,
        cohort,
        ...times(),
        models: { [modelId]: model },
        ...change,
      });
    },
    setDocument: (device, change) =>
      put(`/v1/devices/${device}/document`, topics.document(fleetId, device), {
        type: "flotilla/device",
        version: 1,
        fleet: fleetId,
        device,
        ...times(),
        tags: [],
        pins: {},
        revoked: false,
        ...change,
      }),
    async handle({ path, headers = {}, body }) {
      if (path.startsWith("/v1/tuf/metadata/")) {
        return bytesOr404(repository.metadata.get(path.slice("/v1/tuf/metadata/".length)));
      }
      if (path.startsWith("/v1/tuf/targets/")) {
        return serveTarget(decodeURIComponent(path.slice("/v1/tuf/targets/".length)), headers);
      }
      if (path.endsWith("/reports")) {
        const { statuses: sent = [], metrics: measured = [] } = JSON.parse(new TextDecoder().decode(body)) as {
          statuses?: Status[];
          metrics?: Metrics[];
        };
        const found = [...sent, ...measured].map(takeReport);
        return json(200, { ack: acks ? found.slice(-1) : [] });
      }
      return bytesOr404(documents.get(path));
    },
    takeMessage(topic, payload) {
      const parsed = parseTopic(topic);
      if (parsed?.kind !== "status" && parsed?.kind !== "metrics") return;
      const ack = takeReport(JSON.parse(new TextDecoder().decode(payload)) as Status | Metrics);
      if (acks) publishAck(topics.ack(fleetId, ack.device), new TextEncoder().encode(JSON.stringify(ack)));
    },
  };
}
