"""Quantizes float `.tflite` files with AI Edge Quantizer and with TensorFlow's converter, and judges theirs and ours.

    python quantize_peers.py       run by bench/quantization.ts; wants ai-edge-quantizer, ai-edge-litert, tensorflow

Each line on stdin is a job, answered by a line on stdout. A job is a folder: `job.json` ({"source": {"format", "path"} or null}), `float.tflite`, `ours.tflite`, `calibration.npz`
and `heldout.npz` (one array per input name, first axis = sample). What comes of it is `result.json` beside them. All
files run in LiteRT with its builtin kernels and no delegate, on the held-out samples; inputs and outputs are float32.
Each tool has a process of its own for each job: a converter that aborts takes nothing else with it.
"""

import contextlib
import importlib.metadata
import json
import os
import pathlib
import sys
import traceback

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from ai_edge_quantizer import qtyping, quantizer, recipe

OPERATORS = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
FLOATS = (schema.TensorType.FLOAT32, schema.TensorType.FLOAT16, schema.TensorType.FLOAT64)


def open_file(content):
    interpreter = Interpreter(model_content=bytes(content), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES, num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def quantized(value, detail):
    """A float array as an integer input takes it."""
    scale, zero = detail["quantization"]
    if scale == 0 or value.dtype.kind != "f" or detail["dtype"] == np.float32:
        return value.astype(detail["dtype"])
    limits = np.iinfo(detail["dtype"])
    return np.clip(np.round(value / np.float32(scale)) + zero, limits.min, limits.max).astype(detail["dtype"])


def real(value, detail):
    scale, zero = detail["quantization"]
    value = value.astype(np.float64)
    return (value - zero) * scale if scale != 0 and detail["dtype"] != np.float32 else value


def ordered(details, like):
    """`details` in the order of `like`, by name where the names are the same, else by shape and dtype in turn."""
    bare = lambda name: name.split(":")[0].removeprefix("serving_default_")
    left = list(details)
    found = []
    for one in like:
        same = [other for other in left if bare(other["name"]) == bare(one["name"])] or [other for other in left if list(other["shape"]) == list(one["shape"])]
        if not same:
            raise ValueError(f"no input is like {one['name']} {list(one['shape'])}")
        found.append(same[0])
        left.remove(same[0])
    return found


def answers(content, samples, inputs):
    """Every output as [sample, …] reals. `samples`: input name → array; `inputs`: the float file's, in order."""
    interpreter = open_file(content)
    mine = ordered(interpreter.get_input_details(), inputs)
    outputs = interpreter.get_output_details()
    rows = [[] for _ in outputs]
    for at in range(len(next(iter(samples.values())))):
        # A model with state begins each sample anew.
        interpreter.reset_all_variables()
        for detail, original in zip(mine, inputs):
            value = samples[original["name"]][at].reshape(original["shape"])
            interpreter.set_tensor(detail["index"], quantized(value, detail))
        interpreter.invoke()
        for row, detail in zip(rows, outputs):
            row.append(real(interpreter.get_tensor(detail["index"]), detail).reshape(-1))
    return [np.stack(row) for row in rows]


def sqnr(expected, found):
    noise = np.sum((expected - found) ** 2)
    signal = np.sum(expected**2)
    if noise == 0:
        return 200.0
    return float(np.clip(10 * np.log10(signal / noise), -200, 200)) if signal > 0 and np.isfinite(noise) else -200.0


def paired(expected, found):
    """Outputs of another converter in our order: of those of the same size, the one that is nearest."""
    left = list(found)
    pairs = []
    for one in expected:
        fitting = [other for other in left if other.shape == one.shape]
        if not fitting:
            raise ValueError(f"no output has the size {one.shape}")
        best = max(fitting, key=lambda other: sqnr(one, other))
        left = [other for other in left if other is not best]
        pairs.append((one, best))
    return pairs


def float_operators(content):
    """Operators that read or give a float activation, but for QUANTIZE and DEQUANTIZE."""
    model = schema.ModelT.InitFromPackedBuf(bytes(content), 0)
    found = []
    for graph in model.subgraphs:
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex]
            name = OPERATORS.get(max(code.builtinCode, code.deprecatedBuiltinCode), "CUSTOM")
            if name in ("QUANTIZE", "DEQUANTIZE"):
                continue
            tensors = [graph.tensors[at] for at in [*operator.inputs, *operator.outputs] if at >= 0]
            if any(tensor.type in FLOATS and model.buffers[tensor.buffer].data is None for tensor in tensors):
                found.append(name)
    return sorted(found)


def rows_of(samples, inputs):
    count = len(next(iter(samples.values())))
    for at in range(count):
        yield {one["name"]: samples[one["name"]][at].reshape(one["shape"]) for one in inputs}


