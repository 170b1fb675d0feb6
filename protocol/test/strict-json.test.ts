import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FlotillaError } from "../src/errors.ts";
import { parseStrictJson, type StrictJsonLimits } from "../src/strict-json.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const codeOf = (text: string | Uint8Array, limits: Partial<StrictJsonLimits> = {}): string => {
  try {
    parseStrictJson(typeof text === "string" ? utf8(text) : text, limits);
  } catch (error) {
    return error instanceof FlotillaError ? error.code : String(error);
  }
  return "accepted";
};

describe("strict JSON", () => {
  it("reads whatever JSON.stringify writes", () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 6, noUnicodeString: false }),
        fc.integer({ min: 0, max: 3 }),
        (value, space) => {
          const text = JSON.stringify(value, null, space);
          // JSON.stringify keeps __proto__ keys and -0 becomes 0; both compare below through JSON.parse
          fc.pre(!text.includes("__proto__"));
          expect(parseStrictJson(utf8(text))).toEqual(JSON.parse(text));
        },
      ),
    );
  });

  it("agrees with JSON.parse on which texts are JSON, and is never the more lenient one", () => {
    const alphabet = fc.constantFrom(...'{}[]",:0123456789.eE+-\\untrlfase \n'.split(""));
    fc.assert(
      fc.property(fc.array(alphabet, { maxLength: 12 }), (characters) => {
        const text = characters.join("");
        if (codeOf(text) === "accepted") expect(() => JSON.parse(text)).not.toThrow();
      }),
      { numRuns: 2000 },
    );
  });

  const refused: readonly (readonly [string, string | Uint8Array])[] = [
    ["nothing", ""],
    ["a byte order mark", "\ufeff{}"],
    ["text behind the value", "{} x"],
    ["a duplicate key", '{"a":1,"a":2}'],
    ["a duplicate key behind an escape", '{"a":1,"\\u0061":2}'],
    ["a __proto__ key", '{"__proto__":{"admin":true}}'],
    ["an escaped __proto__ key", '{"\\u005f_proto__":1}'],
    ["a lone surrogate escape", '"\\ud800"'],
    ["surrogates in the wrong order", '"\\udc00\\ud800"'],
    ["bytes that are not UTF-8", Uint8Array.from([0x22, 0xff, 0x22])],
    ["an overlong UTF-8 sequence", Uint8Array.from([0x22, 0xc0, 0xaf, 0x22])],
    ["a surrogate in UTF-8", Uint8Array.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ["an integer that no double carries", "9007199254740993"],
    ["an overflowing number", "1e999"],
    ["a leading zero", "01"],
    ["a plus sign", "+1"],
    ["NaN", "NaN"],
    ["a trailing comma", "[1,]"],
    ["a missing comma", "[1 2]"],
    ["a control character in a string", '"\u0001"'],
    ["an unknown escape", '"\\x41"'],
    ["a short unicode escape", '"\\u12"'],
    ["an unfinished string", '"abc'],
    ["an unfinished object", '{"a":'],
    ["a comment", "{}/**/"],
    ["a single-quoted key", "{'a':1}"],
  ];
  it.each(refused)("refuses %s", (_, text) => {
    expect(codeOf(text)).toBe("FORMAT_JSON");
  });

  it.each(["1.5", "1e3", "1.0", "-0", "9007199254740992", "-9007199254740992"])(
    "refuses %s where only safe integers go",
    (text) => {
      expect(codeOf(text, { numbers: "safe-integers" })).toBe("FORMAT_JSON");
    },
  );

  it.each(["0", "-1", "9007199254740991"])("reads %s where only safe integers go", (text) => {
    expect(parseStrictJson(utf8(text), { numbers: "safe-integers" })).toBe(Number(text));
  });

  it("bounds bytes, depth and values, also for a megabyte of brackets", () => {
    expect(codeOf("[[[1]]]", { maxDepth: 2 })).toBe("FORMAT_LIMIT");
    expect(codeOf("[[1]]", { maxDepth: 2 })).toBe("accepted");
    expect(codeOf("[1,2,3]", { maxValues: 3 })).toBe("FORMAT_LIMIT");
    expect(codeOf("[1,2,3]", { maxValues: 4 })).toBe("accepted");
    expect(codeOf("[1]", { maxBytes: 2 })).toBe("FORMAT_LIMIT");
    expect(codeOf("[".repeat(1_000_000))).toBe("FORMAT_LIMIT");
    expect(codeOf('{"a":'.repeat(1_000_000))).toBe("FORMAT_LIMIT");
  });

  it("says where reading stopped", () => {
    try {
      parseStrictJson(utf8('{"a": tru}'));
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: "FORMAT_JSON", details: { offset: 6, expected: "a value" } });
    }
  });

  it("gives keys such as constructor no meaning", () => {
    expect(parseStrictJson(utf8('{"constructor":1,"toString":2}'))).toEqual({ constructor: 1, toString: 2 });
  });
});
