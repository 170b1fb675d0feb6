/** The flatbuffer codec on a schema of its own: round trips, and bytes made to hurt, grouped by attack. */
import { FlotillaError } from "@flotilla/protocol/errors";
import { decodeLimits } from "@flotilla/protocol/flatbuffer/bounded-view";
import { decodeFlatbuffer } from "@flotilla/protocol/flatbuffer/decode-flatbuffer";
import {
  bool,
  bytes,
  defineEnum,
  defineTable,
  deprecated,
  enumOf,
  float32,
  int8,
  int32,
  int64,
  string,
  tableOf,
  tablesOf,
  uint32,
  uint64,
  unionOf,
  vectorOf,
} from "@flotilla/protocol/flatbuffer/schema";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeFlatbuffer } from "../../src/codecs/flatbuffer/encode-flatbuffer.ts";

const colour = defineEnum("Colour", "int8", { RED: 0, GREEN: 1, BLUE: 5 });
const leaf = defineTable("Leaf", { size: int32(7), name: string() });
const other = defineTable("Other", { values: vectorOf("float32"), flag: bool(true) });
const root = defineTable("Root", {
  flag: bool(),
  small: int8(-1),
  old: deprecated(),
  count: uint32(),
  wide: int64(),
  wider: uint64(5n),
  ratio: float32(0.5),
  colour: enumOf(colour, "RED"),
  title: string(),
  numbers: vectorOf("int32"),
  longs: vectorOf("int64"),
  halves: vectorOf("uint16"),
  bits: vectorOf("bool"),
  data: bytes(16),
  leaf: tableOf(leaf),
  leaves: tablesOf(leaf),
  either: unionOf([leaf, other]),
  last: int32(),
});

const scale = defineTable("Scale", { by: float32(1) });
const pair = defineTable("Pair", { leaf: tableOf(leaf), scale: tableOf(scale) });
const pairs = defineTable("Pairs", { pairs: tablesOf(pair) });

const encode = (value: Parameters<typeof encodeFlatbuffer<typeof root>>[0]) => encodeFlatbuffer(value, root, "TEST");
const decode = (file: Uint8Array) => decodeFlatbuffer(file, root, "TEST");
const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const uint = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const single = fc.float({ noNaN: true });
const text = fc.string({ unit: "grapheme" });
const leafOf = fc.record({ size: int, name: text });
const value = fc.record({
  flag: fc.boolean(),
  small: fc.integer({ min: -128, max: 127 }),
  count: uint,
  wide: long,
  wider: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  ratio: single,
  colour: fc.constantFrom("RED" as const, "GREEN" as const, "BLUE" as const),
  title: text,
  numbers: fc.array(int),
  longs: fc.array(long),
  halves: fc.array(fc.integer({ min: 0, max: 65_535 })),
  bits: fc.array(fc.boolean()),
  data: fc.uint8Array({ maxLength: 100 }),
  leaf: fc.option(leafOf),
  leaves: fc.array(leafOf, { maxLength: 5 }),
  either: fc.option(
    fc.oneof(
      leafOf.map((row) => ({ type: "Leaf", value: row })),
      fc.record({ values: fc.array(single), flag: fc.boolean() }).map((row) => ({ type: "Other", value: row })),
    ),
  ),
  last: int,
});

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof FlotillaError) return thrown.code;
    throw thrown;
  }
  return "none";
}

describe("round trip", () => {
  test("what is written is read back, and the bytes are the same every time", () => {
    fc.assert(
      fc.property(value, (row) => {
        const file = encode(row);
        expect(decode(file)).toEqual(row);
        expect(encode(decode(file))).toEqual(file);
      }),
    );
  });

  test("a field left out reads as its default", () => {
    expect(decode(encode({}))).toEqual({
      flag: false,
      small: -1,
      count: 0,
      wide: 0n,
      wider: 5n,
      ratio: 0.5,
      colour: "RED",
      title: "",
      numbers: [],
      longs: [],
      halves: [],
      bits: [],
      data: new Uint8Array(0),
      leaf: null,
      leaves: [],
      either: null,
      last: 0,
    });
  });

  test("a negative zero is not the default zero", () => {
    const table = defineTable("Zero", { ratio: float32() });
    const file = encodeFlatbuffer({ ratio: -0 }, table, "TEST");
    expect(Object.is(decodeFlatbuffer(file, table, "TEST").ratio, -0)).toBe(true);
  });

  test("byte vectors are aligned, views, last in the file, and written once per object", () => {
    const blobs = defineTable("Blobs", { list: tablesOf(defineTable("Blob", { data: bytes(16) })) });
    const shared = Uint8Array.from({ length: 1000 }, (_, i) => i);
    const tail = Uint8Array.of(9, 9, 9);
    const lazy = { byteLength: 3, bytes: () => tail };
    const file = encodeFlatbuffer({ list: [{ data: shared }, { data: lazy }, { data: shared }] }, blobs, "TEST");
    const [first, second, third] = decodeFlatbuffer(file, blobs, "TEST").list;
    expect(first?.data).toEqual(shared);
    expect(second?.data).toEqual(tail);
    expect(third?.data.byteOffset).toBe(first?.data.byteOffset);
    expect(first?.data.buffer).toBe(file.buffer);
    for (const blob of [first, second]) expect(((blob?.data.byteOffset ?? 1) - file.byteOffset) % 16).toBe(0);
    expect(first?.data.byteOffset).toBeLessThan(second?.data.byteOffset ?? 0);
    expect(file.byteLength - ((second?.data.byteOffset ?? 0) - file.byteOffset)).toBeLessThan(32);
  });
});

