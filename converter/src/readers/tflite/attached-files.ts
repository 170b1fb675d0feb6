/**
 * The files that ride behind a `.tflite` file as a ZIP archive: labels and vocabularies that TFLITE_METADATA names.
 * Their places count from the beginning of the file or of the archive, by who wrote them (tflite-support appends with
 * Python's zipfile, which counts from the file's).
 */
import { partOf, type RandomAccess } from "@flotilla/protocol/random-access";
import { openZip } from "@flotilla/protocol/zip";

const limits = { maxMembers: 1024, maxTotalBytes: 256 * 2 ** 20, maxRatio: 200 };
const endRecordBytes = 22;
const mostCommentBytes = 0xffff;
const endSignature = 0x06054b50;

/**
 * By name; empty when nothing is attached.
 * @throws FORMAT_CORRUPT, FORMAT_LIMIT
 */
export function attachedFiles(file: RandomAccess): ReadonlyMap<string, Uint8Array> {
  const tailBytes = Math.min(file.byteLength, endRecordBytes + mostCommentBytes);
  const tail = file.read(file.byteLength - tailBytes, tailBytes);
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  for (let at = tailBytes - endRecordBytes; at >= 0; at--) {
    const comment = view.getUint32(at, true) === endSignature ? view.getUint16(at + 20, true) : -1;
    if (at + endRecordBytes + comment !== tailBytes) continue;
    const directoryEnd = view.getUint32(at + 12, true) + view.getUint32(at + 16, true);
    const start = file.byteLength - tailBytes + at - directoryEnd; // 0 when places count from the file's beginning
    if (start < 0) continue;
    const archive = partOf(file, start, file.byteLength - start, `${file.label}, attached files`);
    return new Map([...openZip(archive, limits)].map(([name, member]) => [name, member.read()]));
  }
  return new Map();
}
