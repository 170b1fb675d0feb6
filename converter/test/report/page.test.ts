/**
 * The page: names out of files stay text, its content security policy names exactly what stands in it, and a browser, where
 * there is one, opens it without an error and without asking anybody for anything.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { renderPage } from "../../src/report/page/render-page.ts";
import type { LayerReport, Report } from "../../src/report/report.ts";
import { writeReport } from "../../src/report/write-report.ts";
import { temporaryFolder } from "../convert/temporary.ts";

const hostile = "<script>alert(1)</script>";
const quoted = `"><img src=x onerror="document.title='broken'">'&\u202egnp`;

const layer = (node: string, inputs: readonly number[]): LayerReport => ({
  node,
  operator: "CONV_2D",
  precision: "int8",
  inputs,
  tensor: quoted,
  shape: [1, 4],
  dtype: "int8",
  scale: 0.1,
  zeroPoint: 0,
  calibrated: { min: -1, max: 1 },
  representable: { min: -12.8, max: 12.7 },
  coverage: 0.1,
  levelsUsed: 20,
  spread: {
    seen: { min: -1, max: 1 },
    central: { min: -0.9, max: 0.9 },
    histogram: { from: -1, to: 1, counts: [1, 2, 3] },
    values: 6,
    nonFinite: 0,
    clippedShare: 0,
    clippedPower: 0,
    rms: 0.5,
  },
  error: { sqnrDb: 9, own: { sqnrDb: 12, power: 0.01 }, inherited: { sqnrDb: null, power: 0 } },
  causes: [{ code: "few-levels", text: `Of ${hostile}.` }],
  origin: inputs[0] ?? null,
  macs: 100,
  constantBytes: 10,
  share: 0.5,
  weights: [
    {
      tensor: hostile,
      dtype: "int8",
      shape: [4, 4],
      bytes: 16,
      scales: 1,
      histogram: { from: -1, to: 1, counts: [4, 4] },
      rms: 0.4,
      channels: { count: 4, bounds: [0.1, 0.2, 0.5, 1], ratio: 2 },
      lostShare: 0.1,
      levelsUsed: 9,
      error: { sqnrDb: 30 },
    },
  ],
});

const report: Report = {
  type: "report",
  version: 1,
  source: { name: hostile, format: "onnx", sha256: "ab", parameters: 16 },
  variants: [quoted, "second"].map((name) => ({
    name,
    format: "tflite",
    recipe: "int8",
    bytes: 20,
    sha256: "cd",
    parity: null,
    accuracy: null,
    calibration: { data: hostile, digest: "ef", samples: 3, method: "min-max" },
    operators: { CONV_2D: { count: 2, version: 3 } },
    minRuntimeVersion: "1.14.0",
    arena: {
      bytes: 64,
      aliveBytes: 64,
      node: hostile,
      operator: "CONV_2D",
      alive: [{ tensor: quoted, bytes: 64 }],
      others: { count: 0, bytes: 0 },
    },
    macs: { total: 200, byPrecision: { int8: 200 } },
    size: { constants: 20, rest: 0 },
    islands: [{ operators: [{ node: hostile, operator: "CUSTOM", reason: quoted }] }],
    layers: [layer(hostile, []), layer(quoted, [0])],
    worst: [0, 1],
    measured: { samples: 3, data: hostile, runtime: "tflite" },
    unmeasured: null,
  })),
};

const page = renderPage(report);

test("names are text: no element, no attribute, no turned direction comes of them", () => {
  expect(page.match(/<script/g)).toHaveLength(1);
  expect(page).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
  expect(page).not.toMatch(/<img/);
  expect(page).not.toContain("\u202e");
});

test("the policy allows the page's own style and script by digest, and nothing else", () => {
  const [, policy = ""] = /Content-Security-Policy" content="([^"]*)"/.exec(page) ?? [];
  expect(policy).toMatch(/^default-src &#39;none&#39;|^default-src 'none'/);
  for (const tag of ["style", "script"]) {
    const [, text = ""] = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(page) ?? [];
    expect(text).not.toBe("");
    expect(policy.replaceAll("&#39;", "'")).toContain(`'sha256-${createHash("sha256").update(text).digest("base64")}'`);
  }
  expect(page).not.toMatch(/\sstyle="|\son[a-z]+="/);
  expect(page).not.toMatch(/(?:src|href)="(?!#|data:,)/);
});

test("every link leads to a place, ids are unique, tables and drawings are told to who cannot see them", () => {
  const ids = [...page.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const [, target] of page.matchAll(/href="#([^"]+)"/g)) expect(ids).toContain(target);
  for (const [table] of page.matchAll(/<table[\s\S]*?<\/table>/g)) expect(table).toMatch(/<th scope="col"/);
  for (const [svg] of page.matchAll(/<svg [^>]*>/g)) expect(svg).toMatch(/aria-label=|aria-hidden=/);
});

test("page and JSON are written beside each other, and say the same", async () => {
  const folder = await temporaryFolder();
  await writeReport(join(folder, "layers.html"), report);
  expect(await readFile(join(folder, "layers.html"), "utf8")).toBe(page);
  expect(JSON.parse(await readFile(join(folder, "layers.json"), "utf8"))).toEqual(report);
});

const names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
const folders = (process.env.PATH ?? "").split(":").filter((one) => one !== "");
const candidates = [
  ...(process.env.CHROME_BIN ? [process.env.CHROME_BIN] : []),
  ...folders.flatMap((one) => names.map((name) => join(one, name))),
];
const found = await Promise.all(
  candidates.map((path) =>
    access(path).then(
      () => path,
      () => null,
    ),
  ),
);
const browser = found.find((path) => path !== null);

/** The page with a probe in front of the closing body, which says in the title what went wrong; served, so that asking shows. */
test.skipIf(browser === undefined)(
  "a browser opens it, its script runs, and it asks for nothing",
  { timeout: 120_000 },
  async () => {
    const asked: string[] = [];
    const probe = `
    document.querySelector("th:nth-child(5) button").click();
    const filter = document.querySelector("input");
    filter.value = "img";
    filter.dispatchEvent(new Event("input"));
    document.body.dataset.seen = JSON.stringify({
      sorted: document.querySelector("th[aria-sort]")?.textContent,
      shown: document.querySelectorAll("#v0-layers tbody tr:not([hidden])").length,
      open: document.querySelector("details[open]")?.id,
      images: document.images.length,
      scripts: document.scripts.length,
    });`;
    const digest = createHash("sha256").update(probe).digest("base64");
    const probed = page
      .replace("script-src ", `script-src &#39;sha256-${digest}&#39; `)
      .replace("</body>", `<script>${probe}</script></body>`);
    const server = createServer((request, response) => {
      asked.push(request.url ?? "");
      response.setHeader("content-type", "text/html; charset=utf-8").end(probed);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const profile = await temporaryFolder();
      await writeFile(join(profile, "First Run"), "");
      const flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--enable-logging=stderr",
        `--user-data-dir=${profile}`,
      ];
      const { stdout, stderr } = await promisify(execFile)(
        browser ?? "",
        [...flags, "--dump-dom", `http://127.0.0.1:${port}/#v0-layer-2`],
        { maxBuffer: 2 ** 26, timeout: 100_000 },
      );
      const [, seen = "{}"] = /data-seen="([^"]*)"/.exec(stdout) ?? [];
      expect(JSON.parse(seen.replaceAll("&quot;", '"'))).toEqual({
        sorted: "own",
        shown: 1,
        open: "v0-layer-2",
        images: 0,
        scripts: 2,
      });
      expect(stderr.split("\n").filter((line) => line.includes("CONSOLE"))).toEqual([]);
      expect(asked).toEqual(["/"]);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  },
);
