/** What every device storage promises, over every adapter; and what only files can get wrong. */
import { mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { memoryStorage } from "../../src/memory/memory-storage.ts";
import { fileStorage } from "../../src/node/file-storage.ts";
import type { DeviceStorage } from "../../src/ports/device-storage.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (found: Uint8Array | null): string | null => (found === null ? null : new TextDecoder().decode(found));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "flotilla-storage-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const adapters: readonly (readonly [string, () => DeviceStorage])[] = [
  ["memory", () => memoryStorage()],
  ["files", () => fileStorage(folder)],
];

describe.each(adapters)("device storage in %s", (_name, open) => {
  let storage: DeviceStorage;
  beforeEach(() => {
    storage = open();
  });

  it("has nothing at first, and says so without an error", async () => {
    expect(await storage.read("a/b")).toBeNull();
    expect(await storage.size("a/b")).toBeNull();
    expect(await storage.list("a")).toEqual([]);
    await storage.remove("a/b");
    await storage.seal("a/b", "a/c");
    expect(await storage.read("a/c")).toBeNull();
  });

  it("gives back what was written, replaced whole", async () => {
    await storage.write("models/digits/a.json", bytes("a long first text"));
    await storage.write("models/digits/a.json", bytes("short"));
    expect(text(await storage.read("models/digits/a.json"))).toBe("short");
    expect(await storage.size("models/digits/a.json")).toBe(5);
  });

  it("keeps its own copy of the bytes", async () => {
    const mine = bytes("abc");
    await storage.write("x", mine);
    mine[0] = 0;
    const found = await storage.read("x");
    if (found !== null) found[1] = 0;
    expect(text(await storage.read("x"))).toBe("abc");
  });

  it("appends, and seals under another name, over what was there", async () => {
    await storage.write("f/done", bytes("old"));
    await storage.append("f/part", bytes("one "));
    await storage.append("f/part", bytes("two"));
    expect(await storage.size("f/part")).toBe(7);
    await storage.seal("f/part", "f/done");
    expect(text(await storage.read("f/done"))).toBe("one two");
    expect(await storage.read("f/part")).toBeNull();
  });

  it("lists files and folders by name, sorted, and forgets what was removed", async () => {
    await storage.write("m/b", bytes("1"));
    await storage.write("m/a/x", bytes("2"));
    await storage.append("m/c", bytes("3"));
    expect(await storage.list("m")).toEqual(["a", "b", "c"]);
    await storage.remove("m/b");
    expect(await storage.list("m")).toEqual(["a", "c"]);
  });

  it("takes empty files, and names with TUF's characters", async () => {
    await storage.write("trust/role%2Fname~1.json", bytes(""));
    expect(await storage.size("trust/role%2Fname~1.json")).toBe(0);
  });

  it("knows how much room there is", async () => {
    expect(await storage.freeBytes()).toBeGreaterThan(0);
  });
});

describe("device storage in files", () => {
  it.each(["../x", "a/../../x", "/etc/passwd", "a//b", "", ".", "a\\b", "a b", "a\0b"])(
    "refuses the path %j",
    async (name) => {
      const storage = fileStorage(folder);
      await expect(storage.write(name, bytes("x"))).rejects.toMatchObject({ code: "IO_FAILED" });
      await expect(storage.read(name)).rejects.toMatchObject({ code: "IO_FAILED" });
    },
  );

  it("leaves no temporary file behind, also when the replacement fails", async () => {
    const storage = fileStorage(folder);
    await storage.write("folder/file", bytes("x"));
    await expect(storage.write("folder", bytes("not over a folder"))).rejects.toMatchObject({ code: "IO_FAILED" });
    expect((await readdir(folder)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    expect(await readdir(path.join(folder, "folder"))).toEqual(["file"]);
  });

  it.skipIf(process.platform === "win32")("keeps files for the owner alone", async () => {
    const storage = fileStorage(folder);
    await storage.write("deep/secret", bytes("key"));
    await storage.append("deep/part", bytes("x"));
    expect((await stat(path.join(folder, "deep/secret"))).mode & 0o777).toBe(0o600);
    expect((await stat(path.join(folder, "deep/part"))).mode & 0o777).toBe(0o600);
    expect((await stat(path.join(folder, "deep"))).mode & 0o777).toBe(0o700);
  });

  it.skipIf(process.platform === "win32")("replaces a link by a file instead of writing through it", async () => {
    const outside = path.join(folder, "outside");
    await writeFile(outside, "untouched");
    await symlink(outside, path.join(folder, "link"));
    await fileStorage(folder).write("link", bytes("new"));
    expect(text(await fileStorage(folder).read("outside"))).toBe("untouched");
  });
});

describe("device storage in memory", () => {
  it("loses at a crash what was appended and not sealed, and nothing else", async () => {
    const storage = memoryStorage();
    await storage.write("kept", bytes("1"));
    await storage.append("lost", bytes("2"));
    await storage.append("sealed.part", bytes("3"));
    await storage.seal("sealed.part", "sealed");
    storage.crash();
    expect(await storage.read("lost")).toBeNull();
    expect(text(await storage.read("kept"))).toBe("1");
    expect(text(await storage.read("sealed"))).toBe("3");
  });
});
