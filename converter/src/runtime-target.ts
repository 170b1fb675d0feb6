/**
 * `--target`: what the runtime of a device has, and the refusal of a file that asks for more. Nothing is rewritten to fit:
 * versions follow from the operators' dtypes and options, so a file beyond the target names what to change.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Model } from "./ir/graph.ts";
import { custom } from "./ops/custom.ts";
import { useOf } from "./ops/graph-facts.ts";
import { compareVersions, writableOp } from "./writers/tflite/operator-codes.ts";

export interface RuntimeTarget {
  readonly name: string;
  /** The newest operator versions it knows are those of this TensorFlow; null: all that there are. */
  readonly tensorflow: string | null;
}

/** `litert`, or `tflite-` and the TensorFlow version that the runtime came with. @throws CONFIG_INVALID */
export function parseTarget(name: string): RuntimeTarget {
  if (name === "litert") return { name, tensorflow: null };
  const version = /^tflite-(\d{1,2}\.\d{1,2})$/.exec(name)?.[1];
  if (version !== undefined) return { name, tensorflow: `${version}.999` }; // with every patch of that version
  throw new FlotillaError("CONFIG_INVALID", `"${name}" is no target. There are litert, and tflite-2.5 and the like.`, {
    details: { option: "target", found: name, expected: ["litert", "tflite-<TensorFlow version>"] },
  });
}

/** Every operator that the target lacks: all custom ones, and versions that came later. @throws UNSUPPORTED_OPERATOR */
export function refuseBeyond(model: Model, { name, tensorflow }: RuntimeTarget): void {
  const lacking = model.graphs.flatMap((graph) =>
    graph.nodes.flatMap((node) => {
      if (custom.is(node)) {
        const operator = custom.attributesOf(node).customCode;
        return [{ node: node.name, operator, reason: `a custom operator, which ${name} does not have` }];
      }
      const op = writableOp(node);
      const version = op.version(useOf(graph, node));
      const since = op.minRuntime[version];
      if (tensorflow === null || since === undefined || compareVersions(since, tensorflow) <= 0) return [];
      return [{ node: node.name, operator: node.kind, reason: `version ${version} came with TensorFlow ${since}` }];
    }),
  );
  if (lacking.length === 0) return;
  const [first] = lacking;
  throw new FlotillaError(
    "UNSUPPORTED_OPERATOR",
    `${name} lacks ${lacking.length} of the operators; the first: "${first?.node}", ${first?.operator}: ${first?.reason}.`,
    { details: lacking },
  );
}
