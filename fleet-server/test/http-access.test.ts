/** Every route with every kind of caller: the table here says who may, the server's own OpenAPI says what there is. */
import { readdir, readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestDevice } from "./support/device.ts";
import { startFleet, type TestFleet } from "./support/fleet.ts";

type Caller = "public" | "operator" | "device" | "device-or-operator";

/** Route → who may call it. A route that is missing here, or only here, fails the test below. */
const table: Record<string, Caller> = {
  "GET /v1/health": "public",
  "GET /v1/fleet": "public",
  "GET /v1/tuf/metadata/{name}": "public",
  "GET /v1/tuf/targets/{*}": "device-or-operator",
  "PUT /v1/tuf/blobs/{digest}": "operator",
  "POST /v1/enrolment/challenge": "public",
  "POST /v1/enrolment": "public",
  "POST /v1/enrolment-tokens": "operator",
  "GET /v1/fleet/index": "device-or-operator",
  "GET /v1/cohorts/{cohort}/directive": "device-or-operator",
  "GET /v1/devices/{device}/document": "device",
  "POST /v1/devices/{device}/reports": "device",
  "GET /v1/devices": "operator",
  "GET /v1/devices/{device}/detail": "operator",
  "PUT /v1/devices/{device}/tags": "operator",
  "PUT /v1/devices/{device}/pins": "operator",
  "POST /v1/devices/{device}/revoke": "operator",
  "POST /v1/cohorts": "operator",
  "GET /v1/cohorts": "operator",
  "GET /v1/cohorts/{cohort}/preview": "operator",
  "POST /v1/trust/files": "operator",
  "GET /v1/releases": "operator",
  "GET /v1/models/{model}/releases/{release}": "operator",
  "GET /v1/models/{model}/metrics": "operator",
  "POST /v1/rollouts": "operator",
  "GET /v1/rollouts": "operator",
  "GET /v1/rollouts/{rollout}": "operator",
  "POST /v1/rollouts/{rollout}/start": "operator",
  "POST /v1/rollouts/{rollout}/pause": "operator",
  "POST /v1/rollouts/{rollout}/resume": "operator",
  "POST /v1/rollouts/{rollout}/promote": "operator",
  "POST /v1/rollouts/{rollout}/rollback": "operator",
  "POST /v1/rollouts/{rollout}/cancel": "operator",
  "GET /v1/rollouts/{rollout}/devices/{device}/explain": "operator",
};

let fleet: TestFleet;
const device = new TestDevice("device-own");
const other = new TestDevice("device-other");
const revoked = new TestDevice("device-gone");
const stranger = new TestDevice("device-own");

beforeAll(async () => {
  fleet = await startFleet({ limits: { failedLoginsPerMinute: 10_000 } });
  const { token } = await fleet.client.post<{ token: string }>("/v1/enrolment-tokens", { uses: 3 });
  for (const one of [device, other, revoked]) {
    expect((await one.enrol(fleet.server.url, token)).status).toBe(201);
  }
  await fleet.client.post(`/v1/devices/${revoked.id}/revoke`);
});
afterAll(async () => {
  expect(fleet.problems).toEqual([]);
  await fleet.close();
});

/** Callers, their tokens, and which routes are theirs. */
const callers: [string, () => Promise<string | null>, (access: Caller) => boolean][] = [
  ["nobody", async () => null, (access) => access === "public"],
  ["a made-up token", async () => "x".repeat(43), (access) => access === "public"],
  ["an empty token", async () => "", (access) => access === "public"],
  ["an operator", async () => fleet.token, (access) => access !== "device"],
  ["the device itself", () => device.token(), (access) => access !== "operator"],
  ["a revoked device", () => revoked.token(), (access) => access === "public"],
  ["a device of another fleet", () => device.token({ fleet: "other-fleet" }), (access) => access === "public"],
  ["a token from an hour ago", () => device.token({ nowMs: Date.now() - 3_600_000 }), (access) => access === "public"],
  ["someone with another key", () => stranger.token(), (access) => access === "public"],
  ["a device that was never enrolled", () => stranger.token({ device: "device-new" }), (access) => access === "public"],
];

async function call(route: string, token: string | null, deviceId = device.id): Promise<Response> {
  const [method = "", template = ""] = route.split(" ");
  const path = template
    .replace("{device}", deviceId)
    .replace("{name}", "nothing.json")
    .replace("{*}", `${"0".repeat(64)}.nothing`)
    .replace("{digest}", "0".repeat(64))
    .replaceAll(/\{[a-z]+\}/g, "nothing-here");
  return await fetch(fleet.server.url + path, {
    method,
    headers: token === null ? {} : { authorization: `Bearer ${token}` },
  });
}

