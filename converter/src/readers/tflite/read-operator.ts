/**
 * One operator of a `.tflite` file as a node. Its attributes are its options table, or the schema's defaults when it has
 * none. The version in the file is never trusted for anything: files exist whose versions contradict their dtypes.
 */

import type { RandomAccess } from "@flotilla/protocol/random-access";
import { at, corrupt } from "@flotilla/protocol/tflite/corrupt";
import { builtinOperatorNames } from "@flotilla/protocol/tflite/enums";
import type { FileModel, FileOperator, FileOperatorCode, FileTensor } from "@flotilla/protocol/tflite/schema";
import type { Node, TensorId } from "../../ir/graph.ts";
import { custom } from "../../ops/custom.ts";
import type { Op } from "../../ops/define-op.ts";
import { optionsOf } from "../../ops/options.ts";
import { opByCode } from "../../ops/registry.ts";
import { fileRange } from "./file-buffers.ts";

/** Why an operator cannot be converted: a row of UNSUPPORTED_OPERATOR's details. */
export interface UnsupportedUse {
  readonly node: string;
  readonly operator: string;
  readonly reason: string;
}

export interface OperatorPlace {
  readonly file: RandomAccess;
  readonly model: FileModel;
  readonly tensors: readonly FileTensor[];
  /** Why tensors cannot be carried, by index. */
  readonly refusedTensors: ReadonlyMap<number, string>;
  readonly index: number;
  readonly path: string;
}

/** The node, or why it cannot be converted. */
export function readOperator(operator: FileOperator, place: OperatorPlace): Node | UnsupportedUse {
  const { model, tensors, path } = place;
  const code = at(model.operatorCodes, operator.opcodeIndex, path, "operator code");
  const number = builtinCodeOf(code, path);
  const inputs = operator.inputs.map((id) => (id === -1 ? null : tensorId(id, tensors, path)));
  const outputs = operator.outputs.map((id) => tensorId(id, tensors, path));
  const intermediates = operator.intermediates.map((id) => tensorId(id, tensors, path));

  const op = opByCode(number);
  if (outputs.length === 0 && op?.effect !== true) throw corrupt(path, "an operator without results");
  const kind = builtinOperatorNames[number] ?? `#${number}`;
  const name = tensors[outputs[0] ?? -1]?.name || `${kind.toLowerCase()}_${place.index}`;
  const reason = op ? refusalOf(operator, op, place) : "Flotilla does not know this operator";
  if (!op || reason !== null)
    return { node: name, operator: op === custom ? code.customCode : kind, reason: reason ?? "unknown" };
  if (op === custom) return custom.node({ name, inputs, outputs, attributes: customAttributes(operator, code, place) });
  const node = op.node({ name, inputs, outputs, attributes: attributesOf(operator, op, path) });
  return intermediates.length === 0 ? node : Object.freeze({ ...node, intermediates: Object.freeze(intermediates) });
}

/** The greater of the two code fields (`GetBuiltinCode`): old files have only the one-byte one. */
function builtinCodeOf({ builtinCode, deprecatedBuiltinCode }: FileOperatorCode, path: string): number {
  const code = Math.max(builtinCode, deprecatedBuiltinCode);
  if (code < 0) throw corrupt(path, `the builtin code ${code}`);
  return code;
}

function tensorId(index: number, tensors: readonly FileTensor[], path: string): TensorId {
  at(tensors, index, path, "tensor");
  return index as TensorId; // an id is the tensor's place in the file
}

function refusalOf(operator: FileOperator, op: Op, { refusedTensors, tensors }: OperatorPlace): string | null {
  for (const index of [...operator.inputs, ...operator.outputs, ...operator.intermediates]) {
    const refused = refusedTensors.get(index);
    if (refused !== undefined) return `the tensor "${tensors[index]?.name}" is not supported: ${refused}`;
  }
  if (operator.builtinOptions2) return "its options are of the second union (StableHLO)";
  const changed = operator.inputs.filter((id, i) => operator.mutatingVariableInputs[i] === true && id >= 0);
  if (changed.some((id) => tensors[id]?.isVariable !== true)) return "it changes an input in place";
  if (op !== custom && operator.customOptions.byteLength > 0) return "a builtin operator with custom options";
  return null;
}

function attributesOf(operator: FileOperator, op: Op, path: string): Node["attributes"] {
  const { builtinOptions } = operator;
  if (builtinOptions && builtinOptions.type !== op.options)
    throw corrupt(path, `${op.kind} with the options ${builtinOptions.type}`);
  if (op.options === null) return {};
  return (builtinOptions?.value ?? optionsOf(op.options)) as Node["attributes"]; // decoded by that very table
}

function customAttributes(
  operator: FileOperator,
  { customCode, version }: FileOperatorCode,
  { file, path }: OperatorPlace,
): ReturnType<typeof custom.attributesOf> {
  if (customCode === "") throw corrupt(path, "a custom operator without a name");
  const { largeCustomOptionsOffset: offset, largeCustomOptionsSize: size } = operator;
  const customOptions = offset > 1n ? fileRange(file, offset, size, path).bytes() : operator.customOptions;
  return { customCode, version, customOptions: Uint8Array.from(customOptions) };
}
