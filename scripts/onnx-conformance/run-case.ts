/**
 * One case of ONNX's node tests: read, converted, run in a `.tflite` runtime, compared with the outputs that the case states.
 * Operands that TFLite takes as constants only (weights, shapes, axes) are bound as initializers, as real models have them:
 * first none, then the integer ones, then all but the first.
 */
import type { TfliteRuntime } from "@flotilla/device-agent/ports/tflite-runtime";
import { asFlotillaError } from "@flotilla/protocol/errors";
import type { ArrayDType, NdArray } from "@flotilla/protocol/nd-array";
import { decodeMessage } from "../../converter/src/codecs/protobuf/message.ts";
import { valuesOf } from "../../converter/src/ir/values.ts";
import { runPasses } from "../../converter/src/passes/pipeline.ts";
import type { FileSource } from "../../converter/src/readers/file-source.ts";
import { type OnnxContainer, openOnnx } from "../../converter/src/readers/onnx/container.ts";
import { lowerOnnx } from "../../converter/src/readers/onnx/read-onnx.ts";
import { tensorProto } from "../../converter/src/readers/onnx/schema.ts";
import { decodeTensor, type OnnxTensor } from "../../converter/src/readers/onnx/tensor.ts";
import { writeTflite } from "../../converter/src/writers/tflite/write-tflite.ts";
import { excluded } from "./counted.ts";

export interface CaseResult {
  readonly name: string;
  /** The operators of the graph, without Constant where there are others. */
  readonly operators: readonly string[];
  /** Why the case does not count. */
  readonly excluded?: string;
  /** Why it failed, or that it passed and where. */
  readonly failure?: string;
  readonly runtime?: string;
}

/** max|a − b| / max|a| of the largest outputs: the bound of float32 parity. */
const bound = 1e-4;

/** `source` is the case's folder. */
export async function runCase(
  source: FileSource,
  name: string,
  runtimes: readonly TfliteRuntime[],
): Promise<CaseResult> {
  let container: OnnxContainer;
  let sets: readonly TestSet[];
  try {
    container = await openOnnx(source, "model.onnx");
    sets = await testSetsOf(source, container);
  } catch (thrown) {
    // What is not a tensor at all cannot even be read as one.
    return { name, operators: [], excluded: `not tensors: ${asFlotillaError(thrown).message.slice(0, 80)}` };
  }
  const all = [...new Set(container.graph.nodes.map(({ operator }) => operator))];
  const own = all.filter((operator) => operator !== "Constant");
  const operators = own.length > 0 ? own : all;
  const types = sets.flatMap(({ inputs, outputs }) => [...inputs, ...outputs].map(({ elementType }) => elementType));
  const declared = container.graph.inputs.map(({ elementType }) => elementType);
  const why = excluded(all, [...types, ...declared.map((type) => (type === 0 ? -1 : type))], name);
  if (why !== undefined) return { name, operators, excluded: why };
  const tensors = sets.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]);
  if (tensors.some(({ shape }, at) => shape.includes(0) && !isOperand(tensors, at)))
    return { name, operators, excluded: "tensors without elements" };
  const failures: string[] = [];
  for (const binding of bindings(container)) {
    try {
      const runtime = await passes(container, sets, binding, runtimes);
      if (runtime.failure === undefined) return { name, operators, runtime: runtime.name };
      failures.push(runtime.failure);
    } catch (thrown) {
      const { message } = asFlotillaError(thrown);
      failures.push(message.split("\n").at(-1) ?? message);
    }
  }
  return {
    name,
    operators,
    failure: (failures[2] ?? failures.at(-1) ?? "").replaceAll(/\s+/g, " ").trim().slice(0, 200),
  };
}

/** An empty list of axes or pads is an operand like any other; an image without pixels is not. */
const isOperand = (tensors: readonly OnnxTensor[], at: number): boolean =>
  tensors[at]?.elementType === 7 && tensors[at].shape.length === 1;

interface TestSet {
  readonly inputs: readonly OnnxTensor[];
  readonly outputs: readonly OnnxTensor[];
}

async function testSetsOf(source: FileSource, container: OnnxContainer): Promise<readonly TestSet[]> {
  const tensorsOf = async (set: string, kind: string, count: number) => {
    const tensors: OnnxTensor[] = [];
    for (let at = 0; at < count; at++) {
      const path = `${set}/${kind}_${at}.pb`;
      tensors.push(decodeTensor(decodeMessage(tensorProto, await source.read(path)), new Map(), path));
    }
    return tensors;
  };
  const sets: TestSet[] = [];
  for (let at = 0; (await source.size(`test_data_set_${at}/output_0.pb`)) !== undefined; at++) {
    const set = `test_data_set_${at}`;
    sets.push({
      inputs: await tensorsOf(set, "input", container.graph.inputs.length),
      outputs: await tensorsOf(set, "output", container.graph.outputs.length),
    });
  }
  return sets;
}

