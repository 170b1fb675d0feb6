/**
 * The operators of a `.tflite` file: codes, operands, results, the order of computation, and the graphs that control flow
 * names (`interpreter_builder.cc`, ParseNodes; `verifier.cc`, VerifyOps, VerifySubGraphs).
 */
import { FlotillaError } from "../errors.ts";
import { at, corrupt } from "./corrupt.ts";
import { builtinOperatorNames } from "./enums.ts";
import type { FileGraph, FileModel, FileOperator, FileOperatorCode } from "./schema.ts";
import type { TensorFacts } from "./verify-tensor.ts";

export interface OperatorFacts {
  /** Of the builtin operator, e.g. "CONV_2D"; the custom code of a custom one. */
  readonly name: string;
  readonly custom: boolean;
  readonly version: number;
  readonly count: number;
}

const customName = "CUSTOM";

/** The greater of the two code fields counts (`GetBuiltinCode`). */
const nameOf = ({ builtinCode, deprecatedBuiltinCode }: FileOperatorCode): string | undefined =>
  builtinOperatorNames[Math.max(builtinCode, deprecatedBuiltinCode)];

/** Codes are ones of the schema; a custom operator has a name. */
export function verifyOperatorCodes(model: FileModel): void {
  for (const [i, code] of model.operatorCodes.entries()) {
    const path = `Model.operatorCodes[${i}]`;
    const name = nameOf(code);
    if (name === undefined)
      throw corrupt(path, `the builtin code ${Math.max(code.builtinCode, code.deprecatedBuiltinCode)}`);
    if (name === customName && code.customCode === "") throw corrupt(path, "a custom operator without a name");
    if (code.version < 1) throw corrupt(path, `the version ${code.version}`);
  }
}

/** The operators that a verified file uses. */
export function operatorFacts({ operatorCodes, subgraphs }: FileModel): readonly OperatorFacts[] {
  const counts = new Map<number, number>();
  for (const { operators } of subgraphs)
    for (const { opcodeIndex } of operators) counts.set(opcodeIndex, (counts.get(opcodeIndex) ?? 0) + 1);
  return operatorCodes.flatMap((code, i) => {
    const count = counts.get(i);
    const name = nameOf(code) ?? "";
    const custom = name === customName;
    return count === undefined ? [] : [{ name: custom ? code.customCode : name, custom, version: code.version, count }];
  });
}

/** @throws FORMAT_CORRUPT, FORMAT_TRUNCATED */
export function verifyOperators(
  model: FileModel,
  tensors: readonly (readonly TensorFacts[])[],
  fileBytes: number,
): void {
  const called = model.subgraphs.map((graph, i) =>
    verifyGraph(graph, tensors[i] ?? [], model, fileBytes, `Model.subgraphs[${i}]`),
  );
  verifyCalls(called);
}

/** Every tensor is made once and before its use; gives the graphs that control flow names. */
function verifyGraph(
  graph: FileGraph,
  tensors: readonly TensorFacts[],
  model: FileModel,
  fileBytes: number,
  path: string,
): ReadonlySet<number> {
  const ready = tensors.map(({ constant, variable, shape }) => constant || variable || shape.includes(0));
  const made = new Set(graph.inputs);
  for (const id of graph.inputs) ready[id] = true;
  const called = new Set<number>();
  for (const [i, operator] of graph.operators.entries()) {
    const here = `${path}.operators[${i}]`;
    at(model.operatorCodes, operator.opcodeIndex, here, "operator code");
    for (const id of operator.inputs) {
      if (id === -1) continue; // an operand left out
      if (!at(tensors, id, here, "tensor") || !ready[id])
        throw corrupt(here, `"${tensors[id]?.name}" is used before it is made`, { tensor: id });
    }
    for (const id of operator.outputs) {
      const result = at(tensors, id, here, "tensor");
      // State may be written: TensorFlow's converter widens float16 zeros into it.
      if (result.constant || made.has(id))
        throw corrupt(here, `"${result.name}" is made twice, or is no value to make`, { tensor: id });
      made.add(id);
      ready[id] = true;
    }
    for (const id of operator.intermediates) at(tensors, id, here, "tensor");
    if (operator.mutatingVariableInputs.length > operator.inputs.length)
      throw corrupt(here, `${operator.mutatingVariableInputs.length} marks for ${operator.inputs.length} operands`);
    verifyOptions(operator, model.subgraphs.length, fileBytes, called, here);
  }
  for (const id of graph.outputs)
    if (!ready[id]) throw corrupt(`${path}.outputs`, `the output "${tensors[id]?.name}" is never made`, { tensor: id });
  return called;
}

/** Sizes of windows and strides divide: none is 0 or less. Fields that name graphs name ones that exist. */
const positive = /^(stride[DHW]|filter(Width|Height)|dilation[DHW]Factor|blockSize|numSplits|rank)$/;
const graphIndex = /^((then|else|cond|body|init)SubgraphIndex|subgraph)$/;

function verifyOptions(
  operator: FileOperator,
  graphCount: number,
  fileBytes: number,
  called: Set<number>,
  path: string,
): void {
  const { largeCustomOptionsOffset: offset, largeCustomOptionsSize: size } = operator;
  if (offset > 1n && offset + size > BigInt(fileBytes))
    throw new FlotillaError("FORMAT_TRUNCATED", `${path}: its options reach beyond the end of the file.`, {
      details: { path, offset: String(offset), bytes: String(size), fileBytes },
    });
  for (const [name, value] of Object.entries(operator.builtinOptions?.value ?? {})) {
    if (typeof value !== "number") continue;
    if (positive.test(name) && value < 1) throw corrupt(path, `${name} is ${value}`);
    if (!graphIndex.test(name)) continue;
    if (value < 0 || value >= graphCount)
      throw corrupt(path, `${name} ${value} does not exist, there are ${graphCount}`);
    called.add(value);
  }
}

/** A graph that runs itself, directly or through others, never ends. */
function verifyCalls(called: readonly ReadonlySet<number>[]): void {
  const state = new Array<"open" | "done" | undefined>(called.length);
  const visit = (graph: number): void => {
    if (state[graph] === "done") return;
    if (state[graph] === "open") throw corrupt(`Model.subgraphs[${graph}]`, "a graph that runs itself");
    state[graph] = "open";
    for (const next of called[graph] ?? []) visit(next);
    state[graph] = "done";
  };
  for (let graph = 0; graph < called.length; graph++) visit(graph);
}