test("the table is about all routes that there are", async () => {
  const document = (await (await fetch(`${fleet.server.url}/docs/json`)).json()) as {
    paths: Record<string, Record<string, unknown>>;
  };
  const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(routes.toSorted()).toEqual(Object.keys(table).toSorted());
});

describe.each(callers)("%s", (_, tokenOf, may) => {
  test.each(Object.entries(table))("%s", async (route, access) => {
    const token = await tokenOf();
    // Devices ask about themselves; what operators do is done to nobody.
    const response = await call(route, token, token === fleet.token ? "device-none" : device.id);
    const body = await response.text();
    if (may(access)) expect(response.status, body).not.toBe(401);
    else {
      expect(response.status).toBe(401);
      expect(JSON.parse(body)).toMatchObject({ error: { code: "ROLLOUT_UNAUTHORIZED" } });
    }
    expect(response.status, body).toBeLessThan(500);
  });
});

test("a device that asks for another's gets what it would get for one that does not exist", async () => {
  const token = await device.token();
  for (const route of ["GET /v1/devices/{device}/document", "POST /v1/devices/{device}/reports"]) {
    const others = await call(route, token, other.id);
    const nobodys = await call(route, token, "device-none");
    expect(others.status).toBe(404);
    expect(await others.text()).toBe(await nobodys.text());
  }
});

test("tokens in the query string are not looked at", async () => {
  const response = await fetch(`${fleet.server.url}/v1/devices?token=${fleet.token}`);
  expect(response.status).toBe(401);
});

test("guessing is slowed down, and health stays up", async () => {
  const slow = await startFleet({ limits: { failedLoginsPerMinute: 5 } });
  try {
    const statuses: number[] = [];
    for (let i = 0; i < 8; i++) {
      const headers = { authorization: `Bearer ${"guess".repeat(9)}${i}` };
      statuses.push((await fetch(`${slow.server.url}/v1/devices`, { headers })).status);
    }
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429]);
    expect((await fetch(`${slow.server.url}/v1/health`)).status).toBe(200);
  } finally {
    await slow.close();
  }
});

test("an address that asks too much is told to wait", async () => {
  const small = await startFleet({ limits: { requestsPerMinute: 60, enrolmentsPerMinute: 3 } });
  try {
    const url = `${small.server.url}/v1/enrolment/challenge`;
    const ask = () =>
      fetch(url, { method: "POST", body: '{"device":"abc"}', headers: { "content-type": "application/json" } });
    const answers = [await ask(), await ask(), await ask(), await ask()];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
    expect(answers[3]?.headers.get("retry-after")).toBeTruthy();
    expect(await answers[3]?.json()).toMatchObject({ error: { code: "ROLLOUT_RATE_LIMITED" } });
  } finally {
    await small.close();
  }
});

test("bodies that are too large, no JSON or not as documented are refused with a code", async () => {
  const send = async (body: string, type = "application/json") => {
    const headers = { authorization: `Bearer ${fleet.token}`, "content-type": type };
    const response = await fetch(`${fleet.server.url}/v1/cohorts`, { method: "POST", headers, body });
    return [response.status, ((await response.json()) as { error: { code: string } }).error.code];
  };
  expect(await send("{")).toEqual([400, "CONFIG_INVALID"]);
  expect(await send('{"__proto__":{"id":"x"}}')).toEqual([400, "CONFIG_INVALID"]);
  expect(await send('{"id":"UPPER","cel":"true","priority":0}')).toEqual([400, "CONFIG_INVALID"]);
  expect(await send('{"id":"abc","cel":"true","priority":"0"}')).toEqual([400, "CONFIG_INVALID"]);
  expect(await send('{"id":"abc","cel":"1 +","priority":0}')).toEqual([400, "CONFIG_COHORT_INVALID"]);
  expect(await send("a=b", "application/x-www-form-urlencoded")).toEqual([415, "CONFIG_INVALID"]);
  expect(await send(JSON.stringify("x".repeat(5 * 2 ** 20)))).toEqual([413, "TRANSPORT_LIMIT"]);
});

test("no secret leaves the server: not in answers, not in the database's text", async () => {
  const pages = await Promise.all(
    ["/docs/json", "/v1/health", "/v1/fleet"].map(async (path) => (await fetch(fleet.server.url + path)).text()),
  );
  const devices = JSON.stringify(await fleet.client.get("/v1/devices"));
  const data = fleet.options.dataFolder;
  const files = (await readdir(data)).filter((name) => name.startsWith("fleet.sqlite"));
  const database = (await Promise.all(files.map((name) => readFile(`${data}/${name}`, "latin1")))).join("");
  const key = JSON.parse(await readFile(fleet.options.keyFiles.directive, "utf8")) as { secret: string };
  for (const text of [...pages, devices, database]) {
    expect(text).not.toContain(fleet.token);
    expect(text).not.toContain(key.secret);
  }
});