describe("attack: cut and flipped bytes", () => {
  const rows = fc.sample(value, { numRuns: 20, seed: 7 });

  test("equal tables that other tables point at lie there once, elements of a vector each for itself", () => {
    const bytesFor = (first: object, second: object) =>
      encodeFlatbuffer({ pairs: [{ leaf: first }, { leaf: second }] }, pairs, "TEST").byteLength;
    expect(bytesFor({ size: 3, name: "a" }, { size: 3, name: "a" })).toBeLessThan(
      bytesFor({ size: 3, name: "a" }, { size: 4, name: "a" }),
    );
    const negative = decodeFlatbuffer(
      encodeFlatbuffer({ pairs: [{ scale: { by: 0 } }, { scale: { by: -0 } }] }, pairs, "TEST"),
      pairs,
      "TEST",
    );
    expect(negative.pairs?.map(({ scale }) => Object.is(scale?.by, -0))).toEqual([false, true]);
  });

  test("every cut is a FORMAT error or still a whole value", () => {
    for (const row of rows) {
      const file = encode(row);
      for (let length = 0; length < file.byteLength; length++)
        expect(codeOf(() => decode(file.subarray(0, length)))).toMatch(
          /^(FORMAT_(TRUNCATED|CORRUPT|LIMIT)|UNSUPPORTED_FORMAT|none)$/,
        );
    }
  });

  test("every flipped bit is a FORMAT error or another value", () => {
    fc.assert(
      fc.property(fc.constantFrom(...rows.map(encode)), fc.nat(), (file, at) => {
        const bad = Uint8Array.from(file);
        const bit = at % (file.byteLength * 8);
        bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(codeOf(() => decode(bad))).toMatch(
          /^(FORMAT_(TRUNCATED|CORRUPT|LIMIT|UNRECOGNIZED)|UNSUPPORTED_FORMAT|none)$/,
        );
      }),
      { numRuns: 2000 },
    );
  });
});

/** A file of 32-bit words behind the root offset and the identifier. */
function words(...list: number[]): Uint8Array {
  const file = new Uint8Array(8 + list.length * 4);
  const view = new DataView(file.buffer);
  view.setUint32(0, 8, true);
  file.set(new TextEncoder().encode("TEST"), 4);
  for (const [i, word] of list.entries()) view.setUint32(8 + i * 4, word >>> 0, true);
  return file;
}
/** A vtable of 16-bit entries as words, its own size and the table's first. */
const vtable = (...entries: number[]): number[] => {
  const all = entries.length % 2 ? [...entries, 0] : entries;
  return Array.from({ length: all.length / 2 }, (_, i) => (all[i * 2] ?? 0) | ((all[i * 2 + 1] ?? 0) << 16));
};

describe("attack: offsets", () => {
  test.each([
    ["another identifier", Uint8Array.of(8, 0, 0, 0, 65, 66, 67, 68, 0, 0, 0, 0), "FORMAT_UNRECOGNIZED"],
    ["nothing", new Uint8Array(0), "FORMAT_TRUNCATED"],
    ["a vtable in front of the file", words(1000), "FORMAT_CORRUPT"],
    ["a vtable behind the file", words(-1000), "FORMAT_TRUNCATED"],
    ["a vtable shorter than its head", words(-4, ...vtable(2, 4)), "FORMAT_CORRUPT"],
    ["a vtable of odd size", words(-4, ...vtable(5, 4)), "FORMAT_CORRUPT"],
    ["a vtable that reaches beyond the end", words(-4, ...vtable(200, 4)), "FORMAT_TRUNCATED"],
    ["a field outside its table", words(-4, ...vtable(6, 4, 8)), "FORMAT_CORRUPT"],
    ["a field on the table's head", words(-4, ...vtable(6, 4, 2)), "FORMAT_CORRUPT"],
  ])("%s", (_, file, code) => {
    expect(codeOf(() => decode(file))).toBe(code);
  });

  test("a string that points at itself", () => {
    const table = defineTable("Text", { title: string() });
    const file = words(-8, 0, ...vtable(6, 8, 4));
    expect(codeOf(() => decodeFlatbuffer(file, table, "TEST"))).toBe("FORMAT_CORRUPT");
  });

  test("the error says where", () => {
    const table = defineTable("Outer", { inner: tablesOf(defineTable("Inner", { title: string() })) });
    const file = encodeFlatbuffer({ inner: [{ title: "a" }, { title: "the last string" }] }, table, "TEST");
    const at = Buffer.from(file).indexOf("the last string") - 4;
    new DataView(file.buffer, file.byteOffset).setUint32(at, 1_000_000, true);
    expect(() => decodeFlatbuffer(file, table, "TEST")).toThrow(
      expect.objectContaining({
        code: "FORMAT_TRUNCATED",
        details: expect.objectContaining({ path: "Outer.inner[1].title", offset: at + 4 }),
      }),
    );
  });
});

