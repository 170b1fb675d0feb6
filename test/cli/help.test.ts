/** What the command line says of itself: help with examples everywhere, usage errors as JSON, completion scripts. */
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { allCommands, buildProgram } from "@flotilla/cli/program";
import type { Command } from "commander";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { errorOf, flotilla } from "./flotilla-process.ts";

const pathOf = (command: Command): string =>
  command.parent?.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
const commands = allCommands(buildProgram()).map((command) => ({ name: pathOf(command), command }));
const leaves = commands.filter(({ command }) => command.commands.length === 0);

describe("help", () => {
  test.each(leaves)("$name: a description, --json and examples that it understands", ({ name, command }) => {
    let text = "";
    command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
    expect(command.description()).not.toBe("");
    expect(text).toContain("--json");
    const examples = [...text.matchAll(/^ {2}\$ flotilla (.*)$/gm)].map(([, words = ""]) => words);
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) {
      expect(`${example} `.startsWith(`${name} `), example).toBe(true);
      for (const [flag] of example.matchAll(/(?<= )--[a-z-]+/g)) expect(text, example).toContain(flag);
      for (const { long, mandatory } of command.options) if (mandatory) expect(example).toContain(long);
    }
  });

  test("as a process: on stdout, exit 0", async () => {
    const { exitCode, stdout, stderr } = await flotilla(["convert", "--help"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toMatch(/Usage: flotilla convert[\s\S]*--output[\s\S]*Examples:/);
  });
});

describe("usage errors", () => {
  test("are one JSON document on stdout with --json", async () => {
    const finished = await flotilla(["convert", "--json"]);
    expect(finished).toMatchObject({ exitCode: 2, stderr: "" });
    expect(errorOf(finished).code).toBe("CONFIG_USAGE");
  });

  test("are a line on stderr without", async () => {
    const { exitCode, stdout, stderr } = await flotilla(["rollout", "begin", "x"]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toContain("CONFIG_USAGE");
  });
});

/** In this process: the error is what the command throws, before it prints anything. */
describe("convert refuses what it does not do", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "flotilla-options-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const cases: readonly (readonly [string, string])[] = [
    ["--to tfjs --recipe int8", "CONFIG_RECIPE_UNKNOWN"],
    ["--recipe weights-uint8", "CONFIG_RECIPE_UNKNOWN"],
    ["--to gif", "CONFIG_USAGE"],
    ["--format word", "CONFIG_USAGE"],
    ["--override op:CONV=float32", "QUANT_SELECTOR"],
    ["--block-size 32", "QUANT_OPTION"],
    ["--recipe int4-weights --block-size 33", "QUANT_OPTION"],
    ["--recipe absent.json", "IO_NOT_FOUND"],
    ["--target gameboy", "CONFIG_INVALID"],
    ["--report report.pdf", "CONFIG_INVALID"],
    ["--calibration-samples 10", "CONFIG_USAGE"],
    ["--calibration data.npz --calibration-samples ten", "CONFIG_USAGE"],
    ["--calibration data.npz --calibration-samples 0", "CONFIG_USAGE"],
    ["--max-drop 0.1", "CONFIG_USAGE"],
    ["--evaluate data.npz --no-prove", "CONFIG_USAGE"],
    ["--evaluate data.npz --golden golden.npz", "CONFIG_USAGE"],
    ["--min-sqnr high", "CONFIG_USAGE"],
    ["--input image=1x0x2", "CONFIG_USAGE"],
    ["--input 1x2x3", "CONFIG_USAGE"],
    ["--preprocess absent.json", "IO_NOT_FOUND"],
    ["--golden absent.npz", "IO_NOT_FOUND"],
  ];
  test.each(cases)("%s", async (flags, code) => {
    const output = path.join(folder, "out");
    const run = buildProgram().parseAsync(["convert", "absent.tflite", "--output", output, ...flags.split(" ")], {
      from: "user",
    });
    await expect(run).rejects.toMatchObject({ code });
    await expect(stat(output)).rejects.toMatchObject({ code: "ENOENT" });
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("completion", () => {
  test.each(["bash", "zsh"])("%s: the shell can read it, and it knows every command", async (shell) => {
    const { exitCode, stdout } = await flotilla(["completion", shell]);
    expect(exitCode).toBe(0);
    const parsed = spawnSync("bash", ["-n"], { input: stdout, encoding: "utf8" });
    expect({ status: parsed.status, stderr: parsed.stderr }).toEqual({ status: 0, stderr: "" });
    for (const { command } of commands) expect(stdout).toContain(command.name());
  });

  test("bash: completes sub-commands and flags", async () => {
    const { stdout } = await flotilla(["completion", "bash"]);
    const ask = (...words: string[]): string[] => {
      const script = `${stdout}\nCOMP_WORDS=(flotilla ${words.join(" ")} ""); COMP_CWORD=${words.length + 1}; _flotilla; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return spawnSync("bash", ["-c", script], { encoding: "utf8" }).stdout.split("\n");
    };
    expect(ask("rollout")).toContain("watch");
    expect(ask("release", "create")).toContain("--golden-inputs");
    expect(ask("convert")).toContain("--calibration");
  });

  test("an unknown shell is a usage error", async () => {
    const run = buildProgram().parseAsync(["completion", "tcsh"], { from: "user" });
    await expect(run).rejects.toMatchObject({ code: "CONFIG_USAGE" });
  });
});
