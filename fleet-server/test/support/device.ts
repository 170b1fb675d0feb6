/**
 * A device for tests: its own key, real HTTP and MQTT, and an outbox that keeps what is not acknowledged.
 * It installs nothing; tests say what it reports.
 */
import { randomBytes } from "node:crypto";
import { createDeviceToken } from "@flotilla/protocol/device-token";
import type { Ack, DeviceState, Metrics, Status } from "@flotilla/protocol/documents/reports";
import { addToSketch, createSketch, encodeSketch } from "@flotilla/protocol/sketch";
import { topics } from "@flotilla/protocol/topics";
import mqtt, { type MqttClient } from "mqtt";
import { ed25519Signer, generateEd25519Seed } from "../../src/trust/ed25519-signer.ts";
import { model } from "./engineer.ts";
import { fleetId } from "./fleet.ts";

export class TestDevice {
  readonly id: string;
  readonly signer = ed25519Signer(generateEd25519Seed());
  readonly boot = randomBytes(8).toString("hex");
  readonly acks: Ack[] = [];
  /** Topic → last retained or live message. */
  readonly received = new Map<string, Uint8Array>();
  /** Every message, in the order of arrival, over all connections. */
  readonly heard: { readonly topic: string; readonly payload: Uint8Array }[] = [];
  /** Reports that no acknowledgement covers. */
  outbox: (Status | Metrics)[] = [];
  attributes: Record<string, string | number | boolean> = { platform: "linux", runtimes: "litert@2.5.3" };
  private sequence = 0;
  private mqtt: MqttClient | null = null;
  /** Rejects when the connection is gone: the library lets what was being sent wait for ever. */
  private gone: Promise<never> = Promise.reject(new TypeError("not connected"));
  private waiting: (() => void)[] = [];

  constructor(id: string) {
    this.id = id;
    this.gone.catch(() => undefined);
  }

  token(overrides: { device?: string; fleet?: string; nowMs?: number } = {}): Promise<string> {
    const claims = { device: this.id, fleet: fleetId, nowMs: Date.now(), tokenId: randomBytes(8).toString("hex") };
    return createDeviceToken({ ...claims, ...overrides }, this.signer);
  }

