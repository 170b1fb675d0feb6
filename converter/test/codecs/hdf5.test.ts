/** The HDF5 reader against files made by h5py (`../readers/keras/fixtures/make-hdf5-variants.py`), and what it refuses. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { memoryAccess } from "@flotilla/protocol/random-access";
import { describe, expect, it } from "vitest";
import type { Hdf5Group } from "../../src/codecs/hdf5/group.ts";
import { openHdf5 } from "../../src/codecs/hdf5/open-hdf5.ts";
import { valuesOf } from "../../src/ir/values.ts";

const fixtures = join(import.meta.dirname, "../readers/keras/fixtures");
const openFixture = (name: string): Hdf5Group =>
  openHdf5(memoryAccess(new Uint8Array(readFileSync(join(fixtures, name))), name));

const dtypes = {
  float2: "float16",
  float4: "float32",
  float8: "float64",
  unsigned1: "uint8",
  signed2: "int16",
} as const;

function numbers(root: Hdf5Group, path: string): number[] {
  const dataset = root.dataset(path);
  if (!dataset) return [];
  const { kind, bytes } = dataset.type;
  const stored = dataset.bytes();
  if (kind === "signed" && bytes === 8) return Array.from(valuesOf("int64", stored));
  if (kind === "bool") return [...stored];
  const dtype = dtypes[`${kind}${bytes}` as keyof typeof dtypes];
  return Array.from(valuesOf(dtype, stored));
}

const counted = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

const variants = ["earliest", "latest"].concat(
  ["earliest", "v110", "latest"].flatMap((version) => [`chunked-${version}`, `gzip-${version}`]),
);

describe.each(variants)("hdf5-variants-%s.h5", (variant) => {
  const root = openFixture(`hdf5-variants-${variant}.h5`);

  it("has its datasets, of every type", () => {
    const shapes = Object.fromEntries(
      root.names.flatMap((name) => {
        const dataset = root.dataset(name);
        return dataset ? [[name, dataset.shape]] : [];
      }),
    );
    expect(shapes).toEqual({
      floats: [5, 7],
      doubles: [3],
      halves: [2, 2],
      bytes: [4],
      longs: [2, 3],
      flags: [3],
      scalar: [],
      empty: [0, 3],
    });
    expect(numbers(root, "floats")).toEqual(counted(35));
    expect(numbers(root, "doubles")).toEqual(counted(3));
    expect(numbers(root, "halves")).toEqual(counted(4));
    expect(numbers(root, "bytes")).toEqual(counted(4));
    expect(numbers(root, "longs")).toEqual(counted(6));
    expect(numbers(root, "flags")).toEqual([1, 0, 1]);
    expect(numbers(root, "scalar")).toEqual([42]);
    expect(numbers(root, "empty")).toEqual([]);
  });

  it("has its attributes", () => {
    const texts = (name: string) => root.attributes.get(name)?.texts();
    expect(texts("text")).toEqual(["a text of variable length: é"]);
    expect(texts("bytes")).toEqual(["fixed"]);
    expect(texts("list")).toEqual(["one", "three", "fifteen"]);
    expect(texts("none")).toEqual([]);
    if (!variant.includes("-")) expect(root.attributes.get("long")?.text()).toBe("0123456789".repeat(9000));
  });

  it("has its groups, small ones and such as have an index", () => {
    expect(numbers(root, "a/b/c/deep")).toEqual([1, 2]);
    expect(root.get("a/b/nothing")).toBeUndefined();
    expect(root.get("floats/below")).toBeUndefined();
    const many = root.group("many");
    expect(many?.names.toSorted()).toEqual(counted(60).map((at) => `item${String(at).padStart(3, "0")}`));
    expect(many?.attributes.get("note11")?.text()).toBe("note 11");
    expect(numbers(root, "many/item059")).toEqual([59]);
  });
});

describe.each(["earliest", "v110", "latest"])("hdf5-chunks-%s.h5", (version) => {
  const root = openFixture(`hdf5-chunks-${version}.h5`);

  it("puts chunks together, cut at the edges, from indices of many pages", () => {
    expect(numbers(root, "edges")).toEqual(counted(7 * 5 * 9));
    expect(numbers(root, "pages")).toEqual(counted(41 * 60));
    expect(numbers(root, "plain")).toEqual(counted(41 * 60));
    expect(numbers(root, "one")).toEqual(counted(36));
  });

  it("says what its packed form takes", () => {
    expect(root.dataset("plain")?.storedBytes).toBe(41 * 60 * 2);
    expect(root.dataset("one")?.storedBytes).toBeLessThan(36 * 4);
  });
});

describe("what is refused", () => {
  const root = openFixture("hdf5-refused.h5");

  it.each([
    ["soft", "UNSUPPORTED_FORMAT", /soft link/],
    ["external", "UNSUPPORTED_FORMAT", /another file/],
    ["lzf", "UNSUPPORTED_FORMAT", /packed by lzf/],
    ["elsewhere", "UNSUPPORTED_FORMAT", /another file, which is never opened/],
  ])("%s", (name, code, message) => {
    expect(() => root.get(name)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
  });

  it.each(["unwritten", "holes"])("%s: elements that are not there", (name) => {
    expect(() => root.dataset(name)?.bytes()).toThrow(expect.objectContaining({ code: "FORMAT_TRUNCATED" }));
  });

  it("big-endian numbers are known as what they are", () => {
    expect(root.dataset("big")?.type).toMatchObject({ kind: "other", what: expect.stringMatching(/float/) });
  });

  it("a group that holds itself ends somewhere", () => {
    const walk = (group: Hdf5Group): void => {
      for (const name of ["group", "itself"]) {
        const below = group.group(name);
        if (below) walk(below);
      }
    };
    expect(() => walk(root)).toThrow(expect.objectContaining({ code: "FORMAT_LIMIT" }));
  });

  it.each([
    ["nothing", 0, "FORMAT_UNRECOGNIZED"],
    ["the signature only", 8, "FORMAT_TRUNCATED"],
    ["the first half", 4_000, "FORMAT_TRUNCATED"],
  ])("%s of a file", (_, length, code) => {
    const whole = new Uint8Array(readFileSync(join(fixtures, "hdf5-refused.h5")));
    expect(() => openHdf5(memoryAccess(whole.subarray(0, length)))).toThrow(expect.objectContaining({ code }));
  });
});
