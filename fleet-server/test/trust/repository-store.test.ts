/** The contract of TrustRepositoryStore, run on every adapter. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { folderStore } from "../../src/trust/folder-store.ts";
import { memoryStore } from "../../src/trust/memory-store.ts";

const made: string[] = [];
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const adapters = [
  ["memory", async () => memoryStore()],
  [
    "folder",
    async () => {
      const folder = await mkdtemp(path.join(tmpdir(), "flotilla-store-"));
      made.push(folder);
      return folderStore(path.join(folder, "repository"));
    },
  ],
] as const;

afterAll(() => Promise.all(made.map((folder) => rm(folder, { recursive: true, force: true }))));

describe.each(adapters)("a repository store in %s", (_, open) => {
  it("gives back what was written, and null for what was not", async () => {
    const store = await open();
    expect(await store.read("metadata/1.root.json")).toBeNull();
    await store.replace("metadata/timestamp.json", bytes("a"));
    await store.replace("metadata/timestamp.json", bytes("b"));
    expect(new Uint8Array((await store.read("metadata/timestamp.json")) ?? [])).toEqual(bytes("b"));
    await store.delete("metadata/timestamp.json");
    await store.delete("metadata/timestamp.json");
    expect(await store.read("metadata/timestamp.json")).toBeNull();
  });

  it("creates once", async () => {
    const store = await open();
    const outcomes = await Promise.all(
      ["a", "b", "c", "d"].map((text) => store.create("metadata/1.root.json", bytes(text))),
    );
    expect(outcomes.filter(Boolean)).toHaveLength(1);
    const winner = ["a", "b", "c", "d"][outcomes.indexOf(true)] ?? "";
    expect(new Uint8Array((await store.read("metadata/1.root.json")) ?? [])).toEqual(bytes(winner));
  });

  it("lists the files of one folder, sorted, without those below", async () => {
    const store = await open();
    for (const name of ["metadata/2.b.json", "metadata/1.a.json", "metadata/deep/x", "staged/y"]) {
      await store.create(name, bytes("x"));
    }
    expect(await store.list("metadata")).toEqual(["1.a.json", "2.b.json"]);
    expect(await store.list("none")).toEqual([]);
  });

  it("leaves nothing behind when streamed content fails", async () => {
    const store = await open();
    const failing = async function* () {
      yield bytes("first");
      throw new RangeError("the disk went away");
    };
    await expect(store.create("targets/a", failing())).rejects.toThrow();
    await expect(store.replace("targets/a", failing())).rejects.toThrow();
    expect(await store.read("targets/a")).toBeNull();
    expect(await store.list("targets")).toEqual([]);
  });
});

it.each(["../x", "a/../../x", "/x", "a//b", "c:\\x", "a\u0000b", ".", ""])(
  "the folder refuses the name %j",
  async (name) => {
    const folder = await mkdtemp(path.join(tmpdir(), "flotilla-store-"));
    made.push(folder);
    const store = folderStore(path.join(folder, "repository"));
    await expect(Promise.resolve().then(() => store.create(name, bytes("x")))).rejects.toThrow(
      expect.objectContaining({ code: "CONFIG_INVALID" }),
    );
    expect(await readdir(folder)).toEqual([]);
  },
);
