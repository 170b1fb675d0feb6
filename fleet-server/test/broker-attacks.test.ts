/** Attacks on the broker, rows T1 to T6 of the fault matrix (facts: trust-and-faults.md §7). */
import { connect as connectTcp, type Socket } from "node:net";
import { topics } from "@flotilla/protocol/topics";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { judgePublish, judgeSubscribe } from "../src/adapters/aedes/access.ts";
import { maxBytesAfterAuthentication, maxBytesBeforeAuthentication, scan } from "../src/adapters/aedes/packet-guard.ts";
import { TestDevice } from "./support/device.ts";
import { fleetId, startFleet, type TestFleet } from "./support/fleet.ts";

let fleet: TestFleet;
let mallory: TestDevice;
let victim: TestDevice;
const open: { end: () => void }[] = [];

beforeAll(async () => {
  fleet = await startFleet();
  mallory = new TestDevice("mallory");
  victim = new TestDevice("victim");
  const { token } = await fleet.client.post<{ token: string }>("/v1/enrolment-tokens", { uses: 2 });
  for (const device of [mallory, victim]) await device.enrol(fleet.server.url, token);
  await victim.connect(fleet.server.mqttUrl);
});
beforeEach(() => victim.received.clear());
afterEach(async () => {
  for (const one of open.splice(0)) one.end();
  await mallory.disconnect();
});
afterAll(async () => {
  await victim.disconnect();
  await fleet.close();
  expect(fleet.problems).toEqual([]);
});

/** Connects with any options; null if the broker refuses. */
async function attempt(options: IClientOptions): Promise<MqttClient | null> {
  const client = mqtt.connect(fleet.server.mqttUrl, {
    reconnectPeriod: 0,
    protocolVersion: 4,
    clean: true,
    ...options,
  });
  open.push({ end: () => client.end(true) });
  client.on("error", () => undefined);
  return await new Promise((resolve) => {
    client.once("connect", () => resolve(client));
    client.once("close", () => resolve(null));
  });
}

const closed = (client: MqttClient): Promise<void> => new Promise((resolve) => client.once("close", () => resolve()));

/** The victim still has its session and its reports are taken. */
async function victimIsWell(): Promise<void> {
  expect(victim.client.connected).toBe(true);
  victim.status("rollout-x", "r-x", "offered");
  await victim.flush();
}

describe("T1, T2: being someone else", () => {
  test.each([
    ["with the own token", async () => ({ clientId: "victim", username: "victim", password: await mallory.token() })],
    [
      "with a token that names the victim, by the own key",
      async () => ({ clientId: "victim", username: "victim", password: await mallory.token({ device: "victim" }) }),
    ],
    [
      "with the own name as user",
      async () => ({ clientId: "victim", username: "mallory", password: await mallory.token() }),
    ],
    ["without a password", async () => ({ clientId: "victim", username: "victim" })],
    ["with a wildcard as name", async () => ({ clientId: "#", username: "#", password: await mallory.token() })],
    ["without a name", async () => ({ clientId: "", username: "", password: await mallory.token() })],
    [
      "in a session that stays",
      async () => ({ clientId: "mallory", username: "mallory", password: await mallory.token(), clean: false }),
    ],
  ])("%s", async (_, options) => {
    expect(await attempt(await options())).toBeNull();
    await victimIsWell();
  });
});

describe("T1: other topics", () => {
  test.each([
    "#",
    "+/#",
    "$SYS/#",
    "$share/group/flotilla/v1/test-fleet/index",
    "flotilla/v1/test-fleet/device/+/status",
    "flotilla/v1/test-fleet/device/victim/ack",
    "flotilla/v1/test-fleet/device/victim/document",
    "flotilla/v1/test-fleet/device/mallory/#",
    "flotilla/v1/other-fleet/index",
    "flotilla/v1/test-fleet/cohort/+/directive",
    "flotilla/v1/test-fleet/device/mallory/status",
  ])("may not subscribe to %s", async (filter) => {
    await mallory.connect(fleet.server.mqttUrl);
    const [granted] = await mallory.client.subscribeAsync(filter, { qos: 1 }).catch(() => [{ qos: 128 }]);
    expect(granted?.qos ?? 128).toBe(128);
    await victimIsWell();
  });

  test.each([
    topics.status(fleetId, "victim"),
    topics.presence(fleetId, "victim"),
    topics.ack(fleetId, "victim"),
    topics.ack(fleetId, "mallory"),
    topics.index(fleetId),
    topics.directive(fleetId, "everyone"),
    topics.document(fleetId, "mallory"),
    "$SYS/anything",
    "anything",
    "flotilla/v1/test-fleet/device/mallory/status/more",
    "flotilla/v1/test-fleet/device//status",
    Array(200).fill("a").join("/"),
  ])("may not publish on %s", async (topic) => {
    await mallory.connect(fleet.server.mqttUrl);
    const end = closed(mallory.client);
    mallory.client.publish(topic, "{}", { qos: 1 });
    await end;
    await victimIsWell();
    // The victim heard of nothing but its own acknowledgement.
    expect([...victim.received.keys()]).toEqual([topics.ack(fleetId, "victim")]);
  });
});

