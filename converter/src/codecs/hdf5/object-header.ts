/**
 * Object headers of HDF5, versions 1 and 2, with their continuations: the messages that say what an object is.
 * Rules: HDF5 File Format Specification 3.0, IV.A.1. Decodes no message but the continuation.
 */
import { Cursor } from "./cursor.ts";
import { type Hdf5File, hdf5Limits } from "./hdf5-file.ts";

/** Types of messages that are looked at (specification IV.A.2). */
export const messageTypes = {
  dataspace: 0x01,
  linkInfo: 0x02,
  datatype: 0x03,
  link: 0x06,
  externalFiles: 0x07,
  layout: 0x08,
  filters: 0x0b,
  attribute: 0x0c,
  continuation: 0x10,
  symbolTable: 0x11,
  attributeInfo: 0x15,
} as const;

export interface HeaderMessage {
  readonly type: number;
  /** The body lies elsewhere in the file, and other objects share it. */
  readonly shared: boolean;
  /** A cursor over the body, new on every call. */
  body(what: string): Cursor;
}

/** All messages of the object whose header is at `address`. */
export function readObjectHeader(file: Hdf5File, address: number): readonly HeaderMessage[] {
  const head = file.at(address, 4, "an object header");
  return head.text(4) === "OHDR" ? readVersion2(file, address) : readVersion1(file, address);
}

interface Block {
  readonly address: number;
  readonly length: number;
}

function readVersion1(file: Hdf5File, address: number): HeaderMessage[] {
  const head = file.at(address, 16, "an object header");
  const version = head.u8();
  if (version !== 1) throw head.fault("FORMAT_CORRUPT", `is of version ${version}`);
  head.skip(7);
  const first: Block = { address: address + 16, length: head.u32() };
  return readBlocks(file, first, (block, messages) => {
    const cursor = file.at(block.address, block.length, "a block of an object header");
    while (cursor.left >= 8) {
      const type = cursor.u16();
      const size = cursor.u16();
      const flags = cursor.u8();
      cursor.skip(3);
      addMessage(messages, cursor, type, size, flags);
    }
  });
}

function readVersion2(file: Hdf5File, address: number): HeaderMessage[] {
  const head = file.structure("OHDR", address, 6, "an object header");
  const version = head.u8();
  if (version !== 2) throw head.fault("FORMAT_CORRUPT", `is of version ${version}`);
  const flags = head.u8();
  const sizeAt = address + 6 + (flags & 0x20 ? 16 : 0) + (flags & 0x10 ? 4 : 0);
  const sizeBytes = 1 << (flags & 3);
  const size = file.at(sizeAt, sizeBytes, "an object header").uint(sizeBytes);
  const headBytes = 4 + (flags & 0x04 ? 2 : 0);
  return readBlocks(file, { address: sizeAt + sizeBytes, length: size }, (block, messages, at) => {
    const cursor = file.at(block.address, block.length, "a block of an object header");
    if (at > 0) {
      if (cursor.text(4) !== "OCHK") throw cursor.fault("FORMAT_CORRUPT", "does not start with OCHK");
    }
    const checksum = at > 0 ? 4 : 0; // the first block's length leaves its checksum out
    while (cursor.left - checksum >= headBytes) {
      const type = cursor.u8();
      const bytes = cursor.u16();
      const messageFlags = cursor.u8();
      cursor.skip(headBytes - 4); // the order of creation
      addMessage(messages, cursor, type, bytes, messageFlags);
    }
  });
}

/** Blocks continue each other; one that comes twice is a circle. */
function readBlocks(
  file: Hdf5File,
  first: Block,
  read: (block: Block, messages: HeaderMessage[], index: number) => void,
): HeaderMessage[] {
  const messages: HeaderMessage[] = [];
  const blocks = [first];
  const seen = new Set<number>();
  for (let at = 0; at < blocks.length; at++) {
    const block = blocks[at]!;
    if (seen.has(block.address)) {
      throw file.fault("FORMAT_CORRUPT", "an object header continues in itself", block.address);
    }
    seen.add(block.address);
    const from = messages.length;
    read(block, messages, at);
    for (const message of messages.slice(from)) {
      if (message.type !== messageTypes.continuation) continue;
      const body = message.body("a continuation");
      blocks.push({ address: body.requiredAddress(), length: body.length() });
    }
  }
  return messages;
}

function addMessage(messages: HeaderMessage[], cursor: Cursor, type: number, size: number, flags: number): void {
  if (messages.length >= hdf5Limits.entries) {
    throw cursor.fault("FORMAT_LIMIT", `has more than ${hdf5Limits.entries} messages`);
  }
  const address = cursor.address + cursor.position;
  const bytes = cursor.bytes(size);
  const { file } = cursor;
  messages.push({ type, shared: (flags & 2) !== 0, body: (what) => new Cursor(file, bytes, address, what) });
}
