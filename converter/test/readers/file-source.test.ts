/** One suite over both adapters of the file port, and what only a real folder can do wrong. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkRelativePath, type FileSource, memorySource } from "../../src/readers/file-source.ts";
import { folderSource } from "../../src/readers/folder-source.ts";

const files = { "model.json": "{}", "sub/shard 1": Uint8Array.of(1, 2, 3) };
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "flotilla-files-"));
  await mkdir(join(folder, "model", "sub"), { recursive: true });
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, "model", name), content);
  await writeFile(join(folder, "secret"), "outside");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const sources: [string, () => FileSource][] = [
  ["memory", () => memorySource(files)],
  ["folder", () => folderSource(join(folder, "model"))],
];

describe.each(sources)("%s", (_, open) => {
  it("tells sizes and reads whole files", async () => {
    const source = open();
    expect(await source.size("model.json")).toBe(2);
    expect(await source.size("sub/shard 1")).toBe(3);
    expect(await source.read("sub/shard 1")).toEqual(Uint8Array.of(1, 2, 3));
  });

  it("tells what is not there from what cannot be read", async () => {
    const source = open();
    expect(await source.size("nothing")).toBeUndefined();
    expect(await source.size("model.json/below a file")).toBeUndefined();
    await expect(source.read("nothing")).rejects.toMatchObject({ code: "IO_NOT_FOUND" });
  });
});

describe("a folder", () => {
  it.each(["../secret", "sub/../../secret", "/etc/hosts"])("refuses to leave by %s", async (path) => {
    const source = folderSource(join(folder, "model"));
    await expect(source.size(path)).rejects.toMatchObject({ code: "FORMAT_CORRUPT" });
    await expect(source.read(path)).rejects.toMatchObject({ code: "FORMAT_CORRUPT" });
  });

  it("refuses to leave by a link", async () => {
    // Windows lets only some users make links; then there is none to follow either.
    const made = await symlink(join(folder, "secret"), join(folder, "model", "link")).then(
      () => true,
      () => process.platform !== "win32",
    );
    const source = folderSource(join(folder, "model"));
    if (made) await expect(source.read("link")).rejects.toMatchObject({ code: "FORMAT_CORRUPT" });
  });

  it("is no file itself", async () => {
    expect(await folderSource(join(folder, "model")).size("sub")).toBeUndefined();
    await expect(folderSource(join(folder, "model")).read("sub")).rejects.toMatchObject({ code: "IO_FAILED" });
  });
});

describe("relative paths", () => {
  it.each(["a", "a/b.bin", "group1-shard1of2", "ein Ordner/größe.bin"])("takes %j", (path) => {
    expect(checkRelativePath(path, "test")).toBe(path);
  });
  it.each([
    "",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "a/./b",
    "a/../b",
    "a\\b",
    "C:a",
    "http://x/y",
    "a\0b",
    "x".repeat(2_000),
  ])("refuses %j", (path) => {
    expect(() => checkRelativePath(path, "test")).toThrow(expect.objectContaining({ code: "FORMAT_CORRUPT" }));
  });
});
