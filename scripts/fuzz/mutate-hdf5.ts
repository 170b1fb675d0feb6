/**
 * Damages HDF5 where it has structure: messages of object headers (shapes, types, filters, links, external files), chunks
 * that unpack to more than they are, and the JSON of a Keras model in its attribute, kept at its length.
 * Source: HDF5 File Format Specification 3.0, IV.A.
 */
import { deflateSync } from "node:zlib";
import { mutateJson } from "./mutate-json.ts";
import type { Random } from "./random.ts";
import { tellingIntegers, tellingNumbers } from "./telling.ts";

/** In place: what the file's addresses point at stays where it is. Undefined where there is nothing of the kind. */
export function mutateHdf5(bytes: Uint8Array, random: Random): Uint8Array | undefined {
  return random.pick([damageMessage, damageMessage, damageConfig, plantBomb])(bytes, random);
}

const mostMessages = 20_000;
const largestType = 0x16;
/** Dataspace, link, external files, layout, filters, group's symbol table, attribute, continuation. */
const tellingTypes = [0x01, 0x06, 0x07, 0x08, 0x0b, 0x11, 0x0c, 0x10] as const;

interface Message {
  readonly at: number;
  readonly type: number;
  readonly bytes: number;
}

/** What looks like the head of a version 1 message: type, size in eights, three reserved zeros. */
function messagesOf(bytes: Uint8Array): readonly Message[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: Message[] = [];
  for (let at = 0; at + 16 <= bytes.length && found.length < mostMessages; at += 8) {
    const [type, size] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
    if (type === 0 || type > largestType || size === 0 || size % 8 !== 0 || at + 8 + size > bytes.length) continue;
    if ((view.getUint32(at + 4, true) & 0xffff_ff00) === 0) found.push({ at, type, bytes: size });
  }
  return found;
}

function damageMessage(bytes: Uint8Array, random: Random): Uint8Array | undefined {
  const messages = messagesOf(bytes);
  const message = messages[random.below(messages.length)];
  if (!message) return undefined;
  const damaged = bytes.slice();
  const view = new DataView(damaged.buffer);
  const body = message.at + 8;
  switch (random.below(5)) {
    case 0:
      view.setUint16(message.at, random.pick(tellingTypes), true);
      break;
    case 1:
      view.setUint16(message.at + 2, random.pick(tellingNumbers) & 0xffff, true);
      break;
    case 2:
      view.setBigUint64(body + 8 * random.below(message.bytes / 8), random.pick(tellingIntegers), true);
      break;
    case 3: {
      const other = messages[random.below(messages.length)];
      if (other) damaged.copyWithin(message.at, other.at, other.at + Math.min(other.bytes, message.bytes) + 8);
      break;
    }
    default:
      damaged[body + random.below(Math.min(message.bytes, 8))] = random.pick([0, 1, 2, 3, 4, 5, 8, 32, 0x7f, 0xff]);
  }
  return damaged;
}

/** The config is JSON of a fixed length: damaged without its blanks there is room, and blanks fill what is left. */
function damageConfig(bytes: Uint8Array, random: Random): Uint8Array | undefined {
  const text = new TextDecoder("latin1").decode(bytes);
  const from = text.indexOf('{"');
  if (from < 0) return undefined;
  const close = text.indexOf("\0", from);
  const room = (close < 0 ? text.length : close) - from;
  const compact = withoutBlanks(text.slice(from, from + room));
  if (compact === undefined) return undefined;
  const json = mutateJson(new TextEncoder().encode(compact), random);
  if (json.length > room) return undefined;
  const damaged = bytes.slice();
  damaged.fill(0x20, from, from + room);
  damaged.set(json, from);
  return damaged;
}

function withoutBlanks(text: string): string | undefined {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}

const bomb = deflateSync(new Uint8Array(2 ** 26), { level: 9 });

/** Over a deflated chunk: zeros, a thousand to one, as far as the file goes. */
function plantBomb(bytes: Uint8Array, random: Random): Uint8Array | undefined {
  const streams: number[] = [];
  for (let at = 0; at + 2 < bytes.length; at++) {
    if (bytes[at] === 0x78 && [0x01, 0x5e, 0x9c, 0xda].includes(bytes[at + 1] ?? 0)) streams.push(at);
  }
  const at = streams[random.below(streams.length)];
  if (at === undefined) return undefined;
  const damaged = bytes.slice();
  damaged.set(bomb.subarray(0, Math.min(bytes.length - at, 64 + random.below(8192))), at);
  return damaged;
}
