import { describe, expect, it } from "vitest";
import { sha256Hex } from "../../src/digest.ts";
import { coversPath, matchesGlob } from "../../src/tuf/path-match.ts";
import { consistentTargetPath, encodeSegment, roleFileName } from "../../src/tuf/role-file-name.ts";

describe("delegated paths", () => {
  it.each([
    ["models/digits/*", "models/digits/1.release.json", true],
    ["models/digits/*", "models/digits/", true],
    ["models/digits/*", "models/digits", false],
    ["models/digits/*", "models/digits/a/b", false],
    ["models/digits/*", "models/Digits/a", false],
    ["*", "a/b", false],
    ["*/*", "a/b", true],
    ["a?c", "abc", true],
    ["a?c", "ac", false],
    ["a?c", "a/c", false],
    ["*.tflite", "a.tflite", true],
    ["*.tflite", "a.tflite.bak", false],
    ["a*b*c", "aXbYbZc", true],
    ["a*b*c", "aXcYb", false],
    ["[ab]", "a", false],
    ["[ab]", "[ab]", true],
    ["", "", true],
    ["", "a", false],
  ])("%s covers %s: %s", (glob, path, expected) => {
    expect(matchesGlob(glob, path)).toBe(expected);
  });

  it("takes linear time against patterns made to explode", () => {
    expect(matchesGlob("*a".repeat(2_000), `${"a".repeat(20_000)}b`)).toBe(false);
  });

  it("covers by prefixes of the path's digest; an empty prefix covers nothing", () => {
    const digest = sha256Hex(new TextEncoder().encode("a/b"));
    expect(coversPath({ kind: "hash-prefixes", prefixes: [digest.slice(0, 2)] }, "a/b")).toBe(true);
    expect(coversPath({ kind: "hash-prefixes", prefixes: [""] }, "a/b")).toBe(false);
  });
});

describe("file names of roles", () => {
  it.each([
    ["targets", "targets.json"],
    ["../x", "..%2Fx.json"],
    ["a b?#*", "a%20b%3F%23%2A.json"],
    ["..", "...json"],
  ])("%s lies in %s", (role, name) => {
    expect(roleFileName(role)).toBe(name);
    expect(roleFileName(role, 3)).toBe(`3.${name}`);
    expect(name).not.toContain("/");
  });

  it("keeps unreserved characters", () => {
    expect(encodeSegment("aZ09-._~")).toBe("aZ09-._~");
  });

  it("puts the digest before the last segment", () => {
    expect(consistentTargetPath("models/digits/a.json", "ff")).toBe("models/digits/ff.a.json");
    expect(consistentTargetPath("a", "ff")).toBe("ff.a");
  });
});
