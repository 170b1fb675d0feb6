import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { memoryAccess, type RandomAccess } from "@flotilla/protocol/random-access";
import { describe, expect, it } from "vitest";
import {
  bytes,
  decodeMessage,
  entries,
  type Field,
  float,
  int64,
  list,
  type Message,
  message,
  messages,
  nested,
  span,
  string,
} from "../../src/codecs/protobuf/message.ts";

interface Tree {
  readonly [name: string]: Field<unknown>;
}
const tree: Message<Tree> = message<Tree>("Tree", { name: string(1), children: messages(2, () => tree) });
const shape = message("Shape", { sizes: list(int64(1)), values: list(float(2)), raw: bytes(3) });
const whole = message("Whole", { shape: nested(1, () => shape), named: entries(2, int64(2)) });

describe("protobuf messages as data", () => {
  it("reads packed and unpacked lists, maps, bytes as views, and skips what it does not know", () => {
    const inner = new BinaryWriter()
      .uint32((1 << 3) | WireType.LengthDelimited)
      .fork()
      .int64(3)
      .int64(-1)
      .join();
    inner.tag(1, WireType.Varint).int64("9007199254740993").tag(2, WireType.Bit32).float(1.5);
    inner.tag(3, WireType.LengthDelimited).bytes(Uint8Array.of(7, 8)).tag(15, WireType.Varint).int32(4);
    const file = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(inner.finish());
    file.tag(2, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string("a");
    file.tag(2, WireType.Varint).int64(5).join();
    const data = file.finish();
    const read = decodeMessage(whole, data);
    expect(read.shape?.sizes).toEqual([3n, -1n, 9007199254740993n]);
    expect(read.shape?.values).toEqual([1.5]);
    expect(read.shape?.raw).toEqual(Uint8Array.of(7, 8));
    expect(read.shape?.raw.buffer).toBe(data.buffer);
    expect(read.named).toEqual(new Map([["a", 5n]]));
  });

  it("refuses messages that nest too deep, run past their end, or are cut off", () => {
    let deep = new Uint8Array(0);
    for (let i = 0; i < 200; i++) deep = new BinaryWriter().tag(2, WireType.LengthDelimited).bytes(deep).finish();
    expect(() => decodeMessage(tree, deep)).toThrow(expect.objectContaining({ code: "FORMAT_LIMIT" }));
    const cut = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(new Uint8Array(9)).finish();
    for (let length = 1; length < cut.length; length++) {
      expect(() => decodeMessage(whole, cut.subarray(0, length))).toThrow(
        expect.objectContaining({ code: "FORMAT_CORRUPT" }),
      );
    }
    const bomb = Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f);
    expect(() => decodeMessage(whole, bomb)).toThrow(expect.objectContaining({ code: "FORMAT_CORRUPT" }));
  });

  it("passes over what may be large: of a file it reads a window at a time, and spans when they are asked for", () => {
    const large = new Uint8Array(4 * 2 ** 20).fill(9);
    const part = message("Part", { name: string(1), raw: span(2), unknown: bytes(9) });
    const parts = message("Parts", { parts: messages(1, () => part) });
    const writer = new BinaryWriter();
    for (let at = 0; at < 3; at++) {
      writer.tag(1, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(`part ${at}`);
      writer.tag(2, WireType.LengthDelimited).bytes(large).tag(7, WireType.LengthDelimited).bytes(large).join();
    }
    const data = writer.finish();
    let asked = 0;
    const held = memoryAccess(data);
    const counting: RandomAccess = {
      ...held,
      read: (offset, length) => {
        asked += length;
        return held.read(offset, length);
      },
    };
    const read = decodeMessage(parts, counting);
    expect(read.parts.map(({ name, raw }) => [name, raw.byteLength])).toEqual([
      ["part 0", large.byteLength],
      ["part 1", large.byteLength],
      ["part 2", large.byteLength],
    ]);
    expect(asked).toBeLessThan(data.byteLength / 8);
    expect(Buffer.compare(read.parts[2]?.raw.bytes() ?? new Uint8Array(0), large)).toBe(0);
    const cut = memoryAccess(data.subarray(0, data.byteLength - 1));
    expect(() => decodeMessage(parts, cut)).toThrow(expect.objectContaining({ code: "FORMAT_CORRUPT" }));
  });
});
