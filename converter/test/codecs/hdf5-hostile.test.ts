/** HDF5 files that were cut off, damaged or made up: always a FlotillaError of its kind, soon, and without much memory. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { FlotillaError } from "@flotilla/protocol/errors";
import { memoryAccess } from "@flotilla/protocol/random-access";
import { describe, expect, it } from "vitest";
import type { Hdf5Group } from "../../src/codecs/hdf5/group.ts";
import { openHdf5 } from "../../src/codecs/hdf5/open-hdf5.ts";
import { address, dataset, fileOf, hardLink, link, message } from "./hdf5-builder.ts";

const fixtures = join(import.meta.dirname, "../readers/keras/fixtures");
const seed = 20_261_123;
const mostMs = 1_000;
const mostBytes = 256 * 2 ** 20;

/** Reads everything there is: links, attributes, elements. */
function readAll(bytes: Uint8Array): void {
  const visit = (group: Hdf5Group): void => {
    for (const attribute of group.attributes.values()) {
      if (["text", "variable-text"].includes(attribute.type.kind)) attribute.texts();
    }
    for (const name of group.names) {
      const found = group.get(name);
      if (found?.kind === "dataset") found.bytes();
      else if (found) visit(found);
    }
  };
  visit(openHdf5(memoryAccess(bytes)));
}

/** The code of the error, or undefined where the file was read. Fails for any other error, and for what takes long. */
function outcomeOf(bytes: Uint8Array): string | undefined {
  const started = performance.now();
  const before = process.memoryUsage().arrayBuffers;
  let code: string | undefined;
  try {
    readAll(bytes);
  } catch (thrown) {
    if (!(thrown instanceof FlotillaError)) throw thrown;
    code = thrown.code;
    expect(code).toMatch(/^(FORMAT_|UNSUPPORTED_FORMAT$)/);
  }
  expect(performance.now() - started).toBeLessThan(mostMs);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(mostBytes);
  return code;
}

/** mulberry32 */
function generator(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

const names = ["hdf5-variants-gzip-earliest.h5", "hdf5-variants-gzip-latest.h5", "hdf5-chunks-v110.h5"];

describe.each(names)("%s", (name) => {
  const whole = new Uint8Array(readFileSync(join(fixtures, name)));

  it("cut off at every fiftieth is refused", () => {
    for (let part = 0; part < 50; part++) {
      const code = outcomeOf(whole.slice(0, Math.floor((whole.byteLength * part) / 50)));
      expect(code, `${part}/50`).toMatch(/^FORMAT_(TRUNCATED|UNRECOGNIZED)$/);
    }
  });

  it(`with bits flipped (seed ${seed}) is read or refused`, () => {
    const random = generator(seed);
    const codes = new Map<string, number>();
    for (let round = 0; round < 300; round++) {
      const bytes = whole.slice();
      // Structures lie in front for the most part: half of the flips go there.
      const range = round % 2 === 0 ? Math.min(4_096, bytes.byteLength) : bytes.byteLength;
      for (let flips = 1 + Math.floor(random() * 4); flips > 0; flips--) {
        bytes[Math.floor(random() * range)]! ^= 1 << Math.floor(random() * 8);
      }
      const code = outcomeOf(bytes) ?? "read";
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    expect(codes.size).toBeGreaterThan(1);
  });
});

describe("made up", () => {
  it("a sound file of this builder is read", () => {
    const file = fileOf({ links: [hardLink("x", dataset({ shape: [2], compact: new Uint8Array(8) }))] });
    expect(openHdf5(memoryAccess(file)).dataset("x")?.bytes()).toEqual(new Uint8Array(8));
    expect(outcomeOf(file)).toBeUndefined();
  });

  it("an object header that continues in itself", () => {
    const file = fileOf({ extra: [({ at }) => message(0x10, [...address(at), ...address(64)])] });
    expect(outcomeOf(file)).toBe("FORMAT_CORRUPT");
  });

  it("a group that holds itself twice", () => {
    const itself = ["a", "b"].map(
      (name) =>
        ({ rootAt }: { rootAt: number }) =>
          link(name, rootAt),
    );
    expect(outcomeOf(fileOf({ extra: itself }))).toBe("FORMAT_LIMIT");
  });

  it("a group whose tree leads back into itself", () => {
    const file = fileOf({
      extra: [({ end }) => message(0x11, [...address(end), ...address(end + 64)])],
      behind: (end) => {
        const tree = new Uint8Array(64);
        tree.set([0x54, 0x52, 0x45, 0x45, 0, 1, 1, 0]);
        tree.set(address(end), 32);
        const heap = new Uint8Array(32);
        heap.set([0x48, 0x45, 0x41, 0x50]);
        heap.set(address(end), 24);
        return new Uint8Array([...tree, ...heap]);
      },
    });
    expect(outcomeOf(file)).toBe("FORMAT_CORRUPT");
  });

  it.each([
    ["sizes that no memory has", [2 ** 40, 2 ** 12], "FORMAT_LIMIT"],
    ["sizes that the file does not have", [2 ** 28], "FORMAT_TRUNCATED"],
  ])("a dataset of %s", (_, shape, code) => {
    const file = fileOf({ links: [hardLink("x", dataset({ shape, contiguous: { at: 0, bytes: 2 ** 30 } }))] });
    expect(outcomeOf(file)).toBe(code);
  });

  it("a chunk that unpacks beyond its size", () => {
    const bomb = deflateSync(new Uint8Array(2 ** 26));
    const file = fileOf({ links: [hardLink("x", dataset({ shape: [16], chunk: { sizes: [16], stored: bomb } }))] });
    expect(outcomeOf(file)).toBe("FORMAT_LIMIT");
  });

  it("a chunk that is announced larger than anything packed so can be", () => {
    const packed = deflateSync(new Uint8Array(64));
    const sizes = [2 ** 27];
    const file = fileOf({ links: [hardLink("x", dataset({ shape: sizes, chunk: { sizes, stored: packed } }))] });
    expect(outcomeOf(file)).toBe("FORMAT_CORRUPT");
  });

  it("a chunk that is too large to be one", () => {
    const sizes = [2 ** 29];
    const file = fileOf({
      links: [hardLink("x", dataset({ shape: sizes, chunk: { sizes, stored: deflateSync(new Uint8Array(64)) } }))],
    });
    expect(outcomeOf(file)).toBe("FORMAT_LIMIT");
  });

  it("more chunks than an index may have", () => {
    const packed = deflateSync(new Uint8Array(4));
    const chunk = { sizes: [1, 1], stored: packed };
    const file = fileOf({ links: [hardLink("x", dataset({ shape: [2 ** 14, 2 ** 14], chunk }))] });
    expect(outcomeOf(file)).toBe("FORMAT_LIMIT");
  });
});
