/**
 * Bad input to the command line, as real processes: each case ends with its exit code and one JSON error that says what
 * and where, leaves no file behind, and no changed state on the server.
 */
import { cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createFleetClient, type RunningServer, startServer } from "@flotilla/fleet-server";
import { generateKey } from "@flotilla/fleet-server/trust/key-folder";
import { encodeNpz } from "@flotilla/protocol/npz";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { reluParts, tfliteFile } from "../../converter/test/tflite/file-model.ts";
import { gate, plan, stage } from "../../fleet-server/test/support/plan.ts";
import { fixtureFolder, fixturePath } from "../../scripts/fixtures.ts";
import { errorOf, flotilla, type PrintedError } from "./flotilla-process.ts";

interface SavedModel {
  readonly modelTopology: { readonly model_config: { readonly config: readonly { class_name: string }[] } };
  readonly weightsManifest: { readonly paths: string[]; readonly weights: { shape: number[] }[] }[];
}

let folder: string;
let rnet: string;
let digits: string;
let made = 0;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "flotilla-bad-input-"));
  rnet = await fixturePath("rnet");
  digits = await fixturePath("digits-layers");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Converts into a folder that is not there, and expects that it is not there afterwards either. */
async function refused(model: string, args: readonly string[], exitCode: number, code: string): Promise<PrintedError> {
  const output = path.join(folder, `out-${made++}`);
  const finished = await flotilla(["convert", model, "--output", output, ...args, "--json"]);
  const error = errorOf(finished);
  expect({ exitCode: finished.exitCode, code: error.code, message: error.message }).toMatchObject({ exitCode, code });
  await expect(stat(output)).rejects.toMatchObject({ code: "ENOENT" });
  return error;
}

async function fileOf(name: string, bytes: Uint8Array): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, bytes);
  return file;
}

/** A copy of the digits model, with its model.json changed. */
async function changedDigits(name: string, change: (json: SavedModel) => void): Promise<string> {
  const copy = path.join(folder, name);
  await mkdir(copy);
  await cp(await fixtureFolder("digits-layers"), copy, { recursive: true });
  const file = path.join(copy, "model.json");
  const json: SavedModel = JSON.parse(await readFile(file, "utf8"));
  change(json);
  await writeFile(file, JSON.stringify(json));
  return copy;
}

describe("a .tflite file", () => {
  test("that was cut off", async () => {
    const whole = await readFile(rnet);
    const file = await fileOf("short.tflite", whole.subarray(0, whole.length >> 1));
    const { message } = await refused(file, [], 3, "FORMAT_TRUNCATED");
    expect(message).toMatch(/\d/);
  });

  test("with a flipped bit in its tables", async () => {
    const bytes = new Uint8Array(await readFile(rnet));
    bytes[3] = bytes[3]! ^ 0x40; // the offset of the root table now points far behind the end
    const { message } = await refused(await fileOf("flipped.tflite", bytes), [], 3, "FORMAT_TRUNCATED");
    expect(message).toMatch(/offset|byte/);
  });

  test("with operators that nobody knows: all of them are listed", async () => {
    const bytes = tfliteFile({
      ...reluParts,
      tensors: [...reluParts.tensors, { name: "z", shape: [2, 3] }],
      codes: [
        { deprecatedBuiltinCode: 127, builtinCode: 163 },
        { deprecatedBuiltinCode: 127, builtinCode: 999 },
      ],
      operators: [
        { opcodeIndex: 0, inputs: [0], outputs: [1] },
        { opcodeIndex: 1, inputs: [1], outputs: [2] },
      ],
    });
    const { details } = await refused(await fileOf("unknown.tflite", bytes), [], 4, "UNSUPPORTED_OPERATOR");
    expect(details).toMatchObject([
      { node: "y", operator: "STABLEHLO_ADD", reason: expect.any(String) },
      { node: "z", operator: "#999", reason: expect.any(String) },
    ]);
  });
});

