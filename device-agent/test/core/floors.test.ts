import { describe, expect, it } from "vitest";
import { decodeFloors, encodeFloors, type Floors, strictest } from "../../src/core/trust/floors.ts";

const floors: Floors = {
  sequence: 7,
  rootVersion: 2,
  onlineKeys: "ab".repeat(32),
  timestampVersion: 41,
  snapshotVersion: 12,
  roleVersions: new Map([
    ["targets", 3],
    ["release-digits", 9],
  ]),
};

describe("floors", () => {
  const bytes = encodeFloors(floors);

  it("come back as they were written", () => {
    expect(decodeFloors(bytes)).toEqual(floors);
  });

  it("are void after any change of one bit and at any length but their own", () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = bytes.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeFloors(changed)).toBeNull();
    }
    for (let length = 0; length < bytes.length; length++) expect(decodeFloors(bytes.subarray(0, length))).toBeNull();
    expect(decodeFloors(Uint8Array.of(...bytes, 0x20))).toBeNull();
  });

  it("merge to the stricter of two, role by role", () => {
    const other = { timestampVersion: 50, snapshotVersion: 1, roleVersions: new Map([["targets", 5]]) };
    expect(strictest(floors, other)).toEqual({
      timestampVersion: 50,
      snapshotVersion: 12,
      roleVersions: new Map([
        ["targets", 5],
        ["release-digits", 9],
      ]),
    });
  });
});
