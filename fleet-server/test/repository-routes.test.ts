/** The TUF repository over HTTP: uploads, publication, downloads by range; and releases that may not roll out. */
import { sha256Hex } from "@flotilla/protocol/digest";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseRange } from "../src/http/byte-range.ts";
import { model } from "./support/engineer.ts";
import { startFleet, type TestFleet } from "./support/fleet.ts";
import { plan } from "./support/plan.ts";

let fleet: TestFleet;
beforeAll(async () => {
  fleet = await startFleet({ limits: { maxBlobBytes: 1_000_000 } });
});
afterAll(async () => {
  await fleet.close();
  expect(fleet.problems).toEqual([]);
});

const call = (path: string, init: RequestInit & { headers?: Record<string, string> } = {}) =>
  fetch(fleet.server.url + path, { ...init, headers: { authorization: `Bearer ${fleet.token}`, ...init.headers } });
const codeOf = async (response: Response) => ((await response.json()) as { error: { code: string } }).error.code;
const upload = (digest: string, body: BodyInit) =>
  call(`/v1/tuf/blobs/${digest}`, { method: "PUT", body, headers: { "content-type": "application/octet-stream" } });

type BodyInit = NonNullable<RequestInit["body"]>;

describe("uploads", () => {
  const bytes = new TextEncoder().encode("weights");
  test("are kept under their digest, and can be repeated", async () => {
    for (let i = 0; i < 2; i++) {
      const response = await upload(sha256Hex(bytes), bytes);
      expect([response.status, await response.json()]).toEqual([200, { digest: sha256Hex(bytes), sizeBytes: 7 }]);
    }
  });
  test("with another digest are refused", async () => {
    const response = await upload("0".repeat(64), bytes);
    expect([response.status, await codeOf(response)]).toEqual([400, "INTEGRITY_DIGEST"]);
  });
  test("that are too large are refused, announced or not", async () => {
    const large = new Uint8Array(1_000_001);
    const announced = await upload(sha256Hex(large), large);
    expect([announced.status, await codeOf(announced)]).toEqual([413, "TRANSPORT_LIMIT"]);
    const stream = new Blob([large]).stream();
    const init = { method: "PUT", body: stream, duplex: "half" } as const;
    const chunked = await call(`/v1/tuf/blobs/${sha256Hex(large)}`, init).catch(() => null);
    // The server may close the connection before the client has sent all; either way nothing is kept.
    if (chunked !== null) expect(chunked.status).toBe(413);
    expect((await upload(sha256Hex(bytes), bytes)).status).toBe(200);
  });
  test.each(["x", "../../etc/passwd", "%2e%2e%2f", "A".repeat(64)])("to the name %s are refused", async (name) => {
    expect((await upload(encodeURIComponent(name), bytes)).status).toBe(400);
  });
});

describe("downloads", () => {
  let path: string;
  let whole: string;
  beforeAll(async () => {
    const { release } = await fleet.client.get<{ release: { variants: { digest: string }[] } }>(
      `/v1/models/${model}/releases/r-1`,
    );
    const digest = release.variants[0]?.digest ?? "";
    path = `/v1/tuf/targets/models/${model}/${digest}.${digest}.tflite`;
    whole = await (await call(path)).text();
    expect(sha256Hex(new TextEncoder().encode(whole))).toBe(digest);
  });

  test.each([
    ["bytes=0-9", 206, 0, 10],
    ["bytes=10-19", 206, 10, 20],
    ["bytes=4000-", 206, 4000, 4096],
    ["bytes=-96", 206, 4000, 4096],
    ["bytes=4000-9999", 206, 4000, 4096],
    ["bytes=0-1,5-6", 200, 0, 4096],
    ["items=0-1", 200, 0, 4096],
  ])("range %s", async (range, status, start, end) => {
    const response = await call(path, { headers: { range } });
    expect(response.status).toBe(status);
    expect(await response.text()).toBe(whole.slice(start, end));
    if (status === 206) expect(response.headers.get("content-range")).toBe(`bytes ${start}-${end - 1}/4096`);
  });

  test("past the end", async () => {
    const response = await call(path, { headers: { range: "bytes=4096-" } });
    expect([response.status, response.headers.get("content-range")]).toEqual([416, "bytes */4096"]);
  });

  test("are named by their digest", async () => {
    const etag = (await call(path)).headers.get("etag") ?? "";
    expect((await call(path, { headers: { "if-none-match": etag } })).status).toBe(304);
    expect((await call(path, { headers: { "if-match": '"other"' } })).status).toBe(409);
    const stale = await call(path, { headers: { range: "bytes=0-9", "if-range": '"other"' } });
    expect([stale.status, (await stale.text()).length]).toEqual([200, 4096]);
  });

  test.each([
    "/v1/tuf/targets/nothing",
    `/v1/tuf/targets/models/${model}/${"0".repeat(64)}.r-1.release.json`,
    "/v1/tuf/targets/..%2f..%2ffleet.sqlite",
    "/v1/tuf/metadata/..%2f..%2fkey.json",
    "/v1/tuf/metadata/9.root.json",
  ])("of %s: nothing", async (nothing) => {
    expect([400, 404]).toContain((await call(nothing)).status);
  });

  test("an upload is not a target until signed metadata names it", async () => {
    const bytes = new TextEncoder().encode("unsigned");
    const digest = sha256Hex(bytes);
    await upload(digest, bytes);
    expect((await call(`/v1/tuf/targets/models/${model}/${digest}.${digest}.tflite`)).status).toBe(404);
  });
});

