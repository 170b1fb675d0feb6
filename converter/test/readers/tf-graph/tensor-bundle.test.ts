import { describe, expect, it } from "vitest";
import { memorySource } from "../../../src/readers/file-source.ts";
import { crc32c, maskedCrc32c } from "../../../src/readers/tf-graph/saved-model/crc32c.ts";
import { sliceKey } from "../../../src/readers/tf-graph/saved-model/ordered-code.ts";
import { byteString, readSstable } from "../../../src/readers/tf-graph/saved-model/sstable.ts";
import { openTensorBundle } from "../../../src/readers/tf-graph/saved-model/tensor-bundle.ts";
import {
  fixed32,
  joined,
  message,
  number,
  sealed,
  shape,
  type TableEntry,
  table,
  utf8,
  varint,
} from "./proto-sketch.ts";

const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
const header: TableEntry = ["", number(1, 1)];

interface EntryFacts {
  readonly sizes: readonly (number | bigint)[];
  readonly bytes: Uint8Array;
  readonly offset?: number;
  readonly size?: number;
  readonly crc?: number;
  readonly shard?: number;
}
const entry = ({ sizes, bytes, offset = 0, size = bytes.length, crc = maskedCrc32c(bytes), shard = 0 }: EntryFacts) =>
  joined(
    number(1, 1),
    message(2, shape(...sizes)),
    number(3, shard),
    number(4, offset),
    number(5, size),
    fixed32(6, crc),
  );

const open = (entries: readonly TableEntry[], data: Uint8Array) =>
  openTensorBundle(memorySource({ "v.index": table(entries), "v.data-00000-of-00001": data }), "v");

