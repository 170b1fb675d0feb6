/** Builds small HDF5 files byte by byte, sound ones and such as no library writes: superblock 0, version 1 headers, links. */

/** Bytes of a place in the file. */
export interface Places {
  /** Where the message itself starts. */
  readonly at: number;
  readonly rootAt: number;
  /** Where what stands behind everything else starts. */
  readonly end: number;
}

type Part = (places: Places) => Uint8Array;

export interface Hdf5Sketch {
  /** Links of the root, each with the object that it leads to. */
  readonly links?: readonly { readonly name: string; readonly object: (at: number) => Uint8Array }[];
  /** Further messages of the root. */
  readonly extra?: readonly Part[];
  readonly behind?: (at: number) => Uint8Array;
}

const rootAt = 96;
const headBytes = 16;

/** An unsigned number in eight bytes; of an address and of a length alike. */
export function address(value: number): number[] {
  const bytes = new DataView(new ArrayBuffer(8));
  bytes.setBigUint64(0, BigInt(value), true);
  return [...new Uint8Array(bytes.buffer)];
}

const number = (value: number, bytes: number): number[] => address(value).slice(0, bytes);

/** A message of a version 1 header. */
export function message(type: number, body: readonly number[]): Uint8Array {
  const padded = [...body, ...new Array<number>(-body.length & 7).fill(0)];
  return new Uint8Array([...number(type, 2), ...number(padded.length, 2), 0, 0, 0, 0, ...padded]);
}

/** A link message. */
export const link = (name: string, to: number): Uint8Array =>
  message(6, [1, 0, name.length, ...new TextEncoder().encode(name), ...address(to)]);

export const hardLink = (name: string, object: (at: number) => Uint8Array) => ({ name, object });

const header = (messages: readonly Uint8Array[]): number[] => {
  const bytes = messages.reduce((sum, { byteLength }) => sum + byteLength, 0);
  return [1, 0, ...number(messages.length, 2), ...number(1, 4), ...number(bytes, 4), 0, 0, 0, 0].concat(
    messages.flatMap((one) => [...one]),
  );
};

/** float32, with one way of keeping its elements. */
export function dataset(facts: {
  shape: readonly number[];
  compact?: Uint8Array;
  contiguous?: { at: number; bytes: number };
  /** Deflated; found by a version 4 layout of one chunk where there is one, else by nothing that is there. */
  chunk?: { sizes: readonly number[]; stored: Uint8Array };
}): (at: number) => Uint8Array {
  const { shape, compact, contiguous, chunk } = facts;
  const space = message(1, [1, shape.length, 0, 0, 0, 0, 0, 0, ...shape.flatMap(address)]);
  const float = [0x11, 0x20, 31, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0];
  const type = message(3, float);
  const filters = chunk ? [message(11, [2, 1, 1, 0, 0, 0, 1, 0, 6, 0, 0, 0])] : [];
  const layout = (storedAt: number): Uint8Array => {
    if (compact) return message(8, [3, 0, ...number(compact.byteLength, 2), ...compact]);
    if (contiguous) return message(8, [3, 1, ...address(contiguous.at), ...address(contiguous.bytes)]);
    const sizes = chunk?.sizes ?? [];
    const axes = [sizes.length + 1, 8, ...sizes.flatMap(address), ...address(4)];
    const stored = chunk?.stored.byteLength ?? 0;
    return message(8, [4, 2, 2, ...axes, 1, ...address(stored), ...number(0, 4), ...address(storedAt)]);
  };
  return (at) => {
    const bytes = header([space, type, ...filters, layout(0)]).length;
    const whole = header([space, type, ...filters, layout(at + bytes)]);
    return new Uint8Array([...whole, ...(chunk?.stored ?? [])]);
  };
}

export function fileOf({ links = [], extra = [], behind }: Hdf5Sketch): Uint8Array {
  // Sizes do not depend on places, so a first round with any places tells them.
  const anywhere: Places = { at: 0, rootAt, end: 0 };
  const linkBytes = links.map(({ name }) => link(name, 0).byteLength);
  const extraBytes = extra.map((part) => part(anywhere).byteLength);
  const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);
  let at = rootAt + headBytes + sum(linkBytes) + sum(extraBytes);
  const objects = links.map(({ name, object }) => {
    const bytes = object(at);
    const place = at;
    at += bytes.byteLength;
    return { name, place, bytes };
  });
  const end = at;
  let position = rootAt + headBytes + sum(linkBytes);
  const messages = objects
    .map(({ name, place }) => link(name, place))
    .concat(
      extra.map((part) => {
        const made = part({ at: position, rootAt, end });
        position += made.byteLength;
        return made;
      }),
    );
  const tail = behind?.(end) ?? new Uint8Array(0);
  const total = end + tail.byteLength;
  const nowhere = new Array<number>(8).fill(0xff);
  const superblock = [
    0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0, 0, 8, 8, 0, 4, 0, 16, 0, 0, 0, 0, 0,
  ].concat(
    [...address(0), ...nowhere, ...address(total), ...nowhere],
    [...address(0), ...address(rootAt), ...new Array<number>(24).fill(0)],
  );
  const file = new Uint8Array(total);
  file.set(superblock);
  file.set(header(messages), rootAt);
  for (const { place, bytes } of objects) file.set(bytes, place);
  file.set(tail, end);
  return file;
}