describe("a TFJS model", () => {
  test("without one of its shards", async () => {
    let shard = "";
    const model = await changedDigits("no-shard", ({ weightsManifest }) => {
      shard = weightsManifest[0]!.paths.at(-1)!;
    });
    await rm(path.join(model, shard));
    const { message } = await refused(model, [], 3, "FORMAT_WEIGHTS_MISSING");
    expect(message).toContain(shard);
  });

  test("with a wrong shape", async () => {
    const model = await changedDigits("wrong-shape", ({ weightsManifest }) => {
      weightsManifest[0]!.weights[0]!.shape[0]! += 1;
    });
    const { message } = await refused(model, [], 3, "FORMAT_WEIGHTS_MISMATCH");
    expect(message).toMatch(/\d/);
  });

  test("with layers that nobody knows: all of them are listed", async () => {
    const model = await changedDigits("unknown-layers", ({ modelTopology }) => {
      const layers = modelTopology.model_config.config;
      layers.find((layer) => layer.class_name === "MaxPooling2D")!.class_name = "Telepathy";
      layers.find((layer) => layer.class_name === "Flatten")!.class_name = "Clairvoyance";
    });
    const { details } = await refused(model, [], 4, "UNSUPPORTED_LAYER");
    expect(details).toHaveLength(2);
    expect(JSON.stringify(details)).toMatch(/Telepathy.*Clairvoyance/);
  });
});

describe("options and data", () => {
  test("a calibration set of the wrong shape", async () => {
    const data = new Float32Array(2 * 32 * 32);
    const samples = encodeNpz(new Map([["conv2d_1_input", { dtype: "float32", shape: [2, 32, 32, 1], data }]]));
    const file = await fileOf("samples.npz", samples);
    const args = ["--recipe", "float32", "--recipe", "int8", "--calibration", file];
    const { message } = await refused(digits, args, 3, "QUANT_CALIBRATION_SHAPE");
    expect(message).toMatch(/sample 0 of "samples\.npz".*conv2d_1_input.*\[28, 28, 1\].*\[32, 32, 1\]/);
  });

  test("an unknown recipe", async () => {
    const { message } = await refused(digits, ["--recipe", "int3"], 2, "CONFIG_RECIPE_UNKNOWN");
    expect(message).toMatch(/int3.*float32, float16, .*int8/);
  });
});

describe("the fleet server", () => {
  let server: RunningServer;

  beforeAll(async () => {
    const keys = path.join(folder, "keys");
    const key = async (label: string) => (await generateKey(keys, label, { encryption: "none" }, Date.now())).file;
    server = await startServer({
      dataFolder: path.join(folder, "server"),
      fleet: "home",
      keyFiles: {
        directive: await key("directive"),
        snapshot: await key("snapshot"),
        timestamp: await key("timestamp"),
      },
    });
    await client().post("/v1/cohorts", { id: "everyone", cel: "true", priority: 0 });
  });
  afterAll(() => server?.close());

  const client = () => createFleetClient({ url: server.url, token: server.operatorToken! });
  const state = async () => [await client().get("/v1/cohorts"), await client().get("/v1/rollouts")];

  async function refusedByServer(args: readonly string[], exitCode: number, code: string): Promise<PrintedError> {
    const before = await state();
    const env = { FLOTILLA_TOKEN: server.operatorToken! };
    const finished = await flotilla([...args, "--server", server.url, "--json"], env);
    const error = errorOf(finished);
    expect({ exitCode: finished.exitCode, code: error.code, message: error.message }).toMatchObject({ exitCode, code });
    expect(await state()).toEqual(before);
    return error;
  }

  test("refuses a cohort that does not parse", async () => {
    const args = ["cohort", "create", "broken", '"canary" in in tags'];
    const { message } = await refusedByServer(args, 2, "CONFIG_COHORT_INVALID");
    expect(message).toContain("canary");
  });

  test("refuses a gate that makes no sense, and says which", async () => {
    const senseless = plan({
      stages: [
        stage(500),
        stage(10_000, { gates: [gate(), gate({ metric: "accuracy", bound: 95, comparison: ">=" })] }),
      ],
    });
    const file = await fileOf("plan.json", new TextEncoder().encode(JSON.stringify(senseless)));
    const { message } = await refusedByServer(["rollout", "plan", file], 2, "CONFIG_GATE_INVALID");
    expect(message).toMatch(/stages\[1\]\.gates\[1\].*accuracy.*95/);
  });
});
