/** The five acts of the demo, and what must be true at the end of each. Anything else is an error, and the demo fails. */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { convert } from "@flotilla/converter/convert";
import type { ConvertResult } from "@flotilla/converter/convert-result";
import { openSource } from "@flotilla/converter/open-source";
import { runPasses } from "@flotilla/converter/passes/pipeline";
import { writeTflite } from "@flotilla/converter/writers/tflite/write-tflite";
import type { VirtualAgents } from "@flotilla/device-agent/node/virtual-agents";
import { FlotillaError } from "@flotilla/protocol/errors";
import { fixturePath } from "../fixtures.ts";
import { writeDemoData } from "./digits.ts";
import { type DemoServer, sha256OfFile, startBoards, startServer, startVirtual, until } from "./fleet.ts";
import { startLiveRuns } from "./live-runs.ts";
import { planFor } from "./plans.ts";
import type { ProcessScope } from "./processes.ts";
import { packDemoRelease, packPermuted } from "./releases.ts";
import { misreadBrightImages } from "./sabotage.ts";
import { createTrust } from "./trust.ts";

const model = "digits";
const virtualCount = 200;
const rolloutLimitMs = 240_000;

interface Stage {
  readonly folder: string;
  readonly scope: ProcessScope;
  readonly say: (line: string) => void;
}

interface RolloutView {
  readonly state: string;
  readonly stage: number;
  readonly reason: string;
  readonly counts: Readonly<Record<string, number>>;
}

interface DeviceView {
  readonly device: string;
  readonly models: Readonly<Record<string, { readonly release: string; readonly variant: string }>>;
}

interface VariantMetrics {
  readonly variant: string;
  readonly runs: number;
  readonly latencyP50Ms: number | null;
  readonly latencyP95Ms: number | null;
  readonly accuracy: number | null;
}

/** @throws INTERNAL naming what did not come true */
function expectTrue(what: string, holds: boolean, seen: unknown): void {
  if (!holds) throw new FlotillaError("INTERNAL", `Expected: ${what}. Seen: ${JSON.stringify(seen).slice(0, 2000)}`);
}

const percent = (share: number) => `${(share * 100).toFixed(2)} %`;