test("metadata comes as it was signed, and again after a restart", async () => {
  const root = await (await fetch(`${fleet.server.url}/v1/tuf/metadata/1.root.json`)).text();
  expect(root).toBe(Buffer.from((await fleet.engineer.store.read("metadata/1.root.json")) ?? []).toString());
  const version = async () => {
    const timestamp = await fetch(`${fleet.server.url}/v1/tuf/metadata/timestamp.json`);
    return ((await timestamp.json()) as { signed: { version: number } }).signed.version;
  };
  const before = await version();
  await fleet.restart();
  expect(await version()).toBeGreaterThan(before);
  expect(await fleet.client.get("/v1/releases")).toMatchObject({ releases: [{ release: "r-1" }] });
});

describe("publications that are refused leave everything as it was", () => {
  const publish = (files: { name: string; base64: string }[]) =>
    call("/v1/trust/files", {
      method: "POST",
      body: JSON.stringify({ files }),
      headers: { "content-type": "application/json" },
    });
  const timestamp = async () => (await fetch(`${fleet.server.url}/v1/tuf/metadata/timestamp.json`)).text();
  const role = (name: string) => fleet.engineer.store.read(`metadata/${name}`);

  test("a release whose files were not uploaded", async () => {
    await fleet.engineer.addRelease({ release: "r-later", counter: 9 });
    const before = await timestamp();
    const names = await fleet.engineer.store.list("metadata");
    const name = names.findLast((one) => one.endsWith(`release-${model}.json`)) ?? "";
    const base64 = Buffer.from((await role(name)) ?? []).toString("base64");
    const response = await publish([{ name, base64 }]);
    expect([response.status, await codeOf(response)]).toEqual([400, "IO_NOT_FOUND"]);
    expect(await timestamp()).toBe(before);
  });

  test("metadata with a byte changed", async () => {
    const before = await timestamp();
    const bytes = Buffer.from((await role("1.targets.json")) ?? [])
      .toString()
      .replace('"version":1', '"version":2');
    const response = await publish([{ name: "2.targets.json", base64: Buffer.from(bytes).toString("base64") }]);
    expect([response.status, await codeOf(response)]).toEqual([400, "INTEGRITY_SIGNATURE"]);
    expect(await timestamp()).toBe(before);
  });

  test.each(["timestamp.json", "1.snapshot.json", "../1.root.json", "1.targets.txt"])(
    "a file named %s",
    async (name) => {
      expect((await publish([{ name, base64: "e30=" }])).status).toBe(400);
    },
  );
});

