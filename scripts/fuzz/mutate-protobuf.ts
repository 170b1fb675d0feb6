/**
 * Damages protobuf by its fields: numbers and texts replaced (shapes, types, names, paths of external data), texts taken
 * from elsewhere (names that lead back: cycles), fields dropped, copied and multiplied, messages nested in themselves
 * thousands of times, lengths that lie.
 */
import { encodeProtobuf, type ProtobufField, parseProtobuf, placesOf, varintBytes } from "./protobuf-tree.ts";
import type { Random } from "./random.ts";
import { tellingIntegers, tellingTexts } from "./telling.ts";

const mostBytes = 2 ** 20;

/** Undefined for what is not protobuf. */
export function mutateProtobuf(bytes: Uint8Array, random: Random): Uint8Array | undefined {
  const fields = parseProtobuf(bytes);
  if (!fields || fields.length === 0) return undefined;
  const places = placesOf(fields);
  const place = places[random.below(places.length)];
  const other = places[random.below(places.length)]?.field;
  if (!place || !other) return undefined;
  const { list, index, field } = place;
  switch (random.below(10)) {
    case 0:
      list.splice(index, 1);
      break;
    case 1:
      list.splice(index, 0, other === field || isWithin(other, list) ? { ...field } : other);
      break;
    case 2:
      multiply(place, 10 ** (1 + random.below(4)));
      break;
    case 3:
      nest(field, 10 ** (1 + random.below(5)));
      break;
    case 4:
      if (field.wire === 2) field.statedLength = random.pick(tellingIntegers);
      else field.value = random.pick(tellingIntegers);
      break;
    case 5:
      setText(field, new TextEncoder().encode(random.pick(tellingTexts)));
      break;
    case 6:
      setText(field, other.payload);
      break;
    case 7:
      setText(field, new Uint8Array(10 ** (1 + random.below(5))).fill(random.pick([0, 1, 0xff]))); // packed values
      break;
    default:
      setNumber(field, random);
  }
  return encodeProtobuf(fields);
}

/** A list put into one of its own fields would have no end. */
const isWithin = (field: ProtobufField, list: readonly ProtobufField[]): boolean =>
  field.children === list || (field.children?.some((child) => isWithin(child, list)) ?? false);

function multiply({ list, index, field }: { list: ProtobufField[]; index: number; field: ProtobufField }, times: number): void {
  const most = Math.floor(mostBytes / (field.payload.length + 4));
  list.splice(index, 0, ...new Array<ProtobufField>(Math.min(times, most)).fill(field));
} // biome-ignore format: one line of parameters

/** The message holds a message of its own number, which holds one, and so on. */
function nest(field: ProtobufField, depth: number): void {
  if (field.wire !== 2) return;
  const tag = varintBytes(BigInt(field.number * 8 + 2));
  const heads: Uint8Array[] = [];
  let length = field.payload.length;
  for (let level = 0; level < depth; level++) {
    const head = Buffer.concat([tag, varintBytes(BigInt(length))]);
    heads.push(head);
    length += head.length;
  }
  setText(field, Buffer.concat([...heads.reverse(), field.payload]));
}

function setText(field: ProtobufField, payload: Uint8Array): void {
  if (field.wire !== 2) return;
  delete field.children;
  field.payload = payload;
}

function setNumber(field: ProtobufField, random: Random): void {
  if (field.wire === 0) field.value = random.below(3) === 0 ? BigInt(random.below(40)) : random.pick(tellingIntegers);
  else if (field.payload.length > 0 && !field.children) {
    field.payload = field.payload.slice();
    field.payload[random.below(field.payload.length)] = random.pick([0, 1, 0x7f, 0x80, 0xff]);
  }
}
