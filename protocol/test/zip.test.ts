/** Archives read in ranges: members that stay where they are, sizes of ZIP64, and faults by the code of the caller. */
import { describe, expect, it } from "vitest";
import { memoryAccess } from "../src/random-access.ts";
import { encodeZip, openZip } from "../src/zip.ts";

const limits = { maxMembers: 4, maxTotalBytes: 2 ** 20, maxRatio: 100 };
const content = new Uint8Array([1, 2, 3, 4, 5]);
const archive = encodeZip(new Map([["folder/member", content]]));
const centralBytes = 46 + "folder/member".length;
const endBytes = 22;

/** The same archive with the member's sizes where ZIP64 keeps them, and 0xffffffff in their place. */
function wide(unpacked: bigint, packed: bigint): Uint8Array {
  const extra = new DataView(new ArrayBuffer(20));
  extra.setUint16(0, 1, true);
  extra.setUint16(2, 16, true);
  extra.setBigUint64(4, unpacked, true);
  extra.setBigUint64(12, packed, true);
  const end = archive.length - endBytes;
  const bytes = new Uint8Array([...archive.slice(0, end), ...new Uint8Array(extra.buffer), ...archive.slice(end)]);
  const view = new DataView(bytes.buffer);
  const central = end - centralBytes;
  view.setUint32(central + 20, 0xffff_ffff, true);
  view.setUint32(central + 24, 0xffff_ffff, true);
  view.setUint16(central + 30, 20, true);
  view.setUint32(end + 20 + 12, centralBytes + 20, true);
  return bytes;
}

describe("openZip", () => {
  it("gives members that are read later, and stored ones as files", () => {
    const member = openZip(memoryAccess(archive), limits).get("folder/member");
    expect(member?.bytes).toBe(5);
    expect(member?.read()).toEqual(content);
    expect(member?.stored()?.read(1, 3)).toEqual(content.slice(1, 4));
    expect(() => member?.stored()?.read(3, 3)).toThrow(expect.objectContaining({ code: "FORMAT_TRUNCATED" }));
  });

  it("reads sizes of ZIP64", () => {
    expect(
      openZip(memoryAccess(wide(5n, 5n)), limits)
        .get("folder/member")
        ?.read(),
    ).toEqual(content);
  });

  it.each([
    ["beyond the limit", wide(2n ** 40n, 2n ** 40n), "FORMAT_LIMIT"],
    ["beyond the archive", wide(2n ** 10n, 2n ** 10n), "FORMAT_CORRUPT"],
    ["of two kinds", wide(5n, 4n), "FORMAT_CORRUPT"],
  ])("refuses sizes %s", (_, bytes, code) => {
    expect(() => openZip(memoryAccess(bytes), limits).get("folder/member")?.stored()).toThrow(
      expect.objectContaining({ code }),
    );
  });

  it("cut off anywhere, the archive is refused with the caller's code", () => {
    for (let length = 0; length < archive.length; length++) {
      expect(() => openZip(memoryAccess(archive.slice(0, length)), limits, "FORMAT_NPZ")).toThrow(
        expect.objectContaining({ code: "FORMAT_NPZ" }),
      );
    }
  });
});
