/**
 * Protobuf bytes as a tree of fields without any schema, and back: what fits as a message is taken for one. A changed tree
 * has sound lengths around the change, so that damage reaches behind the outermost message.
 * Source: https://protobuf.dev/programming-guides/encoding.
 */

export interface ProtobufField {
  number: number;
  /** 0 varint, 1 eight bytes, 2 bytes with a length, 5 four bytes. */
  wire: number;
  /** Of a varint. */
  value: bigint;
  /** Of the others. */
  payload: Uint8Array;
  /** Where the payload is taken for a message. */
  children?: ProtobufField[];
  /** Stands in the place of the length, whatever the length is. */
  statedLength?: bigint;
  /** Where tag and payload begin in the bytes that were read. */
  at: number;
  payloadAt: number;
}

const maxDepth = 60;

/** Undefined for bytes that are not fields one after another. */
export function parseProtobuf(bytes: Uint8Array, base = 0, depth = 0): ProtobufField[] | undefined {
  const fields: ProtobufField[] = [];
  let at = 0;
  const varint = (): bigint | undefined => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) return undefined;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return undefined;
  };
  while (at < bytes.length) {
    const start = at;
    const tag = varint();
    if (tag === undefined || tag < 8n || tag >= 2n ** 14n) return undefined;
    const [number, wire] = [Number(tag >> 3n), Number(tag & 7n)];
    const head = { number, wire, at: base + start };
    if (wire === 0) {
      const value = varint();
      if (value === undefined) return undefined;
      fields.push({ ...head, value, payload: new Uint8Array(0), payloadAt: base + at });
      continue;
    }
    const length = wire === 1 ? 8n : wire === 5 ? 4n : wire === 2 ? varint() : undefined;
    if (length === undefined || BigInt(at) + length > BigInt(bytes.length)) return undefined;
    const payload = bytes.subarray(at, at + Number(length));
    const children = wire === 2 && length > 1n && depth < maxDepth ? parseProtobuf(payload, base + at, depth + 1) : undefined; // biome-ignore format: one choice
    fields.push({ ...head, value: 0n, payload, payloadAt: base + at, ...(children ? { children } : {}) });
    at += Number(length);
  }
  return fields;
}

export function encodeProtobuf(fields: readonly ProtobufField[]): Uint8Array {
  return Buffer.concat(fields.flatMap(piecesOf));
}

function piecesOf({ number, wire, value, payload, children, statedLength }: ProtobufField): Uint8Array[] {
  const tag = varintBytes(BigInt(number * 8 + wire));
  if (wire === 0) return [tag, varintBytes(value)];
  const body = children ? encodeProtobuf(children) : payload;
  return wire === 2 ? [tag, varintBytes(statedLength ?? BigInt(body.length)), body] : [tag, body];
}

export function varintBytes(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, value);
  for (; left > 0x7fn; left >>= 7n) bytes.push(Number(left & 0x7fn) | 0x80);
  return Uint8Array.from([...bytes, Number(left)]);
}

/** A field with every list that holds one, outermost first: to change a field is to change its list. */
export function placesOf(fields: ProtobufField[]): { list: ProtobufField[]; index: number; field: ProtobufField }[] {
  return fields.flatMap((field, index) => [
    { list: fields, index, field },
    ...(field.children ? placesOf(field.children) : []),
  ]);
}
