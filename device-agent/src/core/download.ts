/**
 * What to ask for and how to read the answer, when a file is fetched in one piece or resumed (RFC 9110 §13–14; faults
 * M4, M5, G4). Every answer that is not exactly what was asked for restarts from zero or fails; the final digest, taken
 * by the caller while the bytes stream, decides alone. Pure.
 */
import type { ErrorCode } from "@flotilla/protocol/errors";

/** Bytes of an earlier attempt. */
export interface Partial {
  readonly bytes: number;
  /** ETag under which they came; null if there was none, and then they cannot be resumed. */
  readonly etag: string | null;
}

export interface DownloadRequest {
  readonly offset: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** `identity`: sizes are counted as signed, no compression bomb has a place to hide. */
export function planDownload(partial: Partial | null, sizeBytes: number): DownloadRequest {
  const headers = { "accept-encoding": "identity" };
  if (partial === null || partial.etag === null || partial.bytes <= 0 || partial.bytes >= sizeBytes) {
    return { offset: 0, headers };
  }
  return { offset: partial.bytes, headers: { ...headers, range: `bytes=${partial.bytes}-`, "if-match": partial.etag } };
}

export type DownloadAnswer =
  /** Take the body from this offset on; an offset of 0 discards what was there. */
  | { readonly kind: "take"; readonly offset: number; readonly etag: string | null }
  /** Throw the partial away and ask again from zero. */
  | { readonly kind: "restart" }
  | { readonly kind: "fail"; readonly code: ErrorCode; readonly detail: string; readonly retryable: boolean };

export function readDownloadAnswer(
  request: DownloadRequest,
  status: number,
  headers: Readonly<Record<string, string>>,
  sizeBytes: number,
): DownloadAnswer {
  const etag = headers.etag ?? null;
  switch (status) {
    case 200: {
      const length = headers["content-length"];
      // An answer that announces another size is not the file: a captive portal's page, say.
      if (length !== undefined && Number(length) !== sizeBytes) {
        const detail = `${length} bytes announced, ${sizeBytes} signed`;
        return { kind: "fail", code: "TRANSPORT_STATUS", detail, retryable: true };
      }
      return { kind: "take", offset: 0, etag };
    }
    case 206: {
      const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers["content-range"] ?? "");
      const asked = request.offset > 0;
      const right =
        range !== null &&
        Number(range[1]) === request.offset &&
        Number(range[2]) === sizeBytes - 1 &&
        Number(range[3]) === sizeBytes;
      if (asked && right) return { kind: "take", offset: request.offset, etag };
      return asked
        ? { kind: "restart" }
        : { kind: "fail", code: "TRANSPORT_STATUS", detail: "unasked part", retryable: true };
    }
    case 412:
    case 416:
      if (request.offset > 0) return { kind: "restart" };
      return { kind: "fail", code: "TRANSPORT_STATUS", detail: `status ${status}`, retryable: true };
    case 401:
    case 403:
      return { kind: "fail", code: "ROLLOUT_UNAUTHORIZED", detail: `status ${status}`, retryable: true };
    case 404:
      return { kind: "fail", code: "INTEGRITY_NOT_FOUND", detail: "the signed file is not there", retryable: true };
    default:
      return { kind: "fail", code: "TRANSPORT_STATUS", detail: `status ${status}`, retryable: true };
  }
}