describe("T3: wills and retained messages", () => {
  const will = (topic: string, more: object = {}) => ({
    topic,
    payload: Buffer.from("gone"),
    qos: 1 as const,
    retain: false,
    ...more,
  });
  test.each([
    ["on another's presence", will(topics.presence(fleetId, "victim"))],
    ["on a directive", will(topics.directive(fleetId, "everyone"))],
    ["on the own status", will(topics.status(fleetId, "mallory"))],
    ["retained", will(topics.presence(fleetId, "mallory"), { retain: true })],
    ["long", will(topics.presence(fleetId, "mallory"), { payload: Buffer.alloc(2000) })],
  ])("a will %s", async (_, refusedWill) => {
    const options = { clientId: "mallory", username: "mallory", password: await mallory.token(), will: refusedWill };
    expect(await attempt(options)).toBeNull();
    await victimIsWell();
  });

  test("the own presence may be a will", async () => {
    const options = {
      clientId: "mallory",
      username: "mallory",
      password: await mallory.token(),
      will: will(topics.presence(fleetId, "mallory")),
    };
    expect(await attempt(options)).not.toBeNull();
  });

  test("devices retain nothing", async () => {
    await mallory.connect(fleet.server.mqttUrl);
    const end = closed(mallory.client);
    mallory.client.publish(topics.status(fleetId, "mallory"), "{}", { qos: 1, retain: true });
    await end;
    expect(fleet.refusals.map(({ reason }) => reason)).toContain("devices may not retain messages");
  });
});

/** A raw socket; `ended` resolves when the server has closed it. */
function socket(): { readonly tcp: Socket; readonly ended: Promise<void> } {
  const tcp = connectTcp(Number(new URL(fleet.server.mqttUrl).port), "127.0.0.1");
  tcp.on("error", () => undefined);
  open.push({ end: () => tcp.destroy() });
  return { tcp, ended: new Promise((resolve) => tcp.once("close", () => resolve())) };
}

