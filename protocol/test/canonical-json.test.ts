import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJsonBytes, canonicalJsonText } from "../src/canonical-json.ts";
import { createSha256, sha256Hex } from "../src/digest.ts";
import { parseStrictJson } from "../src/strict-json.ts";
import { olpcJsonBytes } from "../src/tuf/olpc-json.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe("RFC 8785 canonical JSON", () => {
  it("gives the bytes of the RFC's example (§3.2.2 to §3.2.4)", () => {
    const value = {
      numbers: [333333333.3333333, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
      literals: [null, true, false],
    };
    expect(canonicalJsonText(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  it("sorts keys by UTF-16 unit (§3.2.3)", () => {
    const value = { "\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\u{1f600}": 5, "\u0080": 6, "\u00f6": 7 };
    expect(Object.keys(JSON.parse(canonicalJsonText(value)))).toHaveLength(7);
    const order = [...canonicalJsonText(value).matchAll(/:(\d)/g)].map((match) => match[1]).join("");
    expect(order).toBe("2467153");
  });

  it("is a fixed point: parsing and serialising again changes nothing", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const written = JSON.parse(JSON.stringify(value));
        fc.pre(!JSON.stringify(written).includes("__proto__"));
        const bytes = canonicalJsonBytes(written);
        expect(canonicalJsonBytes(parseStrictJson(bytes))).toEqual(bytes);
      }),
    );
  });

  it.each([
    ["undefined", undefined],
    ["an undefined field", { a: undefined }],
    ["NaN", [Number.NaN]],
    ["infinity", { a: Number.POSITIVE_INFINITY }],
    ["a bigint", 1n],
    ["a function", { a: () => 1 }],
    ["a symbol", Symbol("a")],
    ["a lone surrogate", "\ud800"],
    ["a lone surrogate in a key", { "\ud800": 1 }],
    ["a date", new Date(0)],
    ["bytes", new Uint8Array(1)],
    ["a map", new Map()],
  ])("refuses %s", (_, value) => {
    expect(() => canonicalJsonBytes(value)).toThrow(expect.objectContaining({ code: "FORMAT_JSON" }));
  });

  it("refuses a cycle", () => {
    const value: unknown[] = [];
    value.push(value);
    expect(() => canonicalJsonBytes(value)).toThrow(expect.objectContaining({ code: "FORMAT_JSON" }));
  });
});

describe("OLPC canonical JSON", () => {
  it("sorts keys by code point, where UTF-16 order differs", () => {
    expect(text(olpcJsonBytes({ "\u{1f600}": 1, "\uffee": 2, a: 3 }))).toBe('{"a":3,"\uffee":2,"\u{1f600}":1}');
  });

  it("orders keys as their UTF-8 bytes do", () => {
    const characters = fc.constantFrom(
      "a",
      "b",
      "\u00e9",
      "\ud7ff",
      "\ue000",
      "\uffee",
      "\u{10000}",
      "\u{1f600}",
      "\u{10ffff}",
    );
    const keys = fc.uniqueArray(fc.string({ unit: characters, maxLength: 4 }), { minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(keys, (names) => {
        const written = text(olpcJsonBytes(Object.fromEntries(names.map((name) => [name, 0]))));
        const byBytes = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        expect(written).toBe(`{${byBytes.map((name) => `"${name}":0`).join(",")}}`);
      }),
    );
  });

  it("escapes quote and backslash only", () => {
    expect(text(olpcJsonBytes('a"b\\c\n\u0001é'))).toBe('"a\\"b\\\\c\n\u0001é"');
  });

  it.each([1.5, 2 ** 53, Number.NaN])("refuses %s", (value) => {
    expect(() => olpcJsonBytes(value)).toThrow(expect.objectContaining({ code: "FORMAT_JSON" }));
  });
});

describe("SHA-256", () => {
  it("matches FIPS 180-4's example, in one go and in pieces", () => {
    const digest = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";
    const message = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    expect(sha256Hex(utf8(message))).toBe(digest);
    const stream = createSha256();
    for (const character of message) stream.update(utf8(character));
    expect(stream.digestHex()).toBe(digest);
  });
});
