/**
 * `--target`: what the runtime of a device has. Planning chooses forms that it has, or leaves operators float; what is
 * still beyond it is refused, with what each operator needs. The profiles themselves are data (`target-profiles.ts`).
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { type Model, type Node, tensorOf } from "./ir/graph.ts";
import { custom } from "./ops/custom.ts";
import type { Op, OperatorUse } from "./ops/define-op.ts";
import { useOf } from "./ops/graph-facts.ts";
import type { KernelLimits } from "./quantize/kernel-limits.ts";
import { type TargetProfile, targetProfiles, unstatedTarget } from "./target-profiles.ts";
import { compareVersions, writableOp } from "./writers/tflite/operator-codes.ts";

/** A profile's name, or `tflite-` and the TensorFlow version that the runtime came with. @throws CONFIG_INVALID */
export function parseTarget(name: string): TargetProfile {
  const profile = targetProfiles.find((one) => one.name === name);
  if (profile) return profile;
  const version = /^tflite-(\d{1,2}\.\d{1,2})$/.exec(name)?.[1];
  if (version !== undefined) return { name, summary: `TensorFlow Lite ${version}`, tensorflow: version };
  const names = [...targetProfiles.map((one) => one.name), "tflite-<TensorFlow version>"];
  throw new FlotillaError("CONFIG_INVALID", `"${name}" is no target. There are ${names.join(", ")}.`, {
    details: { option: "target", found: name, expected: names },
  });
}

/** What planning may choose; without a target, forms that the runtimes of this project both have are preferred. */
export function limitsOf(profile: TargetProfile = unstatedTarget): KernelLimits {
  return {
    name: profile.name,
    lacks: (op, use) => lackOf(profile, op, use),
    refuses: (precision) =>
      profile.precisions && !profile.precisions.includes(precision) ? `${profile.name} has no ${precision}` : null,
    perTensorOnly: ({ kind }) => profile.perTensor?.includes(kind) === true,
    wideBias: profile.wideBias ?? null,
  };
}

function lackOf({ name, tensorflow, operators }: TargetProfile, op: Op, use: OperatorUse): string | null {
  if (operators && !operators.includes(op.kind)) return `${name} has no kernel for it`;
  if (name === unstatedTarget.name && use.inputs.some((facts) => facts?.dtype === "int4")) return null; // asked for: no old form
  const version = op.version(use);
  const since = op.minRuntime[version];
  if (!tensorflow || since === undefined || compareVersions(since, `${tensorflow}.999`) <= 0) return null; // with every patch
  return `version ${version} came with TensorFlow ${since}`;
}

/** What a target says of the operators of a file, by operator. */
export interface TargetVerdict {
  readonly operator: string;
  readonly count: number;
  readonly version: number;
  /** The first TensorFlow that has this version. */
  readonly since: string | null;
  /** null: the target runs it. */
  readonly lacks: string | null;
}

interface NodeVerdict extends Omit<TargetVerdict, "count"> {
  readonly node: string;
}

/** One line for each operator and version. @throws UNSUPPORTED_OPERATOR with every operator that the target lacks */
export function judgeByTarget(model: Model, profile: TargetProfile): readonly TargetVerdict[] {
  const verdicts = model.graphs.flatMap((graph) =>
    graph.nodes.map((node) => verdictOf(profile, node, useOf(graph, node))),
  );
  const lacking = verdicts.flatMap(({ node, operator, lacks }) => (lacks ? [{ node, operator, reason: lacks }] : []));
  const [first] = lacking;
  if (first) {
    throw new FlotillaError(
      "UNSUPPORTED_OPERATOR",
      `${profile.name} lacks ${lacking.length} of the operators; the first: "${first.node}", ${first.operator}: ${first.reason}.`,
      { details: lacking },
    );
  }
  const byForm = new Map<string, TargetVerdict>();
  for (const { operator, version, since, lacks } of verdicts) {
    const key = `${operator} ${version}`;
    byForm.set(key, { operator, count: (byForm.get(key)?.count ?? 0) + 1, version, since, lacks });
  }
  return [...byForm.values()].sort((a, b) => (a.operator < b.operator ? -1 : a.operator > b.operator ? 1 : 0));
}

function verdictOf(profile: TargetProfile, node: Node, use: OperatorUse): NodeVerdict {
  if (custom.is(node)) {
    const { customCode, version } = custom.attributesOf(node);
    const lacks = `a custom operator, which ${profile.name} does not have`;
    return { node: node.name, operator: customCode, version, since: null, lacks };
  }
  const op = writableOp(node);
  const version = op.version(use);
  const lacks = formLack(profile, use) ?? lackOf(profile, op, use);
  return { node: node.name, operator: node.kind, version, since: op.minRuntime[version] ?? null, lacks };
}

/** Values that the target has no kernels for at all. */
function formLack({ name, dtypes }: TargetProfile, { inputs, outputs }: OperatorUse): string | null {
  if (!dtypes) return null;
  const found = [...inputs, ...outputs].find((facts) => facts && !dtypes.includes(facts.dtype));
  return found ? `${name} has no ${found.dtype}` : null;
}

/** Ends that the target cannot take, by name. @throws UNSUPPORTED_OPERATOR */
export function refuseEnds(model: Model, { name, ends }: TargetProfile): void {
  const [graph] = model.graphs;
  if (!ends || !graph) return;
  const wrong = [...graph.inputs, ...graph.outputs]
    .map((id) => tensorOf(graph, id))
    .filter(({ dtype }) => !ends.includes(dtype));
  if (wrong.length === 0) return;
  throw new FlotillaError(
    "QUANT_OPTION",
    `${name} takes inputs and outputs of ${ends.join(", ")}; "${wrong[0]?.name}" is ${wrong[0]?.dtype}. Choose with --io.`,
    { details: { option: "io", target: name, found: wrong.map((end) => ({ name: end.name, dtype: end.dtype })) } },
  );
}