/** A fixed header that announces `length` bytes. */
function header(type: number, length: number): Buffer {
  const bytes = [type];
  let rest = length;
  do {
    bytes.push((rest % 128) | (rest >= 128 ? 128 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Buffer.from(bytes);
}

describe("T5: sizes", () => {
  test("a CONNECT of 250 MiB is cut off at its header, and costs no memory", async () => {
    const before = process.memoryUsage.rss();
    const attacks = Array.from({ length: 20 }, () => socket());
    for (const { tcp } of attacks) tcp.write(Buffer.concat([header(0x10, 250 * 2 ** 20), Buffer.alloc(256 * 1024)]));
    await Promise.all(attacks.map(({ ended }) => ended));
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 2 ** 20);
    await victimIsWell();
  });

  test("a PUBLISH of 64 MiB after authentication is cut off", async () => {
    await mallory.connect(fleet.server.mqttUrl);
    const before = process.memoryUsage.rss();
    const end = closed(mallory.client);
    mallory.client.publish(topics.metrics(fleetId, "mallory"), Buffer.alloc(1024), { qos: 0 });
    // Straight into the connection, because the library would first build the whole packet here.
    mallory.client.stream.write(header(0x32, 64 * 2 ** 20));
    await end;
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 2 ** 20);
    await victimIsWell();
  });

  test("a length of five bytes is no length", async () => {
    const { tcp, ended } = socket();
    tcp.write(Buffer.from([0x10, 0x80, 0x80, 0x80, 0x80, 0x01]));
    await ended;
    await victimIsWell();
  });

  test("a CONNECT that drips is given five seconds", async () => {
    const { tcp, ended } = socket();
    const started = performance.now();
    tcp.write(Buffer.from([0x10]));
    await ended;
    expect(performance.now() - started).toBeLessThan(8000);
    await victimIsWell();
  });

  test("garbage is not MQTT", async () => {
    const { tcp, ended } = socket();
    tcp.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await ended;
    await victimIsWell();
  });

  test("a thousand connections that say nothing keep nobody out", async () => {
    const idle = Array.from({ length: 1000 }, () => socket());
    await Promise.all(idle.map(({ tcp }) => new Promise((resolve) => tcp.once("connect", resolve))));
    await mallory.connect(fleet.server.mqttUrl);
    await victimIsWell();
  });

  test.each([
    ["whole", [Buffer.concat([header(0x10, 100), Buffer.alloc(100)])], 200, null],
    [
      "byte by byte",
      [...Buffer.concat([header(0x30, 300), Buffer.alloc(300)])].map((b) => Buffer.from([b])),
      400,
      null,
    ],
    ["at the limit", [header(0x10, maxBytesBeforeAuthentication - 3)], maxBytesBeforeAuthentication, null],
    ["one byte over", [header(0x10, maxBytesBeforeAuthentication - 2)], maxBytesBeforeAuthentication, 4097],
    [
      "the second packet is too large",
      [Buffer.concat([header(0x10, 2), Buffer.alloc(2), header(0x30, 70_000)])],
      maxBytesAfterAuthentication,
      70_004,
    ],
    ["a split header", [Buffer.from([0x30]), Buffer.from([0xff]), Buffer.from([0x7f])], 4096, 1 + 2 + 127 + 127 * 128],
    ["an empty packet", [Buffer.from([0xc0, 0x00, 0xc0, 0x00])], 2, null],
  ] as const)("scan: %s", (_, chunks, maxBytes, refused) => {
    const state = { remaining: 0, lengthBytes: -1, length: 0 };
    const verdicts = chunks.map((chunk) => scan(state, chunk, maxBytes));
    expect(verdicts.find((verdict) => verdict !== null) ?? null).toBe(refused);
  });
});

describe("T4, T6: what is said on the own topics", () => {
  test.each([
    ["nothing", Buffer.alloc(0)],
    ["no JSON", Buffer.from("{")],
    ["not UTF-8", Buffer.from([0xff, 0xfe])],
    ["another type", Buffer.from('{"type":"flotilla/directive","version":1}')],
    ["a prototype", Buffer.from('{"__proto__":{"device":"mallory"},"type":"flotilla/status"}')],
    ["a number that is none", Buffer.from('{"type":"flotilla/status","version":1,"sequence":1e999}')],
    ["nested a thousand deep", Buffer.from("[".repeat(1000))],
  ])("%s is dropped and counted", async (_, payload) => {
    await mallory.connect(fleet.server.mqttUrl);
    const before = fleet.server.counters.malformed;
    await mallory.publish(topics.status(fleetId, "mallory"), new Uint8Array(payload));
    await victimIsWell();
    expect(fleet.server.counters.malformed).toBe(before + 1);
    expect(fleet.problems).toEqual([]);
  });

  test("a report in another device's name is dropped", async () => {
    await mallory.connect(fleet.server.mqttUrl);
    const before = fleet.server.counters.malformed;
    const report = { ...mallory.status("rollout-1", "r-1", "healthy", "r-1"), device: "victim" };
    await mallory.publish(topics.status(fleetId, "mallory"), report);
    await victimIsWell();
    expect(fleet.server.counters.malformed).toBe(before + 1);
  });
});

test("access is a matter of exact levels", () => {
  const may = (topic: string) => "kind" in judgePublish("fleet-1", "board-1", { topic, retain: false, qos: 1 });
  expect(may("flotilla/v1/fleet-1/device/board-1/status")).toBe(true);
  expect(may("flotilla/v1/fleet-1/device/board-11/status")).toBe(false);
  expect(may("flotilla/v1/fleet-1/device/board-1/status/")).toBe(false);
  expect(may("/flotilla/v1/fleet-1/device/board-1/status")).toBe(false);
  expect(may("flotilla/v2/fleet-1/device/board-1/status")).toBe(false);
  expect(judgePublish("fleet-1", "board-1", { topic: "x", retain: false, qos: 2 })).toHaveProperty("refusal");
  expect(judgeSubscribe("fleet-1", "board-1", "flotilla/v1/fleet-1/cohort/any/directive")).toBeNull();
  expect(judgeSubscribe("fleet-1", "board-1", "flotilla/v1/fleet-1/cohort/any/")).not.toBeNull();
});
