/**
 * Empties the outbox: makes each document that is to be published, signs it, stores it with a higher sequence, and
 * only then hands it to the broker. Works at least once and repeats itself harmlessly: a document that says what is
 * already published keeps its bytes. Knows no rollout rules; what a directive says is domain/directive.ts.
 */
import { canonicalJsonBytes } from "@flotilla/protocol/canonical-json";
import { sha256Hex } from "@flotilla/protocol/digest";
import { topics } from "@flotilla/protocol/topics";
import { type ControlContent, controlLifetimeMs } from "../domain/control-content.ts";
import { directiveModels } from "../domain/directive.ts";
import type { Broker } from "../ports/broker.ts";
import type { Clock } from "../ports/clock.ts";
import type { DeviceStore } from "../ports/device-store.ts";
import type { DocumentKey, DocumentStore, OutboxItem } from "../ports/document-store.ts";
import type { RolloutStore } from "../ports/rollout-store.ts";
import type { ControlSigner } from "../ports/signer.ts";
import { singleFlight } from "./single-flight.ts";

export interface PublisherParts {
  readonly fleet: string;
  readonly documents: DocumentStore;
  readonly rollouts: RolloutStore;
  readonly devices: DeviceStore;
  readonly signer: ControlSigner;
  readonly broker: Pick<Broker, "publishRetained" | "disconnect">;
  readonly clock: Clock;
}

export interface Publisher {
  /**
   * After a start: gives the broker all documents again, as they were, and then what the outbox still holds; documents
   * by a key that has been replaced are signed anew.
   */
  restore(): Promise<void>;
  /** Publishes all that is in the outbox. Calls made meanwhile share one more round. */
  drain(): Promise<void>;
  /** Orders documents that are past half of their life. */
  renew(): Promise<void>;
}

const batchSize = 500;

export function createPublisher(parts: PublisherParts): Publisher {
  const { fleet, documents, rollouts, devices, signer, broker, clock } = parts;

  async function contentOf(key: DocumentKey): Promise<ControlContent | null> {
    switch (key.kind) {
      case "index":
        return { type: "flotilla/fleet-index", version: 1, fleet, cohorts: [...(await rollouts.cohorts())] };
      case "directive": {
        const models = directiveModels(key.cohort, await rollouts.rollouts());
        return { type: "flotilla/directive", version: 1, fleet, cohort: key.cohort, models };
      }
      case "device": {
        const record = await devices.find(key.device);
        if (record === null) return null;
        const { device, tags, pins, revoked } = record;
        return { type: "flotilla/device", version: 1, fleet, device, tags: [...tags], pins: { ...pins }, revoked };
      }
    }
  }

  async function publish(key: DocumentKey, items: readonly number[]): Promise<void> {
    const content = await contentOf(key);
    const current = await documents.find(key);
    const nowMs = clock.nowMs();
    const contentDigest = content === null ? "" : sha256Hex(canonicalJsonBytes(content));
    const isFresh =
      current !== null && current.expiresAtMs - nowMs > controlLifetimeMs / 2 && signer.hasSigned(current.bytes);
    if (content === null || (isFresh && current.contentDigest === contentDigest)) {
      await documents.settle(items, null);
      return;
    }
    const sequence = (current?.sequence ?? 0) + 1;
    const expiresAtMs = nowMs + controlLifetimeMs;
    const bytes = await signer.sign(canonicalJsonBytes({ ...content, sequence, issuedAtMs: nowMs, expiresAtMs }));
    await documents.settle(items, { key, sequence, contentDigest, expiresAtMs, bytes });
    await broker.publishRetained(topicOf(fleet, key), bytes);
    if (content.type === "flotilla/device" && "revoked" in content && content.revoked) {
      await broker.disconnect(content.device);
    }
  }

  async function drainOnce(): Promise<void> {
    for (;;) {
      const items = await documents.outbox(batchSize);
      if (items.length === 0) return;
      const groups = Map.groupBy(items, (item: OutboxItem) => topicOf(fleet, item.key));
      for (const group of groups.values()) {
        const key = group[0]?.key;
        if (key !== undefined)
          await publish(
            key,
            group.map((item) => item.id),
          );
      }
    }
  }

  const drain = singleFlight(drainOnce);

  return {
    drain,
    async restore() {
      const stored = await documents.all();
      for (const { key, bytes } of stored) await broker.publishRetained(topicOf(fleet, key), bytes);
      // Devices believe the current key only. The index comes first: without it a directive means nothing to them.
      const outdated = stored.filter(({ bytes }) => !signer.hasSigned(bytes)).map(({ key }) => key);
      outdated.sort((a, b) => Number(b.kind === "index") - Number(a.kind === "index"));
      if (outdated.length > 0) await documents.order(outdated);
      if ((await documents.find({ kind: "index" })) === null) await documents.order([{ kind: "index" }]);
      await drain();
    },
    async renew() {
      const keys = await documents.expiringBefore(clock.nowMs() + controlLifetimeMs / 2);
      if (keys.length > 0) await documents.order(keys);
      await drain();
    },
  };
}

function topicOf(fleet: string, key: DocumentKey): string {
  switch (key.kind) {
    case "index":
      return topics.index(fleet);
    case "directive":
      return topics.directive(fleet, key.cohort);
    case "device":
      return topics.document(fleet, key.device);
  }
}