export async function runDemo({ folder, scope, say }: Stage) {
  const startedAt = performance.now();
  const clock = () => `[${((performance.now() - startedAt) / 1000).toFixed(1).padStart(5)} s]`;
  const tell = (line: string) => say(`${clock()} ${line}`);

  // 1. Convert.
  const source = await fixturePath("digits-layers");
  const opened = await openSource(source);
  const inputName = opened.model.signatures[0]!.inputs[0]!.name;
  const data = await writeDemoData(folder, inputName);
  tell("Converting the digit model: float32, float16, int8; proving each against tfjs-layers …");
  const conversion = await convert({
    model: source,
    output: path.join(folder, "converted"),
    name: model,
    recipes: ["float32", "float16", "int8"],
    calibration: { path: data.calibrate },
    evaluate: { path: data.evaluate, runtimes: "first" },
  });
  const converted = summarize(conversion);
  for (const [recipe, facts] of Object.entries(converted)) {
    tell(
      `  ${recipe.padEnd(8)} ${(facts.bytes / 1024).toFixed(0).padStart(5)} kB  accuracy ${percent(facts.accuracy)} (drop ${percent(facts.drop)})  maxRel ${facts.maxRel.toExponential(1)}`,
    );
  }

  // 2. Release 1.
  const trust = await createTrust(folder, model);
  const server = await startServer(scope, folder, trust.serverKeys);
  tell(`The fleet server listens at ${server.url} (API: ${server.url}/docs).`);
  const notes = "Digit classifier, first release.";
  const release1 = await packDemoRelease(conversion, {
    model,
    release: "release-1",
    counter: 1,
    folder: path.join(folder, "release-1"),
    inputs: data.thin,
    notes,
  });
  await trust.publishRelease(path.join(folder, "release-1"), server.client);
  await server.client.post("/v1/cohorts", { id: "everyone", cel: "true", priority: 0 });
  await server.client.post("/v1/cohorts", { id: "canary", cel: '"canary" in tags', priority: 10 });
  tell("Release 1 is signed and published. Enrolling 3 real agents and 200 virtual ones …");
  const fleet = { server, folder, trustedRoot: trust.trustedRoot, inputs: data.stream, model };
  const boards = await startBoards(scope, fleet);
  const virtual = await startVirtual(virtualCount, fleet);
  const devices = boards.length + virtualCount;
  const live = startLiveRuns(virtual, model, inputName, data.streamDigits);
  try {
    await until(
      "every device enrolled",
      30_000,
      () => listDevices(server),
      (found) => found.length === devices,
    );
    tell(`${devices} devices are enrolled. Rolling out release 1: 5 % and the canaries, 25 %, 100 % …`);
    const first = await roll(server, "release-1", tell);
    expectTrue("release 1 completes", first.state === "completed", first);
    const healthy1 = await until(
      "release 1 on every device",
      20_000,
      () => onRelease(server, "release-1"),
      (count) => count === devices,
    );

    // 3. Live runs.
    const metrics = await until(
      "measurements of both variants",
      20_000,
      () => metricsOf(server, "release-1"),
      (found) =>
        Object.keys(found).length === 2 &&
        Object.values(found).every(({ runs, accuracy }) => runs >= 100 && accuracy !== null),
    );
    for (const [variant, facts] of Object.entries(metrics)) {
      tell(
        `  ${variant.padEnd(8)} ${facts.runs} runs on devices: p50 ${facts.latencyP50Ms?.toFixed(1)} ms, p95 ${facts.latencyP95Ms?.toFixed(1)} ms, accuracy ${percent(facts.accuracy ?? 0)}`,
      );
    }

    // 4. Release 2: validly signed, its weights permuted behind the sound variants' goldens.
    await packPermuted(release1, {
      model,
      release: "release-2",
      counter: 2,
      folder: path.join(folder, "release-2"),
      notes: "Weights permuted.",
    });
    await trust.publishRelease(path.join(folder, "release-2"), server.client);
    tell("Rolling out release 2, whose weights are permuted …");
    const second = await roll(server, "release-2", tell);
    expectTrue("release 2 is rolled back in stage 1", second.state === "rolled-back" && second.stage === 1, second);
    expectTrue("release 2 was active nowhere", second.counts.activated === 0, second.counts);
    const failed = await Promise.all(
      boards
        .filter(({ board }) => board.tags.includes("canary"))
        .map(({ board }) => stateOf(server, "release-2", board.id)),
    );
    const failedBoards = failed.filter((state) => state === "failed/trial").length;
    expectTrue("a real board failed release 2 in trial", failedBoards > 0, failed);
    const trialFailures = second.counts.trialFailures ?? 0;
    expectTrue("virtual agents failed release 2 in trial too", trialFailures > failedBoards, second.counts);
    tell(`  stopped in stage 1: ${trialFailures} trials failed, activated nowhere.`);

    // 5. Release 3: passes its trial, then misreads bright digits with high confidence.
    await publishMisreading(folder, source, data, trust, server, tell);
    const third = await roll(server, "release-3", tell);
    expectTrue("release 3 is rolled back in stage 1", third.state === "rolled-back" && third.stage === 1, third);
    expectTrue("release 3 was active somewhere", (third.counts.activated ?? 0) > 0, third.counts);
    const healthy = await until(
      "every device back on release 1",
      20_000,
      () => onRelease(server, "release-1"),
      (count) => count === devices,
    );
    const own = runningRelease(virtual);
    expectTrue(
      "every virtual agent itself runs release 1",
      own.every((release) => release === "release-1"),
      own,
    );
    tell(
      `  activated on ${third.counts.activated}, taken back from ${third.counts.rolledBack}; ${healthy} devices run release 1.`,
    );

    const agents = await Promise.all(boards.map(({ board, process }) => describe(server, board.id, process.logFile)));
    const seconds = (performance.now() - startedAt) / 1000;
    tell("Everything happened as it should.");
    return {
      converted,
      devices,
      release1: { healthy: healthy1 },
      release2: { stage: second.stage, outcome: second.state, activated: second.counts.activated, trialFailures },
      release3: {
        activated: third.counts.activated,
        rolledBack: third.counts.rolledBack,
        healthyOnRelease1: healthy,
        reason: third.reason,
      },
      metrics: await metricsOf(server, "release-1"),
      agents,
      seconds: Math.round(seconds * 10) / 10,
    };
  } finally {
    await live.stop();
    await virtual.stop();
  }
}

