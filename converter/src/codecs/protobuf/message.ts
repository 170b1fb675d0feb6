/**
 * Protobuf messages as data: a message is a record of fields, and decoding follows it, bounded in depth and in values.
 * Bytes fields are views of what is in memory, never copies. Unknown fields are skipped, as the encoding asks for.
 * The wire format is in `wire-reader.ts`; knows no message of any format.
 */
import { WireType } from "@bufbuild/protobuf/wire";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { RandomAccess } from "@flotilla/protocol/random-access";
import { emptySpan, type Span, WireReader } from "./wire-reader.ts";

/** How one field is read: `read` gives the new value of the field, given the one so far. */
export interface Field<T> {
  readonly number: number;
  readonly initial: () => T;
  /** A method, so that fields of any type fit into one record. */
  read(scan: Scan, wire: WireType, soFar: T): T;
}

export type Fields = Readonly<Record<string, Field<unknown>>>;
export interface Message<F extends Fields> {
  readonly name: string;
  readonly fields: F;
}
export type Decoded<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };
/** What decoding a message gives. */
export type MessageOf<M> = M extends Message<infer F> ? Decoded<F> : never;

/** Fields come as a function where messages contain themselves. */
export const message = <F extends Fields>(name: string, fields: F): Message<F> => ({ name, fields });

const maxDepth = 100;
/** Values of all repeated fields and messages together. */
const maxValues = 50_000_000;

/** Where decoding stands: the reader, and what is left of the bounds. */
export interface Scan {
  readonly reader: WireReader;
  readonly depth: number;
  readonly budget: { values: number };
}

/**
 * Decodes one message that fills `content`. Spans are passed over; of a file, they are read when they are asked for.
 * @throws FORMAT_CORRUPT (with the offset), FORMAT_LIMIT (too deep, too many values)
 */
export function decodeMessage<F extends Fields>(type: Message<F>, content: Uint8Array | RandomAccess): Decoded<F> {
  const reader = new WireReader(content);
  try {
    return decodeFields(type, { reader, depth: 0, budget: { values: maxValues } }, reader.len);
  } catch (cause) {
    if (cause instanceof FlotillaError) throw cause;
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new FlotillaError("FORMAT_CORRUPT", `Not a protobuf ${type.name}: ${problem} at byte ${reader.pos}.`, {
      details: { message: type.name, offset: reader.pos },
      cause,
    });
  }
}

function decodeFields<F extends Fields>(type: Message<F>, scan: Scan, end: number): Decoded<F> {
  const { reader, depth } = scan;
  if (depth > maxDepth) {
    throw new FlotillaError("FORMAT_LIMIT", `${type.name}: messages nest deeper than ${maxDepth}.`);
  }
  const byNumber = numbersOf(type);
  const values: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(type.fields)) values[name] = field.initial();
  while (reader.pos < end) {
    const [number, wire] = reader.tag();
    const known = byNumber.get(number);
    if (known) values[known.name] = known.field.read(scan, wire, values[known.name]);
    else reader.skip(wire, number);
    spend(scan, 1);
  }
  if (reader.pos !== end) throw new FlotillaError("FORMAT_CORRUPT", `${type.name} runs past its end at byte ${end}.`);
  return values as Decoded<F>; // every field got its initial value, and `read` keeps its type
}

const numbered = new WeakMap<object, ReadonlyMap<number, { name: string; field: Field<unknown> }>>();

function numbersOf(type: Message<Fields>): ReadonlyMap<number, { name: string; field: Field<unknown> }> {
  const known = numbered.get(type);
  if (known) return known;
  const made = new Map(Object.entries(type.fields).map(([name, field]) => [field.number, { name, field }]));
  numbered.set(type, made);
  return made;
}

function spend(scan: Scan, values: number): void {
  scan.budget.values -= values;
  if (scan.budget.values < 0) throw new FlotillaError("FORMAT_LIMIT", `More than ${maxValues} values in one message.`);
}

/** A length that lies within the bytes, as the position behind it. */
function endOf(reader: WireReader): number {
  const length = reader.uint32();
  const end = reader.pos + length;
  if (end > reader.len) throw new FlotillaError("FORMAT_CORRUPT", `${length} bytes announced at byte ${reader.pos}.`);
  return end;
}

function need(found: WireType, expected: WireType, number: number): void {
  if (found === expected) return;
  throw new FlotillaError("FORMAT_CORRUPT", `Field ${number} has the wire type ${found}, expected ${expected}.`);
}

