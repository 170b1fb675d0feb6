/**
 * A stream between a socket and the broker that reads MQTT's fixed headers (MQTT 3.1.1 §2.2) and ends the connection
 * when a packet announces more bytes than allowed. Aedes has no such limit: an unauthenticated socket that announced a
 * 250 MiB CONNECT made it buffer 200 MiB (facts: trust-and-faults.md §5). Nothing of a refused packet is passed on.
 */
import type { Socket } from "node:net";
import { Duplex } from "node:stream";

/** Before authentication only a CONNECT is due, and ours has about 1 KiB. */
export const maxBytesBeforeAuthentication = 4 * 1024;
/** Metrics with two full sketches have about 40 KiB. */
export const maxBytesAfterAuthentication = 64 * 1024;

/** What is being read: a header's bytes, or the rest of a packet. */
interface HeaderState {
  /** Bytes of the current packet that still have to pass. */
  remaining: number;
  /** Length bytes read so far; -1: the next byte is a packet type. */
  lengthBytes: number;
  length: number;
}

export class PacketGuard extends Duplex {
  private readonly socket: Socket;
  private readonly onRefusal: (reason: string) => void;
  private readonly header: HeaderState = { remaining: 0, lengthBytes: -1, length: 0 };
  private maxBytes = maxBytesBeforeAuthentication;

  constructor(socket: Socket, onRefusal: (reason: string) => void) {
    super({ allowHalfOpen: false });
    this.socket = socket;
    this.onRefusal = onRefusal;
    socket.on("data", (chunk: Buffer) => this.receive(chunk));
    socket.on("end", () => this.push(null));
    socket.on("close", () => this.destroy());
    socket.on("error", (error) => this.destroy(error));
  }

  /** From now on packets may have their full size. */
  authenticated(): void {
    this.maxBytes = maxBytesAfterAuthentication;
  }

  private receive(chunk: Buffer): void {
    const announced = scan(this.header, chunk, this.maxBytes);
    if (announced !== null) {
      this.onRefusal(`a packet announces ${announced} bytes, at most ${this.maxBytes} are allowed`);
      this.destroy();
      return;
    }
    if (!this.push(chunk)) this.socket.pause();
  }

  override _read(): void {
    this.socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (this.socket.destroyed) callback();
    else if (this.socket.write(chunk)) callback();
    else this.waitForDrain(callback);
  }

  /** A client that does not read must not make us keep more than the socket's own buffer. */
  private waitForDrain(callback: () => void): void {
    const settle = (): void => {
      this.socket.off("drain", settle);
      this.socket.off("close", settle);
      callback();
    };
    this.socket.on("drain", settle);
    this.socket.on("close", settle);
  }

  override _final(callback: () => void): void {
    this.socket.end();
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.socket.destroy();
    callback(error);
  }
}

/**
 * Advances over a chunk.
 * @returns the size of the first packet that is too large (or Infinity for a length of more than four bytes), else null
 */
export function scan(state: HeaderState, chunk: Uint8Array, maxBytes: number): number | null {
  let at = 0;
  while (at < chunk.length) {
    if (state.remaining > 0) {
      const step = Math.min(state.remaining, chunk.length - at);
      state.remaining -= step;
      at += step;
      continue;
    }
    const byte = chunk[at++] ?? 0;
    if (state.lengthBytes === -1) {
      state.lengthBytes = 0;
      state.length = 0;
      continue;
    }
    state.length += (byte & 0x7f) * 128 ** state.lengthBytes;
    state.lengthBytes++;
    const total = 1 + state.lengthBytes + state.length;
    if (total > maxBytes) return total;
    if ((byte & 0x80) !== 0) {
      if (state.lengthBytes === 4) return Number.POSITIVE_INFINITY;
      continue;
    }
    state.remaining = state.length;
    state.lengthBytes = -1;
  }
  return null;
}
