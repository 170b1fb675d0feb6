/** Typed access to constants' bytes, at any alignment, and float16 against its definition. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  bytesOf,
  decodeFloat16,
  encodeFloat16,
  float32ValuesOf,
  int32ValuesOf,
  valuesOf,
} from "../../src/ir/values.ts";

describe("float16", () => {
  const all = Uint16Array.from({ length: 65_536 }, (_, i) => i);
  const values = decodeFloat16(new Uint8Array(all.buffer));

  test("every value comes back from its decoding", () => {
    const again = new Uint16Array(encodeFloat16(values).buffer);
    for (const [bits, value] of values.entries()) {
      if (Number.isNaN(value)) expect((again[bits] ?? 0) & 0x7fff).toBeGreaterThan(0x7c00);
      else if (again[bits] !== bits) expect.fail(`${bits} came back as ${again[bits]}`);
    }
  });

  test("any number goes to the nearest value, ties to the even one", () => {
    const finite = [...values].filter((value) => Number.isFinite(value)).sort((a, b) => a - b);
    fc.assert(
      fc.property(fc.float({ min: -65_504, max: 65_504, noNaN: true }), (x) => {
        const [rounded = Number.NaN] = decodeFloat16(encodeFloat16([x]));
        const at = finite.findLastIndex((value) => value <= rounded);
        for (const neighbour of [finite[at - 1], finite[at + 1]])
          if (neighbour !== undefined) expect(Math.abs(x - rounded)).toBeLessThanOrEqual(Math.abs(x - neighbour));
      }),
      { numRuns: 300 },
    );
    const halfway = [1 + 1 / 2048, 1 + 3 / 2048, 2 ** -25, 3 * 2 ** -25, 65_519.99, 65_520];
    expect([...decodeFloat16(encodeFloat16(halfway))]).toEqual([1, 1 + 2 / 1024, 0, 2 ** -23, 65_504, Infinity]);
  });
});

describe("bytes at any alignment", () => {
  const odd = (bytes: Uint8Array): Uint8Array => {
    const shifted = new Uint8Array(bytes.byteLength + 1);
    shifted.set(bytes, 1);
    return shifted.subarray(1);
  };

  test.each([
    "float32",
    "float64",
    "int8",
    "uint8",
    "bool",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "float16",
  ] as const)("%s", (dtype) => {
    const values = [0, 1, 2, 100];
    expect(Array.from(valuesOf(dtype, odd(bytesOf(dtype, values))))).toEqual(values);
  });

  test("an aligned view is not a copy", () => {
    const bytes = bytesOf("float32", [1, 2]);
    expect(float32ValuesOf(bytes).buffer).toBe(bytes.buffer);
    expect([...float32ValuesOf(odd(bytes))]).toEqual([1, 2]);
    expect([...int32ValuesOf(odd(bytesOf("int32", [-5, 6])))]).toEqual([-5, 6]);
  });

  test("what has no numbers is refused, and so is an int64 beyond them", () => {
    expect(() => valuesOf("int4", new Uint8Array(1))).toThrow(expect.objectContaining({ code: "GRAPH_INVALID" }));
    expect(() => bytesOf("string", [1])).toThrow(expect.objectContaining({ code: "GRAPH_INVALID" }));
    const wide = new Uint8Array(BigInt64Array.of(2n ** 53n).buffer);
    expect(() => valuesOf("int64", wide)).toThrow(expect.objectContaining({ code: "GRAPH_INVALID" }));
  });
});
