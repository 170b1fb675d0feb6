/**
 * From bytes or JSON that a device sent to a report. What cannot be a report of that device is dropped; what can be
 * placed by its boot and sequence but says nothing usable is kept as `unusable`, so that it is acknowledged and does
 * not block the device's outbox for ever.
 */
import type { DocumentSchema } from "@flotilla/protocol/documents/document";
import { idPattern, parseDocument } from "@flotilla/protocol/documents/document";
import {
  type Hello,
  helloDocument,
  type Metrics,
  metricsDocument,
  type Status,
  statusDocument,
} from "@flotilla/protocol/documents/reports";
import { FlotillaError } from "@flotilla/protocol/errors";
import { parseStrictJson } from "@flotilla/protocol/strict-json";
import type { TSchema } from "typebox";
import type { Report } from "../ports/report-store.ts";

export type ReportKind = "hello" | "status" | "metrics";

/** The broker's limit for a packet; a hello or status is far smaller. */
const limits = { maxBytes: 64 * 1024, maxDepth: 8, maxValues: 2000 };
const bootPattern = /^[0-9a-f]{16,32}$/;

/** Decodes a message of an authenticated device; null for anything that is to be dropped. */
export function decodeReport(kind: ReportKind, device: string, payload: Uint8Array): Report | null {
  try {
    return decodeReportValue(kind, device, parseStrictJson(payload, limits));
  } catch (error) {
    if (error instanceof FlotillaError && error.code.startsWith("FORMAT_")) return null;
    throw error;
  }
}

/** The same for JSON that is already parsed. */
export function decodeReportValue(kind: ReportKind, device: string, value: unknown): Report | null {
  switch (kind) {
    case "hello": {
      const hello: Hello | null = check(helloDocument, value);
      return hello === null || hello.device !== device ? null : { kind, hello };
    }
    case "status": {
      const status: Status | null = check(statusDocument, value);
      return status === null ? unusable(device, value) : status.device !== device ? null : { kind, status };
    }
    case "metrics": {
      const metrics: Metrics | null = check(metricsDocument, value);
      if (metrics === null || !isPlausible(metrics)) return unusable(device, value);
      return metrics.device !== device ? null : { kind, metrics };
    }
  }
}

function check<T>(document: DocumentSchema<TSchema>, value: unknown): T | null {
  try {
    return parseDocument(document, value) as T;
  } catch (error) {
    if (error instanceof FlotillaError) return null;
    throw error;
  }
}

function isPlausible({ runs, errors, labelled, fromMs, toMs }: Metrics): boolean {
  return errors <= runs && fromMs <= toMs && (labelled === undefined || labelled.correct <= labelled.runs);
}

function unusable(device: string, value: unknown): Report | null {
  if (typeof value !== "object" || value === null) return null;
  const { device: claimed, boot, sequence } = value as { device?: unknown; boot?: unknown; sequence?: unknown };
  if (claimed !== device || !idPattern.test(device)) return null;
  if (typeof boot !== "string" || !bootPattern.test(boot)) return null;
  if (typeof sequence !== "number" || !Number.isInteger(sequence) || sequence < 1 || sequence > 0xffff_ffff)
    return null;
  return { kind: "unusable", device, boot, sequence };
}
