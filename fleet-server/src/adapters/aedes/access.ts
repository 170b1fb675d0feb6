/**
 * Who may do what on which topic: exact comparison of split levels, everything else denied (facts:
 * trust-and-faults.md §5, rows T1 to T3). A device publishes on its own four topics, never retained, and reads the
 * index, its fleet's directives, its own document and its own acknowledgements. Wildcards, `$SYS` and `$share` are
 * not topics of ours, so they do not parse.
 */
import { parseTopic } from "@flotilla/protocol/topics";
import type { DeviceMessage } from "../../ports/broker.ts";

export interface PublishRequest {
  readonly topic: string;
  readonly retain: boolean;
  readonly qos: number;
}

/** The kind of message that a device sends, or why it may not. */
export function judgePublish(
  fleet: string,
  device: string,
  { topic, retain, qos }: PublishRequest,
): { readonly kind: DeviceMessage["kind"] } | { readonly refusal: string } {
  if (retain) return { refusal: "devices may not retain messages" };
  if (qos > 1) return { refusal: "quality of service 2 is not offered" };
  const parsed = parseTopic(topic);
  if (parsed === null || parsed.fleet !== fleet) return { refusal: "the topic is none of this fleet's" };
  switch (parsed.kind) {
    case "hello":
    case "status":
    case "metrics":
    case "presence":
      return parsed.device === device ? { kind: parsed.kind } : { refusal: "the topic is another device's" };
    default:
      return { refusal: "only the server publishes on this topic" };
  }
}

/** Why a device may not subscribe to a topic filter, or null if it may. */
export function judgeSubscribe(fleet: string, device: string, filter: string): string | null {
  const parsed = parseTopic(filter);
  if (parsed === null || parsed.fleet !== fleet) return "the filter is no topic of this fleet";
  switch (parsed.kind) {
    case "index":
    case "directive":
      return null;
    case "document":
    case "ack":
      return parsed.device === device ? null : "the topic is another device's";
    default:
      return "only the server reads this topic";
  }
}

/** Why a last will is refused, or null: it may only be a short message on the device's own presence topic. */
export function judgeWill(
  fleet: string,
  device: string,
  will: PublishRequest & { readonly payloadBytes: number },
): string | null {
  const verdict = judgePublish(fleet, device, will);
  if ("refusal" in verdict) return verdict.refusal;
  if (verdict.kind !== "presence") return "a last will may only be on the presence topic";
  return will.payloadBytes > 1024 ? "the last will is too long" : null;
}