interface Scalar<T> {
  readonly wire: WireType;
  readonly zero: T;
  readonly read: (reader: WireReader) => T;
}

const scalar =
  <T>({ wire, zero, read }: Scalar<T>) =>
  (number: number): Field<T> & { readonly element: Scalar<T> } => ({
    number,
    element: { wire, zero, read },
    initial: () => zero,
    read: ({ reader }, found) => {
      need(found, wire, number);
      return read(reader);
    },
  });

export const int32 = scalar<number>({ wire: WireType.Varint, zero: 0, read: (reader) => reader.int32() });
export const int64 = scalar<bigint>({ wire: WireType.Varint, zero: 0n, read: (reader) => reader.int64() });
export const uint64 = scalar<bigint>({ wire: WireType.Varint, zero: 0n, read: (reader) => reader.uint64() });
export const bool = scalar<boolean>({ wire: WireType.Varint, zero: false, read: (reader) => reader.bool() });
export const float = scalar<number>({ wire: WireType.Bit32, zero: 0, read: (reader) => reader.float() });
export const double = scalar<number>({ wire: WireType.Bit64, zero: 0, read: (reader) => reader.double() });
export const fixed32 = scalar<number>({ wire: WireType.Bit32, zero: 0, read: (reader) => reader.fixed32() });
export const string = scalar<string>({ wire: WireType.LengthDelimited, zero: "", read: (reader) => reader.string() });
export const bytes = scalar<Uint8Array>({
  wire: WireType.LengthDelimited,
  zero: new Uint8Array(0),
  read: (reader) => reader.bytes(),
});
/** Bytes that may be many: not read with the message. */
export const span = scalar<Span>({
  wire: WireType.LengthDelimited,
  zero: emptySpan,
  read: (reader) => reader.span(),
});

/** A scalar that may be absent, which zero does not tell (in a oneof). */
export const optional = <T>({ number, element: { wire, read } }: Field<T> & { readonly element: Scalar<T> }) =>
  ({
    number,
    initial: () => undefined,
    read: ({ reader }, found) => {
      need(found, wire, number);
      return read(reader);
    },
  }) satisfies Field<T | undefined> as Field<T | undefined>;

/** A list of scalars, packed or not. */
export function list<T>(field: Field<T> & { readonly element: Scalar<T> }): Field<readonly T[]> {
  const { number, element } = field;
  return {
    number,
    initial: () => [],
    read: (scan, found, soFar) => {
      const values = soFar as T[]; // made here, see `initial`
      const { reader } = scan;
      const into = values.length === 0 ? [] : values;
      if (found === WireType.LengthDelimited && element.wire !== WireType.LengthDelimited) {
        const end = endOf(reader);
        while (reader.pos < end) {
          into.push(element.read(reader));
          spend(scan, 1);
        }
        return into;
      }
      need(found, element.wire, number);
      into.push(element.read(reader));
      return into;
    },
  };
}

/** A message inside; undefined when it is not there. `type` is a function, so that messages can contain themselves. */
export const nested = <F extends Fields>(number: number, type: () => Message<F>): Field<Decoded<F> | undefined> => ({
  number,
  initial: () => undefined,
  read: (scan, found) => {
    need(found, WireType.LengthDelimited, number);
    return decodeFields(type(), { ...scan, depth: scan.depth + 1 }, endOf(scan.reader));
  },
});

/** A list of messages. */
export const messages = <F extends Fields>(number: number, type: () => Message<F>): Field<readonly Decoded<F>[]> => ({
  number,
  initial: () => [],
  read: (scan, found, soFar) => {
    need(found, WireType.LengthDelimited, number);
    const one = decodeFields(type(), { ...scan, depth: scan.depth + 1 }, endOf(scan.reader));
    const into = soFar.length === 0 ? [] : (soFar as Decoded<F>[]); // made here
    into.push(one);
    return into;
  },
});

/** A protobuf map: a list of entries with a key (1) and a value (2). Later entries win. */
export const entries = <V>(number: number, value: Field<V>): Field<ReadonlyMap<string, V>> => {
  const entry = message("map entry", { key: string(1), value });
  return {
    number,
    initial: () => new Map(),
    read: (scan, found, soFar) => {
      need(found, WireType.LengthDelimited, number);
      const one = decodeFields(entry, { ...scan, depth: scan.depth + 1 }, endOf(scan.reader));
      return (soFar.size === 0 ? new Map<string, V>() : (soFar as Map<string, V>)).set(one.key, one.value as V);
    },
  };
};