/** Which inputs become constants: tried in this order. */
function bindings({ graph }: OnnxContainer): readonly ((at: number) => boolean)[] {
  const isFloat = (at: number): boolean => [1, 10, 11, 16].includes(graph.inputs[at]?.elementType ?? 1);
  const ways: ((at: number) => boolean)[] = [() => false];
  if (graph.inputs.length > 1)
    ways.push(
      (at) => at > 0 && !isFloat(at),
      (at) => at > 0,
    );
  // An operator of shapes only.
  ways.push((at) => !isFloat(at));
  return ways;
}

async function passes(
  container: OnnxContainer,
  sets: readonly TestSet[],
  bound: (at: number) => boolean,
  runtimes: readonly TfliteRuntime[],
): Promise<{ readonly name: string; readonly failure?: string }> {
  let used = "";
  for (const set of sets) {
    const { graph } = container;
    const fixed = graph.inputs.flatMap(({ name }, at) => {
      const tensor = set.inputs[at];
      return bound(at) && tensor ? [[name, { ...tensor, name }] as const] : [];
    });
    const free = graph.inputs.flatMap((input, at) => {
      const tensor = set.inputs[at];
      if (bound(at) || !tensor) return [];
      const rank = tensor.shape.length;
      return [
        { input: { ...input, dims: input.dims?.length === rank ? [...tensor.shape] : [...tensor.shape] }, tensor },
      ];
    });
    const whole = {
      ...graph,
      inputs: free.map(({ input }) => input),
      initializers: new Map([...graph.initializers, ...fixed]),
    };
    const bytes = writeTflite(runPasses(lowerOnnx({ ...container, graph: whole })));
    const inputs = free.map(({ tensor }) => arrayOf(tensor));
    const problems: string[] = [];
    for (const runtime of runtimes) {
      const problem = await runOnce(bytes, inputs, set.outputs, runtime);
      if (problem === undefined) {
        used ||= runtime.name;
        problems.length = 0;
        break;
      }
      problems.push(`${runtime.name}: ${problem}`);
    }
    if (problems.length > 0) return { name: "", failure: problems.join("; ") };
  }
  return { name: used };
}

async function runOnce(
  bytes: Uint8Array,
  inputs: readonly NdArray[],
  expected: readonly OnnxTensor[],
  runtime: TfliteRuntime,
): Promise<string | undefined> {
  try {
    const model = await runtime.load(bytes);
    try {
      const results = await model.run(inputs);
      const problems = expected.flatMap((tensor, at) => differenceOf(tensor, results[at]) ?? []);
      return problems.length === 0 ? undefined : problems.join(", ");
    } finally {
      model.close();
    }
  } catch (thrown) {
    return asFlotillaError(thrown).message;
  }
}

function arrayOf({ dtype, shape, constant }: OnnxTensor): NdArray {
  const values = dtype === null ? [] : valuesOf(dtype, constant.bytes());
  const kind: ArrayDType =
    dtype === "int32" || dtype === "bool" || dtype === "int8" || dtype === "uint8" ? dtype : "float32";
  if (kind === "int32") return { dtype: kind, shape, data: Int32Array.from(values) };
  if (kind === "int8") return { dtype: kind, shape, data: Int8Array.from(values) };
  if (kind === "float32") return { dtype: kind, shape, data: Float32Array.from(values) };
  return { dtype: kind, shape, data: Uint8Array.from(values) };
}

/** NaN must meet NaN, an infinity the same one; the rest is measured against the largest. Integers must be equal. */
function differenceOf(expected: OnnxTensor, result: NdArray | undefined): string | undefined {
  const wanted = arrayOf(expected);
  const [a, b] = [Array.from(wanted.data, Number), Array.from(result?.data ?? [], Number)];
  if (a.length !== b.length) return `${b.length} elements, expected ${a.length}`;
  if (result && result.shape.join() !== wanted.shape.join() && a.length > 0 && wanted.shape.length > 0)
    return `shape [${result.shape.join(", ")}], expected [${wanted.shape.join(", ")}]`;
  let [apart, largest] = [0, 1e-6];
  for (const [at, value] of a.entries()) {
    const found = b[at] ?? Number.NaN;
    if (Object.is(value, found) || value === found) {
      if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value));
      continue;
    }
    if (Number.isNaN(value) || Number.isNaN(found) || !Number.isFinite(value) || !Number.isFinite(found))
      return `${found} at ${at}, expected ${value}`;
    apart = Math.max(apart, Math.abs(value - found));
    largest = Math.max(largest, Math.abs(value));
  }
  const relative = apart / largest;
  // Halves are exact to 2⁻¹¹, bfloat16 to 2⁻⁸: the expected output is itself rounded to them.
  const allowed = expected.elementType === 10 ? 2 ** -10 : expected.elementType === 16 ? 2 ** -7 : bound;
  if (wanted.dtype !== "float32") return apart === 0 ? undefined : `integers differ by up to ${apart}`;
  return relative <= allowed ? undefined : `differs by ${relative.toExponential(1)}`;
}