function summarize(conversion: ConvertResult) {
  const entries = conversion.variants.map(({ recipe, accuracy, bytes, parity, proven }) => {
    expectTrue(`${recipe} is proven and measured`, proven && parity !== null && accuracy !== null, { proven });
    return [recipe, { accuracy: accuracy!.variant, drop: accuracy!.drop, bytes, maxRel: parity!.maxRel }] as const;
  });
  return Object.fromEntries(entries) as Record<
    "float32" | "float16" | "int8",
    { accuracy: number; drop: number; bytes: number; maxRel: number }
  >;
}

/** Plans, starts and follows a rollout to its end. */
async function roll(server: DemoServer, release: string, tell: (line: string) => void): Promise<RolloutView> {
  const rollout = `${model}-${release}`;
  await server.client.post("/v1/rollouts", planFor(model, release));
  await server.client.post(`/v1/rollouts/${rollout}/start`);
  let shown = "";
  return await until(
    `the end of rollout ${rollout}`,
    rolloutLimitMs,
    async () => {
      const view = await server.client.get<RolloutView>(`/v1/rollouts/${rollout}`);
      const line = `  ${rollout}: ${view.state}, stage ${view.stage}${view.reason ? ` (${view.reason})` : ""}`;
      if (line !== shown) tell(line);
      shown = line;
      return view;
    },
    ({ state }) => state === "completed" || state === "rolled-back" || state === "cancelled",
  );
}

async function publishMisreading(
  folder: string,
  source: string,
  data: Awaited<ReturnType<typeof writeDemoData>>,
  trust: Awaited<ReturnType<typeof createTrust>>,
  server: DemoServer,
  tell: (line: string) => void,
): Promise<void> {
  const sound = runPasses((await openSource(source)).model);
  const faulty = path.join(folder, "misreading.tflite");
  await writeFile(
    faulty,
    writeTflite(misreadBrightImages(sound, { threshold: data.medianBrightness, digit: 3, gain: 2000 })),
  );
  const conversion = await convert({
    model: faulty,
    output: path.join(folder, "converted-3"),
    name: model,
    recipes: ["float16", "int8"],
    calibration: { path: data.calibrate },
  });
  await packDemoRelease(conversion, {
    model,
    release: "release-3",
    counter: 3,
    folder: path.join(folder, "release-3"),
    inputs: data.thin,
    notes: "Has seen thin strokes only.",
  });
  await trust.publishRelease(path.join(folder, "release-3"), server.client);
  tell("Rolling out release 3, which takes every bright digit for a 3 …");
}

async function listDevices(server: DemoServer): Promise<DeviceView[]> {
  return (await server.client.get<{ devices: DeviceView[] }>("/v1/devices?limit=1000")).devices;
}

const onRelease = async (server: DemoServer, release: string): Promise<number> =>
  (await listDevices(server)).filter(({ models }) => models[model]?.release === release).length;

const runningRelease = (virtual: VirtualAgents) =>
  [...virtual.agents.values()].map((agent) => agent.status().models[model]?.release ?? null);

async function stateOf(server: DemoServer, release: string, device: string): Promise<string | null> {
  const found = await server.client.get<{ progress: { state: string } | null }>(
    `/v1/rollouts/${model}-${release}/devices/${device}/explain`,
  );
  return found.progress?.state ?? null;
}

async function metricsOf(
  server: DemoServer,
  release: string,
): Promise<Record<string, Omit<VariantMetrics, "variant">>> {
  const { metrics } = await server.client.get<{ metrics: VariantMetrics[] }>(
    `/v1/models/${model}/metrics?release=${release}`,
  );
  return Object.fromEntries(
    metrics.map(({ variant, runs, latencyP50Ms, latencyP95Ms, accuracy }) => [
      variant,
      { runs, latencyP50Ms, latencyP95Ms, accuracy },
    ]),
  );
}

async function describe(server: DemoServer, id: string, logFile: string) {
  const found = (await listDevices(server)).find(({ device }) => device === id)?.models[model];
  expectTrue(`${id} wrote a log`, (await readFile(logFile)).length > 0, logFile);
  return {
    id,
    variant: found?.variant ?? null,
    release: found?.release ?? null,
    logSha256: await sha256OfFile(logFile),
  };
}
