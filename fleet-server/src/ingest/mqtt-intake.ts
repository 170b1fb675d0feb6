/**
 * Reports that come by MQTT: decoded, submitted, and acknowledged on the device's own topic after the commit. Several
 * acknowledgements for one boot that come up at once are one message, the highest: they are cumulative.
 */
import { canonicalJsonBytes } from "@flotilla/protocol/canonical-json";
import type { Ack } from "@flotilla/protocol/documents/reports";
import { topics } from "@flotilla/protocol/topics";
import type { DeviceMessage } from "../ports/broker.ts";
import { decodeReport } from "./decode.ts";
import type { Ingest } from "./ingest.ts";

export interface MqttIntake {
  take(message: DeviceMessage): void;
}

export function createMqttIntake(parts: {
  readonly fleet: string;
  readonly ingest: Ingest;
  readonly publish: (topic: string, payload: Uint8Array) => Promise<void>;
  readonly onProblem: (what: string, error: unknown) => void;
}): MqttIntake {
  const { fleet, ingest, publish, onProblem } = parts;
  let pending = new Map<string, Ack>();

  function send(acks: readonly Ack[]): void {
    if (pending.size === 0 && acks.length > 0) setImmediate(flush);
    for (const ack of acks) {
      const name = `${ack.device}/${ack.boot}`;
      const known = pending.get(name);
      if (known === undefined || known.sequence < ack.sequence) pending.set(name, ack);
    }
  }

  function flush(): void {
    const acks = [...pending.values()];
    pending = new Map();
    for (const ack of acks) {
      publish(topics.ack(fleet, ack.device), canonicalJsonBytes(ack)).catch((error: unknown) => {
        onProblem(`an acknowledgement for ${ack.device} was not sent`, error);
      });
    }
  }

  return {
    take({ kind, device, payload }) {
      if (kind === "presence") return; // a hint for dashboards; what counts is in hello and status
      const report = decodeReport(kind, device, payload);
      if (report === null) {
        ingest.counters.malformed++;
        return;
      }
      // Without an acknowledgement the device sends it again; there is nothing else to be done about a failure.
      ingest.submit([report]).then(send, (error: unknown) => onProblem(`a report of ${device} was not stored`, error));
    },
  };
}