  async enrol(url: string, token: string): Promise<Response> {
    const post = (path: string, body: unknown) =>
      fetch(url + path, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    const { nonce } = (await (await post("/v1/enrolment/challenge", { device: this.id })).json()) as { nonce: string };
    const message = new TextEncoder().encode(`flotilla-enrolment\n${fleetId}\n${this.id}\n${nonce}`);
    const signature = Buffer.from(await this.signer.sign(message)).toString("hex");
    const publicKey = this.signer.publicKey.keyval.public;
    return await post("/v1/enrolment", {
      device: this.id,
      publicKey,
      token,
      nonce,
      signature,
      attributes: this.attributes,
    });
  }

  async connect(mqttUrl: string, cohorts: readonly string[] = ["everyone"]): Promise<void> {
    const client = mqtt.connect(mqttUrl, {
      clientId: this.id,
      username: this.id,
      password: await this.token(),
      clean: true,
      protocolVersion: 4,
      reconnectPeriod: 0,
    });
    this.mqtt = client;
    client.on("error", () => undefined);
    client.on("message", (topic, payload) => {
      this.received.set(topic, new Uint8Array(payload));
      this.heard.push({ topic, payload: new Uint8Array(payload) });
      if (topic === topics.ack(fleetId, this.id)) this.takeAck(JSON.parse(payload.toString()) as Ack);
      for (const wake of this.waiting.splice(0)) wake();
    });
    const gone = Promise.withResolvers<never>();
    gone.promise.catch(() => undefined);
    client.once("close", () => gone.reject(new TypeError("the broker closed the connection")));
    this.gone = gone.promise;
    await Promise.race([new Promise<void>((resolve) => client.once("connect", () => resolve())), gone.promise]);
    const subscribed = client.subscribeAsync(
      [
        topics.index(fleetId),
        topics.ack(fleetId, this.id),
        topics.document(fleetId, this.id),
        ...cohorts.map((cohort) => topics.directive(fleetId, cohort)),
      ],
      { qos: 1 },
    );
    await Promise.race([subscribed, gone.promise]);
  }

  async disconnect(): Promise<void> {
    const client = this.mqtt;
    this.mqtt = null;
    await client?.endAsync(true);
  }

  get client(): MqttClient {
    if (this.mqtt === null) throw new TypeError(`${this.id} is not connected`);
    return this.mqtt;
  }

  status(rollout: string, release: string, state: DeviceState, running: string | null = null): Status {
    return this.queue({
      type: "flotilla/status",
      version: 1,
      device: this.id,
      boot: this.boot,
      sequence: ++this.sequence,
      model,
      rollout,
      release,
      variant: "int8-board",
      state,
      running,
      atMs: Date.now(),
    });
  }

  metrics(release: string, latenciesMs: readonly number[], errors = 0, correct = latenciesMs.length): Metrics {
    const latency = createSketch();
    const confidence = createSketch();
    for (const value of latenciesMs) addToSketch(latency, value);
    for (const _ of latenciesMs) addToSketch(confidence, 0.9);
    return this.queue({
      type: "flotilla/metrics",
      version: 1,
      device: this.id,
      boot: this.boot,
      sequence: ++this.sequence,
      model,
      release,
      variant: "int8-board",
      fromMs: 1,
      toMs: 2,
      runs: latenciesMs.length,
      errors,
      latencyMs: encodeSketch(latency),
      confidence: encodeSketch(confidence),
      labelled: { runs: latenciesMs.length, correct },
    });
  }

  private queue<T extends Status | Metrics>(report: T): T {
    this.outbox.push(report);
    return report;
  }

  private takeAck(ack: Ack): void {
    this.acks.push(ack);
    this.outbox = this.outbox.filter(({ boot, sequence }) => boot !== ack.boot || sequence > ack.sequence);
  }

  async publish(topic: string, payload: unknown, options: { retain?: boolean } = {}): Promise<void> {
    const text = payload instanceof Uint8Array ? Buffer.from(payload) : JSON.stringify(payload);
    const published = this.client.publishAsync(topic, text, { qos: 1, retain: options.retain ?? false });
    published.catch(() => undefined);
    await Promise.race([published, this.gone]);
  }

  async hello(bootCount = 1): Promise<void> {
    await this.publish(topics.hello(fleetId, this.id), this.helloDocument(bootCount));
  }

  helloDocument(bootCount = 1) {
    return {
      type: "flotilla/hello",
      version: 1,
      device: this.id,
      boot: this.boot,
      bootCount,
      agentVersion: "0.1.0",
      attributes: this.attributes,
      models: {},
      atMs: Date.now(),
    };
  }

  /** Sends all that is in the outbox by MQTT. */
  async send(): Promise<void> {
    for (const report of [...this.outbox]) {
      const topic = report.type === "flotilla/status" ? topics.status : topics.metrics;
      await this.publish(topic(fleetId, this.id), report);
    }
  }

  /** Resolves when `condition` holds, looked at after every message. */
  async until(condition: () => boolean, what: string, timeoutMs = 10_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!condition()) {
      const left = deadline - Date.now();
      if (left <= 0) throw new TypeError(`${this.id} waited ${timeoutMs} ms for ${what}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Sends the outbox and waits until all of it is acknowledged. */
  async flush(): Promise<void> {
    await this.send();
    await this.until(() => this.outbox.length === 0, "acknowledgements");
  }

  /** The payload of a retained document, unverified. */
  document(topic: string): Record<string, unknown> | null {
    const bytes = this.received.get(topic);
    if (bytes === undefined) return null;
    const { payload } = JSON.parse(Buffer.from(bytes).toString()) as { payload: string };
    return JSON.parse(Buffer.from(payload, "base64").toString()) as Record<string, unknown>;
  }

  directive(cohort = "everyone"): { sequence: number; models: Record<string, Record<string, unknown>> } | null {
    return this.document(topics.directive(fleetId, cohort)) as never;
  }
}