def with_unique_names(content):
    """The same file, where two tensors of a graph have one name: AI Edge Quantizer refuses such files."""
    model = schema.ModelT.InitFromPackedBuf(bytes(content), 0)
    changed = False
    for graph in model.subgraphs:
        seen = set()
        for at, tensor in enumerate(graph.tensors):
            if tensor.name in seen:
                tensor.name = tensor.name + f"#{at}".encode()
                changed = True
            seen.add(tensor.name)
    if not changed:
        return content
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def by_edge_quantizer(job, content, calibration, inputs):
    """Its static recipe for int8 weights and activations, as it comes, but for the ends, which stay float32."""
    content = with_unique_names(content)
    tool = quantizer.Quantizer(content, recipe.static_wi8_ai8())
    for end in (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT):
        tool.update_quantization_recipe(".*", end, algorithm_key=quantizer.AlgorithmName.NO_QUANTIZE)
    interpreter = Interpreter(model_content=content)
    signatures = interpreter.get_signature_list()
    key, ends = next(iter(signatures.items()))
    runner = interpreter.get_signature_runner(key)
    index = {detail["index"]: detail["name"] for detail in interpreter.get_input_details()}
    names = {argument: index.get(detail["index"], detail["name"]) for argument, detail in runner.get_input_details().items()}
    data = [{argument: row[name] for argument, name in names.items()} for row in rows_of(calibration, inputs)]
    assert set(names) == set(ends["inputs"])
    return tool.quantize(tool.calibrate({key: data}, num_threads=1), enable_progress_report=False).quantized_model


def by_tensorflow(job, content, calibration, inputs):
    """Integers with float as fallback, float32 at the ends, from the source model itself."""
    import tensorflow as tf

    source = json.loads((job / "job.json").read_text())["source"]
    if source is None:
        return None
    kind, path = source["format"], source["path"]
    if kind == "saved-model":
        converter = tf.lite.TFLiteConverter.from_saved_model(path)
        names = None
    else:
        model = load_keras(kind, path)
        function = tf.function(lambda *given: model(given if len(given) > 1 else given[0], training=False))
        wanted = [tf.TensorSpec([1, *tensor.shape[1:]], tensor.dtype, name=name_of(tensor)) for tensor in model.inputs]
        concrete = function.get_concrete_function(*wanted)
        converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
        names = [name_of(tensor) for tensor in model.inputs]

    def representative():
        for row in rows_of(calibration, inputs):
            if names:
                by_name = {key.split(":")[0]: value for key, value in row.items()}
                yield [by_name[name] if name in by_name else row[inputs[at]["name"]] for at, name in enumerate(names)]
            else:
                yield {key.split(":")[0]: value for key, value in row.items()}

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    return converter.convert()


def name_of(tensor):
    return tensor.name.split(":")[0]


def load_keras(kind, path):
    import keras
    import tf_keras

    if kind == "keras-v3":
        return keras.models.load_model(path, compile=False)
    try:
        return tf_keras.models.load_model(path, compile=False)
    except Exception:
        return keras.models.load_model(path, compile=False)


def judge(job, tool):
    """What comes of one tool's file, or None where the tool cannot read the source."""
    content = (job / "float.tflite").read_bytes()
    calibration, unseen = (dict(np.load(job / f"{name}.npz")) for name in ("calibration", "heldout"))
    float_file = open_file(content)
    inputs, outputs = float_file.get_input_details(), float_file.get_output_details()
    made = MAKERS[tool](job, content, calibration, inputs)
    if made is None:
        return None
    (job / f"{tool}.tflite").write_bytes(made)
    expected, found = (answers(one, unseen, inputs) for one in (content, made))
    # Places and classes are no signal: only real numbers are measured.
    kept = [at for at, detail in enumerate(outputs) if detail["dtype"] == np.float32 and np.any(expected[at] != 0)]
    pairs = paired([expected[at] for at in kept], found) if tool == "tensorflow" else [(expected[at], found[at]) for at in kept]
    each = [sqnr(*pair) for pair in pairs]
    return {
        "bytes": len(made),
        "floatOperators": float_operators(made),
        "outputs": [{"name": outputs[at]["name"], "sqnrDb": round(db, 2)} for at, db in zip(kept, each)],
        "worstDb": round(min(each), 2),
        "meanDb": round(sum(each) / len(each), 2),
    }


MAKERS = {
    "ours": lambda job, content, calibration, inputs: (job / "ours.tflite").read_bytes(),
    "edge-quantizer": by_edge_quantizer,
    "tensorflow": by_tensorflow,
}


def in_a_process(job, tool):
    """`judge` where an abort ends nothing but itself."""
    answer = job / f"{tool}.json"
    answer.unlink(missing_ok=True)
    if os.fork() == 0:
        # Libraries print too; stdout is for the answers.
        os.dup2(2, 1)
        try:
            found = judge(job, tool)
        except BaseException as error:
            traceback.print_exc()
            lines = str(error).splitlines() or [""]
            found = {"error": f"{type(error).__name__}: {lines[0][:160]}"}
        answer.write_text(json.dumps(found))
        os._exit(0)
    os.wait()
    return json.loads(answer.read_text()) if answer.exists() else {"error": "the process was aborted"}


def versions():
    found = {"python": sys.version.split()[0]}
    for name in ("ai-edge-quantizer", "ai-edge-litert", "tensorflow", "tensorflow-cpu", "keras", "numpy"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


for line in sys.stdin:
    folder = pathlib.Path(line.strip())
    if json.loads((folder / "job.json").read_text())["source"]:
        # Once, in the parent: it takes longer than most jobs.
        import keras, tensorflow, tf_keras  # noqa: E401, F401
    tools = {tool: in_a_process(folder, tool) for tool in MAKERS}
    result = {
        "floatBytes": (folder / "float.tflite").stat().st_size,
        "samples": len(next(iter(np.load(folder / "heldout.npz").values()))),
        "versions": versions(),
        "tools": {tool: found for tool, found in tools.items() if found},
    }
    (folder / "result.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({"job": str(folder)}), flush=True)
