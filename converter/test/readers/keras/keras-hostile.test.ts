/**
 * Keras files that were cut off, damaged or made up: read or refused with a code of the file's fault, soon, and without
 * much memory. The HDF5 codec has hostile files of its own beside its tests.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { FlotillaError } from "@flotilla/protocol/errors";
import { memoryAccess } from "@flotilla/protocol/random-access";
import { decodeZip, encodeZip } from "@flotilla/protocol/zip";
import { zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { openKerasArchive } from "../../../src/readers/keras/open-keras-archive.ts";
import { openKerasH5 } from "../../../src/readers/keras/open-keras-h5.ts";
import { lowerLayersModel } from "../../../src/readers/tfjs-layers/lower-model.ts";

const fixture = (name: string): Uint8Array => new Uint8Array(readFileSync(join(import.meta.dirname, "fixtures", name)));
const seed = 20_261_124;
const mostMs = 1_000;
const mostBytes = 256 * 2 ** 20;
const ownFault = /^(FORMAT_|UNSUPPORTED_(FORMAT|LAYER)$|CONFIG_INVALID$)/; // a damaged shape may be a dynamic one

/** The code of the error, or "read" where the model and all its weights could be read. */
function outcomeOf(bytes: Uint8Array, archive: boolean): string {
  const started = performance.now();
  const before = process.memoryUsage().arrayBuffers;
  let code = "read";
  try {
    const container = (archive ? openKerasArchive : openKerasH5)(memoryAccess(bytes, "damaged"));
    for (const tensor of lowerLayersModel(container).graphs[0]?.tensors.values() ?? []) tensor.constant?.bytes();
  } catch (thrown) {
    if (!(thrown instanceof FlotillaError)) throw thrown;
    code = thrown.code;
    if (!ownFault.test(code)) throw thrown;
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

function flipped(whole: Uint8Array, random: () => number): Uint8Array {
  const bytes = whole.slice();
  for (let flips = 1 + Math.floor(random() * 4); flips > 0; flips--) {
    bytes[Math.floor(random() * bytes.byteLength)]! ^= 1 << Math.floor(random() * 8);
  }
  return bytes;
}

describe.each([
  ["keras2-everything.h5", false],
  ["keras3-everything.h5", false],
  ["keras3-everything.keras", true],
  ["keras3-deflated.keras", true],
])("%s", (name, archive) => {
  const whole = fixture(name);

  it("cut off at every fiftieth is refused", () => {
    expect(outcomeOf(whole, archive)).toBe("read");
    for (let part = 0; part < 50; part++) {
      expect(outcomeOf(whole.slice(0, Math.floor((whole.byteLength * part) / 50)), archive)).toMatch(/^FORMAT_/);
    }
  });

  it(`with bits flipped (seed ${seed}) is read or refused`, () => {
    const random = generator(seed);
    const codes = new Set(Array.from({ length: 50 }, () => outcomeOf(flipped(whole, random), archive)));
    expect(codes).toContain(archive ? "FORMAT_CORRUPT" : "read");
  });
});

describe("archives", () => {
  const members = decodeZip(fixture("keras3-sequential.keras"), {
    maxMembers: 10,
    maxTotalBytes: 2 ** 20,
    maxRatio: 1_000,
  });
  const text = (name: string): string => new TextDecoder().decode(members.get(name));
  const archived = (changes: Readonly<Record<string, Uint8Array | string | undefined>>): Uint8Array => {
    const changed = new Map(members);
    for (const [name, content] of Object.entries(changes)) {
      if (content === undefined) changed.delete(name);
      else changed.set(name, typeof content === "string" ? new TextEncoder().encode(content) : content);
    }
    return encodeZip(changed);
  };

  it("damage within, under sound checksums, is read or refused", () => {
    const random = generator(seed);
    for (const name of ["model.weights.h5", "config.json"]) {
      const codes = new Set<string>();
      for (let round = 0; round < 40; round++) {
        codes.add(outcomeOf(archived({ [name]: flipped(members.get(name)!, random) }), true));
      }
      expect(codes.size).toBeGreaterThan(1);
    }
  });

  it.each([
    ["a name that leads out", { "../evil": "x" }, "FORMAT_CORRUPT"],
    ["a name from the root", { "/etc/evil": "x" }, "FORMAT_CORRUPT"],
    ["no config", { "config.json": undefined }, "FORMAT_UNRECOGNIZED"],
    ["no weights", { "model.weights.h5": undefined }, "FORMAT_WEIGHTS_MISSING"],
    ["sharded weights", { "model.weights.h5": undefined, "model.weights.json": "{}" }, "UNSUPPORTED_FORMAT"],
    ["weights of NumPy", { "model.weights.h5": undefined, "model.weights.npz": "" }, "UNSUPPORTED_FORMAT"],
    ["weights that are no HDF5", { "model.weights.h5": "weights, and enough of them" }, "FORMAT_UNRECOGNIZED"],
    ["a config that is a list", { "config.json": "[]" }, "FORMAT_JSON"],
    ["a config without end", { "config.json": "[".repeat(100_000) }, "FORMAT_LIMIT"],
    [
      "the weights of another model",
      { "config.json": text("config.json").replaceAll("hidden", "other") },
      "FORMAT_WEIGHTS_MISMATCH",
    ],
    [
      "a layer that is larger than its weights",
      { "config.json": text("config.json").replace('"units": 4', '"units": 5') },
      "FORMAT_WEIGHTS_MISMATCH",
    ],
    [
      "a layer that is larger than memory",
      { "config.json": text("config.json").replace('"units": 4', '"units": 4e15') },
      "FORMAT_WEIGHTS_MISMATCH",
    ],
    [
      "a further layer",
      {
        "config.json": text("config.json").replace(
          '"layers": [',
          '"layers": [{"class_name": "Dense", "config": {"name": "more", "units": 5}}, ',
        ),
      },
      /^FORMAT_/,
    ],
  ] as const)("%s", (_, changes, code) => {
    expect(outcomeOf(archived(changes), true)).toMatch(code);
  });

  it("a config that unpacks to more than deflate can hold", () => {
    const bomb = zipSync({ "config.json": new Uint8Array(2 ** 23) }, { level: 9 });
    // The directory may also lie: it says that the member has 2 GB.
    const lying = bomb.slice();
    new DataView(lying.buffer).setUint32(lying.byteLength - 22 - (46 + 11) + 24, 2 ** 31, true);
    expect(outcomeOf(bomb, true)).toBe("FORMAT_LIMIT");
    expect(outcomeOf(lying, true)).toBe("FORMAT_LIMIT");
  });
});