describe("attack: sizes", () => {
  test("a vector that announces four billion elements is refused before anything is allocated", () => {
    const table = defineTable("Numbers", { numbers: vectorOf("int64") });
    const file = words(-12, 4, 0xffffffff, ...vtable(6, 8, 4));
    expect(codeOf(() => decodeFlatbuffer(file, table, "TEST"))).toBe("FORMAT_TRUNCATED");
  });

  test("thousands of offsets to one big vector are refused", () => {
    const inner = defineTable("Inner", { numbers: vectorOf("int32") });
    const table = defineTable("Outer", { inner: tablesOf(inner) });
    const numbers = Array.from({ length: 20_000 }, (_, i) => i);
    const file = encodeFlatbuffer(
      { inner: [...Array.from({ length: 5_000 }, () => ({})), { numbers }] },
      table,
      "TEST",
    );
    const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
    // The vector of offsets follows the root table: point every element at the last one's table.
    const vector = findVector(view, 5_001);
    const target = vector + 5_000 * 4 + view.getUint32(vector + 5_000 * 4, true);
    for (let i = 0; i < 5_000; i++) view.setUint32(vector + i * 4, target - (vector + i * 4), true);
    expect(codeOf(() => decodeFlatbuffer(file, table, "TEST"))).toBe("FORMAT_LIMIT");
  });

  test("more tables than the limit are refused", () => {
    const table = defineTable("Outer", { inner: tablesOf(defineTable("Inner", { size: int32() })) });
    const file = encodeFlatbuffer({ inner: Array.from({ length: 20 }, () => ({})) }, table, "TEST");
    const limits = { ...decodeLimits, tables: 20 };
    expect(codeOf(() => decodeFlatbuffer(file, table, "TEST", limits))).toBe("FORMAT_LIMIT");
    expect(codeOf(() => decodeFlatbuffer(file, table, "TEST", { ...limits, tables: 21 }))).toBe("none");
  });

  test("more elements than the limit are refused, whatever vectors they are in", () => {
    const table = defineTable("Outer", { a: vectorOf("bool"), b: vectorOf("int64") });
    const file = encodeFlatbuffer({ a: new Array(12).fill(true), b: new Array(8).fill(1n) }, table, "TEST");
    const limited = (elements: number) => () => decodeFlatbuffer(file, table, "TEST", { ...decodeLimits, elements });
    expect(codeOf(limited(19))).toBe("FORMAT_LIMIT");
    expect(codeOf(limited(20))).toBe("none");
  });

  test("tables nested deeper than the limit are refused", () => {
    const table = defineTable("A", {
      b: tableOf(defineTable("B", { c: tableOf(defineTable("C", { size: int32() })) })),
    });
    const file = encodeFlatbuffer({ b: { c: {} } }, table, "TEST");
    expect(codeOf(() => decodeFlatbuffer(file, table, "TEST", { ...decodeLimits, tables: 9, depth: 1 }))).toBe(
      "FORMAT_LIMIT",
    );
  });
});

describe("a format newer than the schema", () => {
  const newer = defineTable("Root", { size: int32(), extra: int32() });
  const older = defineTable("Root", { size: int32() });

  test("a field that the schema lacks is refused, not skipped", () => {
    const file = encodeFlatbuffer({ size: 1, extra: 2 }, newer, "TEST");
    expect(codeOf(() => decodeFlatbuffer(file, older, "TEST"))).toBe("UNSUPPORTED_FORMAT");
    expect(decodeFlatbuffer(encodeFlatbuffer({ size: 1 }, newer, "TEST"), older, "TEST")).toEqual({ size: 1 });
  });

  test("a union member that the schema lacks shows its number", () => {
    const wide = defineTable("Root", { either: unionOf([leaf, other]) });
    const narrow = defineTable("Root", { either: unionOf([leaf]) });
    const file = encodeFlatbuffer({ either: { type: "Other", value: {} } }, wide, "TEST");
    expect(decodeFlatbuffer(file, narrow, "TEST").either).toEqual({ type: "#2", value: {} });
  });

  test("an enum value that the schema lacks is corrupt", () => {
    const table = defineTable("Root", { colour: int8() });
    const file = encodeFlatbuffer({ colour: 3 }, table, "TEST");
    const typed = defineTable("Root", { colour: enumOf(colour, "RED") });
    expect(codeOf(() => decodeFlatbuffer(file, typed, "TEST"))).toBe("FORMAT_CORRUPT");
  });
});

/** The first byte of the elements of the only vector of this length. */
function findVector(view: DataView, length: number): number {
  for (let at = 8; at + 4 < view.byteLength; at += 4) if (view.getUint32(at, true) === length) return at + 4;
  throw new RangeError("no such vector");
}
