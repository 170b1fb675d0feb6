/**
 * MQTT topics (design: architecture.md, "Topics"). Plain string building and exact parsing on split levels:
 * access control compares levels, never patterns.
 */
import { idPattern } from "./documents/document.ts";

const root = "flotilla/v1";

export const topics = {
  index: (fleet: string) => `${root}/${fleet}/index`,
  directive: (fleet: string, cohort: string) => `${root}/${fleet}/cohort/${cohort}/directive`,
  document: (fleet: string, device: string) => `${root}/${fleet}/device/${device}/document`,
  ack: (fleet: string, device: string) => `${root}/${fleet}/device/${device}/ack`,
  hello: (fleet: string, device: string) => `${root}/${fleet}/device/${device}/hello`,
  status: (fleet: string, device: string) => `${root}/${fleet}/device/${device}/status`,
  metrics: (fleet: string, device: string) => `${root}/${fleet}/device/${device}/metrics`,
  presence: (fleet: string, device: string) => `${root}/${fleet}/device/${device}/presence`,
} as const;

export type ParsedTopic =
  | { readonly kind: "index"; readonly fleet: string }
  | { readonly kind: "directive"; readonly fleet: string; readonly cohort: string }
  | {
      readonly kind: "document" | "ack" | "hello" | "status" | "metrics" | "presence";
      readonly fleet: string;
      readonly device: string;
    };

const deviceKinds = new Set(["document", "ack", "hello", "status", "metrics", "presence"]);

/** What a topic is; null for anything that is not one of ours to the letter. */
export function parseTopic(topic: string): ParsedTopic | null {
  const levels = topic.split("/");
  const [name, version, fleet, group, id, kind] = levels;
  if (name !== "flotilla" || version !== "v1" || fleet === undefined || !idPattern.test(fleet)) return null;
  if (levels.length === 4 && group === "index") return { kind: "index", fleet };
  if (levels.length !== 6 || id === undefined || !idPattern.test(id) || kind === undefined) return null;
  if (group === "cohort" && kind === "directive") return { kind: "directive", fleet, cohort: id };
  if (group === "device" && deviceKinds.has(kind)) return { kind: kind as "hello", fleet, device: id };
  return null;
}
