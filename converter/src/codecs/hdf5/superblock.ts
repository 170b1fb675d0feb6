/**
 * The superblock of an HDF5 file, versions 0 to 3: widths of addresses, the file's end, where the root group is.
 * Rules: HDF5 File Format Specification 3.0, II.A.
 */
import type { RandomAccess } from "@flotilla/protocol/random-access";
import { Hdf5File } from "./hdf5-file.ts";

const signature = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];
const widths: readonly number[] = [2, 4, 8];

/** Whether these are the first bytes of an HDF5 file. */
export const isHdf5 = (head: Uint8Array): boolean => signature.every((byte, at) => head[at] === byte);

/** @throws FORMAT_UNRECOGNIZED, FORMAT_TRUNCATED, FORMAT_CORRUPT, UNSUPPORTED_FORMAT (a newer version) */
export function readSuperblock(access: RandomAccess): { readonly file: Hdf5File; readonly root: number } {
  const plain = new Hdf5File(access, 8, 8);
  const start = plain.at(0, Math.min(16, access.byteLength), "the superblock");
  if (start.left < 16) {
    if (start.left >= 8 && isHdf5(start.bytes(8))) throw start.fault("FORMAT_TRUNCATED", "is cut off");
    throw plain.fault("FORMAT_UNRECOGNIZED", "this is no HDF5 file", 0);
  }
  if (!isHdf5(start.bytes(8))) throw plain.fault("FORMAT_UNRECOGNIZED", "this is no HDF5 file", 0);
  const version = start.u8();
  if (version > 3) throw start.fault("UNSUPPORTED_FORMAT", `is of version ${version}; 0 to 3 are read`);
  const old = version < 2;
  if (old) start.skip(4);
  const offsetBytes = start.u8();
  const lengthBytes = start.u8();
  if (!widths.includes(offsetBytes) || !widths.includes(lengthBytes)) {
    throw start.fault("FORMAT_CORRUPT", `has addresses of ${offsetBytes} and lengths of ${lengthBytes} bytes`);
  }
  const file = new Hdf5File(access, offsetBytes, lengthBytes);
  const headBytes = old ? 24 + (version === 1 ? 4 : 0) : 12;
  const rest = file.at(headBytes, offsetBytes * (old ? 6 : 4), "the superblock");
  const base = rest.uint(offsetBytes);
  rest.optionalAddress(); // free space, or the superblock's extension
  const end = rest.requiredAddress();
  if (base !== 0) throw rest.fault("UNSUPPORTED_FORMAT", `puts its addresses behind a user block of ${base} bytes`);
  if (end > access.byteLength) {
    throw file.fault("FORMAT_TRUNCATED", `the file should have ${end} bytes: it was cut off`, access.byteLength);
  }
  if (old) {
    rest.optionalAddress(); // driver information
    rest.skip(offsetBytes); // the root group's name
  }
  return { file, root: rest.requiredAddress() };
}
