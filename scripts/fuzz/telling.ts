/** Values that break readers: ends of number types, sizes nobody has, paths that lead out, names with a meaning of their own. */

export const tellingNumbers = [0, 1, 2, 3, 4, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff] as const; // biome-ignore format: a table

export const tellingIntegers = [
  0n, 1n, 2n, 7n, 127n, 128n, 255n, 65_536n, 1_000_000n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 40n, 2n ** 53n, 2n ** 63n - 1n,
  2n ** 63n, 2n ** 64n - 1n, 2n ** 64n - 2n,
] as const; // biome-ignore format: a table

/** `external_data`, shards of weights, members of archives: a path is a path in every format. */
export const tellingTexts = [
  "../../../etc/passwd", "..\\..\\windows\\win.ini", "/etc/passwd", "/dev/zero", "C:\\x", "C:x", "file:///etc/passwd", "https://example.org/x", "a\0b",
  ".", "..", "", "a/../../b", "con", "-1", "0", "99999999999999999999", "1e9", "__proto__", "constructor", "toString", "float32", "x".repeat(5_000),
] as const; // biome-ignore format: a table
