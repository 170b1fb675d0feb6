import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FlotillaError } from "../src/errors.ts";
import type { ArrayDType, NdArray } from "../src/nd-array.ts";
import { allocateData, decodeNpy, elementCount, encodeNpy } from "../src/npy.ts";
import { decodeNpz, encodeNpz } from "../src/npz.ts";
import { encodeZip } from "../src/zip.ts";

const numpyFile = new Uint8Array(readFileSync(new URL("../../test/fixtures/numpy-arrays.npz", import.meta.url)));
const dtypes = "float32 float64 float16 int8 uint8 int16 uint16 int32 uint32 int64 bool".split(" ") as ArrayDType[];

const ndArray: fc.Arbitrary<NdArray> = fc
  .tuple(fc.constantFrom(...dtypes), fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }), fc.integer())
  .map(([dtype, shape, seed]) => {
    const data = allocateData(dtype, elementCount(shape));
    new Uint8Array(data.buffer).forEach((_, index, bytes) => {
      bytes[index] = dtype === "bool" ? index & 1 : (seed + index * 37) & 0x3f;
    });
    return { dtype, shape, data };
  });
const archive = fc.uniqueArray(fc.tuple(fc.string({ unit: "grapheme" }), ndArray), { selector: ([name]) => name });

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof FlotillaError) return error.code;
    throw error;
  }
  return "none";
}

function withByte(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = value;
  return copy;
}

describe("an archive that NumPy made", () => {
  const arrays = decodeNpz(numpyFile);

  it.each([
    ["float32", new Float32Array([-1, 0, 1, 2, 3, 4])],
    ["float64", new Float64Array([-1, 0, 1, 2, 3, 4])],
    ["float16", new Uint16Array([0xbc00, 0, 0x3c00, 0x4000, 0x4200, 0x4400])],
    ["int8", new Int8Array([-1, 0, 1, 2, 3, 4])],
    ["uint8", new Uint8Array([255, 0, 1, 2, 3, 4])],
    ["int16", new Int16Array([-1, 0, 1, 2, 3, 4])],
    ["uint16", new Uint16Array([65535, 0, 1, 2, 3, 4])],
    ["int32", new Int32Array([-1, 0, 1, 2, 3, 4])],
    ["uint32", new Uint32Array([4294967295, 0, 1, 2, 3, 4])],
    ["int64", new BigInt64Array([-1n, 0n, 1n, 2n, 3n, 4n])],
    ["bool", new Uint8Array([1, 0, 1, 1, 1, 1])],
  ])("gives %s with its values", (dtype, data) => {
    expect(arrays.get(`dtype/${dtype}`)).toEqual({ dtype, shape: [2, 3], data });
  });

  it("is read whatever the byte order, the axis order, the rank or the name", () => {
    expect(arrays.get("big-endian")?.data).toEqual(new Float32Array([1.5, -2.25]));
    expect(arrays.get("column-major")).toEqual({
      dtype: "int16",
      shape: [2, 3, 4],
      data: Int16Array.from({ length: 24 }, (_, index) => index),
    });
    expect(arrays.get("scalar")).toEqual({ dtype: "int32", shape: [], data: new Int32Array([7]) });
    expect(arrays.get("empty")).toEqual({ dtype: "float32", shape: [0, 3], data: new Float32Array(0) });
    expect(arrays.get("größe")?.data).toEqual(new Uint8Array([1]));
  });
});

describe("what we write", () => {
  it("is read back equal, and is the same bytes again", () => {
    fc.assert(
      fc.property(archive, (entries) => {
        const arrays = new Map(entries);
        const bytes = encodeNpz(arrays);
        const back = decodeNpz(bytes);
        expect([...back]).toEqual([...arrays]);
        expect(encodeNpz(back)).toEqual(bytes);
      }),
    );
  });

  it("is one array with the header that NumPy 1.0 files have", () => {
    const bytes = encodeNpy({ dtype: "int16", shape: [2], data: new Int16Array([1, -1]) });
    const header = `\x93NUMPY\x01\x00\x76\x00${"{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }".padEnd(117)}\n`;
    expect(String.fromCharCode(...bytes)).toBe(`${header}\x01\x00\xff\xff`);
  });

  it("is refused when data and shape disagree", () => {
    expect(codeOf(() => encodeNpy({ dtype: "int8", shape: [3], data: new Int8Array(2) }))).toBe("FORMAT_NPZ");
    expect(codeOf(() => encodeNpy({ dtype: "float32", shape: [2], data: new Int8Array(2) }))).toBe("FORMAT_NPZ");
  });
});