describe("crc32c", () => {
  it("has the values of RFC 3720, appendix B.4", () => {
    expect(crc32c(utf8("123456789"))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  });
});

describe("a tensor bundle", () => {
  it("gives variables, and parts of them", async () => {
    const bytes = floats(1, 2, 3, 4, 5, 6);
    const bundle = await open([header, ["w", entry({ sizes: [2, 3], bytes })]], bytes);
    expect(bundle.names).toEqual(["w"]);
    expect(bundle.tensor("w")?.constant?.bytes()).toEqual(bytes);
    const column = bundle.tensor("w", [
      { start: 0, length: -1 },
      { start: 1, length: 1 },
    ]);
    expect(column?.shape).toEqual([2, 1]);
    expect(column?.constant?.bytes()).toEqual(floats(2, 5));
    expect(bundle.tensor("v")).toBeUndefined();
  });

  it("puts a partitioned variable together", async () => {
    const [top, bottom] = [floats(1, 2), floats(3, 4, 5, 6)];
    const extents = [
      [
        { start: 0, length: 1 },
        { start: 0, length: -1 },
      ],
      [
        { start: 1, length: 2 },
        { start: 0, length: -1 },
      ],
    ];
    const slices = extents.map(([rows]) =>
      message(7, message(1, number(1, rows!.start), number(2, rows!.length)), message(1)),
    );
    const whole = joined(number(1, 1), message(2, shape(3, 2)), ...slices);
    const keyed = extents.map((extent) => sliceKey("w", extent));
    const bundle = await open(
      [
        header,
        [keyed[0]!, entry({ sizes: [1, 2], bytes: top })],
        [keyed[1]!, entry({ sizes: [2, 2], bytes: bottom, offset: top.length })],
        ["w", whole],
      ],
      joined(top, bottom),
    );
    expect(bundle.names).toEqual(["w"]);
    expect(bundle.tensor("w")?.constant?.bytes()).toEqual(floats(1, 2, 3, 4, 5, 6));
  });

  it("refuses bytes without their checksum, when they are read", async () => {
    const bytes = floats(1, 2);
    const bundle = await open([header, ["w", entry({ sizes: [2], bytes, crc: 7 })]], bytes);
    const tensor = bundle.tensor("w");
    expect(() => tensor?.constant?.bytes()).toThrowError(expect.objectContaining({ code: "FORMAT_CORRUPT" }));
  });

  it.each<[string, EntryFacts, string]>([
    ["beyond the shard", { sizes: [4], bytes: floats(1, 2, 3, 4), offset: 8 }, "FORMAT_CORRUPT"],
    ["of another size than its shape", { sizes: [3], bytes: floats(1, 2) }, "FORMAT_CORRUPT"],
    ["of an open shape", { sizes: [-1], bytes: floats(1, 2) }, "FORMAT_CORRUPT"],
    ["of a huge shape", { sizes: [2n ** 60n], bytes: floats(1, 2) }, "FORMAT_LIMIT"],
    ["of a negative size", { sizes: [-5], bytes: floats(1, 2) }, "FORMAT_CORRUPT"],
    ["with an offset in front of the shard", { sizes: [2], bytes: floats(1, 2), offset: -8 }, "FORMAT_CORRUPT"],
  ])("refuses an entry %s", async (_, facts, code) => {
    const bundle = await open([header, ["w", entry(facts)]], floats(1, 2, 3, 4));
    expect(() => bundle.tensor("w")).toThrowError(expect.objectContaining({ code }));
  });

  it("refuses shards that are not there", async () => {
    const entries: TableEntry[] = [header, ["w", entry({ sizes: [1], bytes: floats(1), shard: 3 })]];
    await expect(open(entries, floats(1))).rejects.toMatchObject({ code: "FORMAT_CORRUPT" });
    const alone = memorySource({
      "v.index": table([
        ["", number(1, 1)],
        ["w", entry({ sizes: [1], bytes: floats(1) })],
      ]),
    });
    await expect(openTensorBundle(alone, "v")).rejects.toMatchObject({ code: "FORMAT_WEIGHTS_MISSING" });
  });
});

describe("a table", () => {
  const sound = table([
    ["a", utf8("one")],
    ["b", utf8("two")],
  ]);
  const read = (bytes: Uint8Array) => readSstable(bytes, "t");

  it("gives its entries", () => {
    expect([...read(sound)].map(([key, value]) => [key, byteString(value)])).toEqual([
      ["a", "one"],
      ["b", "two"],
    ]);
  });

  it("is refused wherever it is cut off", () => {
    for (let length = 0; length < sound.length; length++) {
      expect(() => read(sound.subarray(0, length)), `${length} bytes`).toThrowError(
        expect.objectContaining({ code: expect.stringMatching(/^FORMAT_/) }),
      );
    }
  });

  it("never gives other entries when one bit is turned", () => {
    const expected = [...read(sound)].map(([key, value]) => [key, byteString(value)]);
    for (let at = 0; at < sound.length * 8; at++) {
      const turned = Uint8Array.from(sound);
      turned[at >> 3]! ^= 1 << (at & 7);
      let found: unknown;
      try {
        found = [...read(turned)].map(([key, value]) => [key, byteString(value)]);
      } catch (thrown) {
        expect(thrown).toMatchObject({ code: expect.stringMatching(/^(FORMAT_|UNSUPPORTED_)/) });
        continue;
      }
      expect(found).toEqual(expected); // in the padding of the footer
    }
  });

  it("is refused when its index leads to itself, again and again", () => {
    const handles = Array.from({ length: 50 }, (_, at) =>
      joined(varint(0), varint(1), varint(2), Uint8Array.of(at), varint(0), varint(60)),
    );
    const index = sealed(joined(...handles, new Uint8Array(Uint32Array.of(0, 1).buffer)));
    const footer = new Uint8Array(48);
    footer.set(joined(varint(0), varint(0), varint(0), varint(index.length - 5)));
    new DataView(footer.buffer).setBigUint64(40, 0xdb4775248b80fb57n, true);
    expect(() => read(joined(index, footer))).toThrowError(expect.objectContaining({ code: "FORMAT_CORRUPT" }));
  });

  it("is refused when a key shares more than there is", () => {
    const content = joined(varint(9), varint(1), varint(0), utf8("a"), new Uint8Array(Uint32Array.of(0, 1).buffer));
    const data = sealed(content);
    const handle = joined(varint(0), varint(data.length - 5));
    const index = sealed(
      joined(
        varint(0),
        varint(1),
        varint(handle.length),
        utf8("z"),
        handle,
        new Uint8Array(Uint32Array.of(0, 1).buffer),
      ),
    );
    const footer = new Uint8Array(48);
    footer.set(joined(varint(0), varint(0), varint(data.length), varint(index.length - 5)));
    new DataView(footer.buffer).setBigUint64(40, 0xdb4775248b80fb57n, true);
    expect(() => read(joined(data, index, footer))).toThrowError(expect.objectContaining({ code: "FORMAT_CORRUPT" }));
  });
});