describe("what may not roll out", () => {
  const add = async (overrides: Parameters<typeof plan>[0]) => {
    const response = await call("/v1/rollouts", {
      method: "POST",
      body: JSON.stringify(plan(overrides)),
      headers: { "content-type": "application/json" },
    });
    return [response.status, response.status === 201 ? "" : await codeOf(response)];
  };
  beforeAll(async () => {
    await fleet.engineer.addRelease({ release: "r-unproven", counter: 10, proven: false });
    await fleet.engineer.publish({ url: fleet.server.url, token: fleet.token });
  });

  test("a release that nobody published", async () => {
    expect(await add({ rollout: "ghost", release: "r-ghost" })).toEqual([404, "ROLLOUT_NOT_FOUND"]);
  });
  test("an unproven release, unless the plan allows it", async () => {
    expect(await add({ rollout: "unproven", release: "r-unproven" })).toEqual([403, "ROLLOUT_UNPROVEN"]);
    expect(await add({ rollout: "unproven", release: "r-unproven", allowUnproven: true })).toEqual([201, ""]);
  });
  test("a release below the floor that a later one set", async () => {
    await fleet.engineer.addRelease({ release: "r-floor", counter: 12, minCounter: 11 });
    await fleet.engineer.publish({ url: fleet.server.url, token: fleet.token });
    expect(await add({ rollout: "too-old" })).toEqual([403, "ROLLOUT_REFUSED"]);
    expect(await add({ rollout: "no-way-back", release: "r-floor", rollbackTo: "r-1" })).toEqual([
      403,
      "ROLLOUT_REFUSED",
    ]);
  });
  test("nonsense", async () => {
    const release = "r-floor";
    expect(await add({ rollout: "bad", release, stages: [] })).toEqual([400, "FORMAT_DOCUMENT"]);
    expect(await add({ rollout: "bad", release, cohort: "nobody" })).toEqual([400, "CONFIG_PLAN_INVALID"]);
    expect(await (await call("/v1/rollouts/bad")).status).toBe(404);
  });
  test("another plan under the same name; the same one is fine", async () => {
    const release = "r-floor";
    expect(await add({ rollout: "twice", release })).toEqual([201, ""]);
    expect(await add({ rollout: "twice", release })).toEqual([201, ""]);
    expect(await add({ rollout: "twice", release, retries: 5 })).toEqual([409, "ROLLOUT_EXISTS"]);
  });
  test("a draft that what was started since contradicts: two cohorts of one priority", async () => {
    const post = (path: string, body: unknown = {}) =>
      call(path, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } });
    const release = "r-floor";
    for (const id of ["left", "right"]) {
      expect((await post("/v1/cohorts", { id, cel: "true", priority: 7 })).status).toBeLessThan(300);
      expect(await add({ rollout: `to-${id}`, release, cohort: id })).toEqual([201, ""]);
    }
    expect((await post("/v1/rollouts/to-left/start")).status).toBe(200);
    const refused = await post("/v1/rollouts/to-right/start");
    expect([refused.status, await codeOf(refused)]).toEqual([400, "CONFIG_PLAN_INVALID"]);
    expect((await post("/v1/rollouts/to-left/cancel")).status).toBe(200);
  });
  test("a second rollout while the first is under way; twice the same start", async () => {
    const act = async (rollout: string, action: string) =>
      (await call(`/v1/rollouts/${rollout}/${action}`, { method: "POST" })).status;
    const release = "r-floor";
    expect(await add({ rollout: "second", release })).toEqual([201, ""]);
    expect(await act("twice", "start")).toBe(200);
    expect(await act("twice", "start")).toBe(409);
    expect(await act("second", "start")).toBe(409);
    expect(await act("twice", "cancel")).toBe(200);
    expect(await act("second", "start")).toBe(200);
    expect(await act("second", "promote")).toBe(200);
    await fleet.engineer.addRelease({ release: "r-next", counter: 13 });
    await fleet.engineer.publish({ url: fleet.server.url, token: fleet.token });
    expect(await add({ rollout: "third", release: "r-next" })).toEqual([201, ""]);
    expect(await act("third", "start")).toBe(200);
    // The second is no longer what anybody follows.
    expect(await act("second", "rollback")).toBe(409);
    expect(await act("third", "rollback")).toBe(200);
  });
  test("the release before is no way back once a floor lies above it", async () => {
    const view = async (rollout: string) =>
      (await (await call(`/v1/rollouts/${rollout}`)).json()) as { state: string; rollbackTo: string | null };
    await expect.poll(async () => (await view("third")).state).toBe("rolled-back");
    expect((await view("third")).rollbackTo).toBe("r-floor");
    await fleet.engineer.addRelease({ release: "r-last", counter: 20, minCounter: 20 });
    await fleet.engineer.publish({ url: fleet.server.url, token: fleet.token });
    expect(await add({ rollout: "fourth", release: "r-last" })).toEqual([201, ""]);
    expect((await call("/v1/rollouts/fourth/start", { method: "POST" })).status).toBe(200);
    expect((await view("fourth")).rollbackTo).toBeNull();
  });
});

test.each([
  [undefined, 100, { kind: "whole" }],
  ["bytes=0-0", 100, { kind: "part", start: 0, end: 0 }],
  ["bytes=-0", 100, { kind: "unsatisfiable" }],
  ["bytes=99-", 100, { kind: "part", start: 99, end: 99 }],
  ["bytes=100-", 100, { kind: "unsatisfiable" }],
  ["bytes=5-4", 100, { kind: "whole" }],
  ["bytes=-1000", 100, { kind: "part", start: 0, end: 99 }],
  ["bytes=-", 100, { kind: "whole" }],
  ["bytes=0-", 0, { kind: "unsatisfiable" }],
  ["bytes= 0-1", 100, { kind: "whole" }],
  ["bytes=99999999999999999999-", 100, { kind: "whole" }],
])("range %s of %i bytes", (header, size, range) => {
  expect(parseRange(header, size)).toEqual(range);
});
