/**
 * Runs every ```sh block of README.md, in order, in one shell, in a folder that has everything of the checkout but
 * nothing written by an earlier run. Blocks marked ```console are the ones that CI runs by itself (install, test, demo).
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";

const root = path.resolve(import.meta.dirname, "..");

test("every command in README.md works as written", { timeout: 300_000 }, () => {
  const blocks = [...readFileSync(path.join(root, "README.md"), "utf8").matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(
    (match) => match[1]!,
  );
  expect(blocks.length).toBeGreaterThan(2);
  const folder = mkdtempSync(path.join(tmpdir(), "flotilla-readme-"));
  try {
    for (const entry of readdirSync(root)) {
      if (entry !== "try" && entry !== ".git") symlinkSync(path.join(root, entry), path.join(folder, entry));
    }
    const ran = spawnSync("bash", ["-euo", "pipefail", "-c", blocks.join("\n")], {
      cwd: folder,
      encoding: "utf8",
      timeout: 280_000,
      env: { ...process.env, PATH: `${path.join(root, "node_modules", ".bin")}${path.delimiter}${process.env.PATH}` },
    });
    expect(ran.status, `${ran.stdout}\n${ran.stderr}`).toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test.each(["README.md", "ARCHITECTURE.md", "CHANGELOG.md"])("every link of %s leads somewhere", (page) => {
  const text = readFileSync(path.join(root, page), "utf8");
  const links = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, target = ""]) => target);
  expect(links.filter((target) => !existsSync(path.join(root, target)))).toEqual([]);
});
