/** Live inputs for the virtual agents: labelled digits, one run at a time, those first whose model is in probation. */
import { setImmediate as breathe, setTimeout as pause } from "node:timers/promises";
import type { VirtualAgents } from "@flotilla/device-agent/node/virtual-agents";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { digitPixels } from "../../test/fixtures/digits.ts";
import type { DemoData } from "./digits.ts";

export interface LiveRuns {
  stop(): Promise<void>;
}

export function startLiveRuns(
  virtual: VirtualAgents,
  model: string,
  inputName: string,
  digits: DemoData["streamDigits"],
): LiveRuns {
  let stopped = false;
  let next = 0;
  const sample = (index: number): NdArray => ({
    dtype: "float32",
    shape: [1, 28, 28, 1],
    data: digits.images.slice(index * digitPixels, (index + 1) * digitPixels),
  });
  const loop = async (): Promise<void> => {
    while (!stopped) {
      const inProbation = [...virtual.agents.values()].filter((agent) => {
        const status = agent.status().models[model];
        return status?.release !== null && status?.release !== undefined && !status.committed;
      });
      for (const agent of inProbation) {
        if (stopped) return;
        const index = next++ % digits.count;
        // A run that fails is counted by the agent itself; that is what it is there for.
        await agent
          .infer(model, new Map([[inputName, sample(index)]]), { label: digits.labels[index]! })
          .catch(() => undefined);
      }
      await (inProbation.length > 0 ? breathe() : pause(50));
    }
  };
  const running = loop();
  return {
    stop: async () => {
      stopped = true;
      await running;
    },
  };
}
