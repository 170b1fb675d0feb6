/**
 * The worker's half of worker-runtime.ts: one `.tflite` runtime in a thread of its own, told what to do by messages.
 * Started by worker-runtime.ts only.
 */
import { parentPort, workerData } from "node:worker_threads";
import { asFlotillaError } from "@flotilla/protocol/errors";
import type { LoadedModel } from "../ports/tflite-runtime.ts";
import { createRuntime, type RuntimeKind } from "./runtime-kinds.ts";
import type { WorkerAnswer, WorkerRequest } from "./worker-messages.ts";

const port = parentPort;
if (port !== null) await serve(port, workerData as { readonly kind: RuntimeKind });

async function serve(port: NonNullable<typeof parentPort>, { kind }: { readonly kind: RuntimeKind }): Promise<void> {
  const runtime = createRuntime(kind);
  const models = new Map<number, LoadedModel>();
  let next = 1;
  const modelOf = (id: number): LoadedModel => {
    const model = models.get(id);
    if (model === undefined) throw asFlotillaError(`model ${id} is closed`);
    return model;
  };

  async function handle(request: WorkerRequest): Promise<WorkerAnswer> {
    switch (request.kind) {
      case "load": {
        const loaded = await runtime.load(request.bytes);
        const model = next++;
        models.set(model, loaded);
        return { kind: "loaded", model, inputs: loaded.inputs, outputs: loaded.outputs };
      }
      case "run":
        return { kind: "ran", outputs: await modelOf(request.model).run(request.inputs) };
      case "close":
        models.get(request.model)?.close();
        models.delete(request.model);
        return { kind: "closed" };
    }
  }

  // One after the other: the runtimes are not made for two runs at once.
  let last: Promise<void> = Promise.resolve();
  port.on("message", ({ id, request }: { readonly id: number; readonly request: WorkerRequest }) => {
    last = last
      .then(() => handle(request))
      .then(
        (answer) => port.postMessage({ id, answer }),
        (thrown: unknown) => {
          const { code, message } = asFlotillaError(thrown);
          port.postMessage({ id, answer: { kind: "failed", code, message } });
        },
      );
  });
  const { name, version, build } = runtime;
  port.postMessage({ id: 0, answer: { kind: "ready", name, version, build } });
}