describe("hostile bytes", () => {
  const sound = encodeNpz(new Map([["a", { dtype: "float32", shape: [4], data: new Float32Array(4) }]]));
  const formatCodes = ["FORMAT_NPZ", "FORMAT_LIMIT", "FORMAT_TRUNCATED"];

  it.each([["ours", sound] as const, ["NumPy's", numpyFile] as const])("cut off anywhere, %s is refused", (_, file) => {
    for (let length = 0; length < file.length; length++) {
      expect(formatCodes).toContain(codeOf(() => decodeNpz(file.subarray(0, length))));
    }
  });

  it("with one bit flipped, the file is refused or reads as an archive, and nothing else happens", () => {
    for (let at = 0; at < numpyFile.length; at++) {
      const code = codeOf(() => decodeNpz(withByte(numpyFile, at, numpyFile[at]! ^ (1 << (at & 7)))));
      expect([...formatCodes, "none"]).toContain(code);
    }
  });

  it("flipping a bit of the data is noticed", () => {
    const at = sound.indexOf(0x93) + 128;
    expect(codeOf(() => decodeNpz(withByte(sound, at, 1)))).toBe("FORMAT_NPZ");
  });

  it("announcing more than the limits is refused before anything is unpacked", () => {
    expect(codeOf(() => decodeNpz(sound, { maxTotalBytes: 100 }))).toBe("FORMAT_LIMIT");
    expect(codeOf(() => decodeNpz(numpyFile, { maxMembers: 3 }))).toBe("FORMAT_LIMIT");
  });

  it("a stream that unpacks to much more than it takes is refused", () => {
    // A deflated member of 2 MiB in 2 KiB: only the directory is looked at, so its data may be anything.
    const bomb = encodeZip(new Map([["a.npy", new Uint8Array(2048)]]));
    const view = new DataView(bomb.buffer);
    const directory = view.getUint32(bomb.length - 6, true);
    view.setUint32(directory + 24, 2 << 20, true);
    expect(codeOf(() => decodeNpz(bomb))).toBe("FORMAT_LIMIT");
  });

  it.each([
    ["an unknown element type", "{'descr': '<U8', 'fortran_order': False, 'shape': (1,), }", "FORMAT_NPZ"],
    ["a pickled object", "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "FORMAT_NPZ"],
    ["a missing key", "{'descr': '<f4', 'shape': (1,), }", "FORMAT_NPZ"],
    ["a shape with a hole", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,,2), }", "FORMAT_NPZ"],
    ["an immense shape", "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999, 99999999), }", "FORMAT_LIMIT"],
    ["more data than there is", "{'descr': '<f4', 'fortran_order': False, 'shape': (9999999,), }", "FORMAT_TRUNCATED"],
  ])("an array with %s is refused", (_, header, code) => {
    const text = `\x93NUMPY\x01\x00${String.fromCharCode(header.length)}\x00${header}\0\0\0\0`;
    expect(codeOf(() => decodeNpy(Uint8Array.from(text, (letter) => letter.charCodeAt(0))))).toBe(code);
  });

  it("a name that stands twice is refused", () => {
    const twice = encodeNpz(
      new Map([
        ["a", { dtype: "int8", shape: [1], data: new Int8Array(1) }],
        ["b", { dtype: "int8", shape: [1], data: new Int8Array(1) }],
      ]),
    );
    const renamed = twice.map((byte) => (byte === "b".charCodeAt(0) ? "a".charCodeAt(0) : byte));
    expect(codeOf(() => decodeNpz(renamed))).toBe("FORMAT_NPZ");
  });
});
