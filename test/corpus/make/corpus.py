"""What every script of this folder shares: seeded inputs, weights that are not at their start, and `keep`, which stores
a model's expected outputs beside it and its entry in ../manifest.json.

Inputs are multiples of 1/64, so that .npz files are small and every framework reads the same numbers.
"""

import io
import json
import os
import pathlib
import shutil
import sys
import zipfile
import zlib

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

CORPUS = pathlib.Path(__file__).resolve().parent.parent
MODELS = CORPUS / "models"
MANIFEST = CORPUS / "manifest.json"
SAMPLES = 8


def seed_of(name):
    return zlib.crc32(name.encode())


def generator(name):
    return np.random.default_rng(seed_of(name))


def floats(rng, *shape, low=-1.0, high=1.0, count=SAMPLES):
    """[count, *shape] float32, multiples of 1/64."""
    return (np.round(rng.uniform(low, high, (count, *shape)) * 64) / 64).astype(np.float32)


def waves(rng, *shape, count=SAMPLES):
    """[count, *shape] float32: sums of two sines along axis 1 with noise, for audio nets."""
    time = np.arange(shape[0], dtype=np.float64).reshape(1, -1, *[1] * (len(shape) - 1))
    frequency = rng.uniform(0.02, 0.9, (count, 2, *[1] * len(shape)))
    wave = np.sin(time * frequency[:, 0]) * 0.5 + np.sin(time * frequency[:, 1]) * 0.3
    wave = wave + rng.normal(0, 0.05, (count, *shape))
    return (np.round(wave * 64) / 64).astype(np.float32)


def integers(rng, *shape, high, count=SAMPLES, dtype=np.int32):
    return rng.integers(0, high, (count, *shape)).astype(dtype)


def random_weight(rng, name, shape):
    """A value for a weight that makes the net answer something: no zeros, no ones, statistics away from their start."""
    last = name.split("/")[-1].split(".")[-1].split(":")[0]
    if last in ("gamma", "scale") or ("norm" in name and last == "weight" and len(shape) == 1):
        return rng.uniform(0.5, 1.5, shape)
    if last in ("moving_variance", "variance", "running_var"):
        return rng.uniform(0.5, 1.5, shape)
    if last in ("alpha",):
        return rng.uniform(0.05, 0.4, shape)
    if len(shape) <= 1 or "bias" in last:
        return rng.uniform(-0.3, 0.3, shape)
    if "embedding" in last:
        return rng.normal(0, 0.7, shape)
    fan_in = max(1, int(np.prod(shape[:-1])))
    if "depthwise" in last and len(shape) == 4:
        fan_in = shape[0] * shape[1]
    return rng.normal(0, np.sqrt(1.6 / fan_in), shape)


def randomize(model, name):
    """Sets every weight of a Keras model (2 or 3)."""
    rng = generator(name + "/weights")
    for weight in model.weights:
        if "seed" in weight.name:
            continue
        path = getattr(weight, "path", weight.name)
        weight.assign(random_weight(rng, path, tuple(weight.shape)).astype(np.float32))
    return model


def fresh(name):
    folder = MODELS / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def write_npz(path, arrays):
    """As numpy.savez_compressed, without time stamps."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), buffer.getvalue(), zipfile.ZIP_DEFLATED)


def check_outputs(name, outputs):
    for key, array in outputs.items():
        array = np.asarray(array)
        assert array.shape[0] >= SAMPLES, f"{name}: {key} has {array.shape[0]} samples"
        assert np.all(np.isfinite(array.astype(np.float64))), f"{name}: {key} is not finite"
        assert not np.all(array == array[:1]), f"{name}: {key} never changes"
        if array.dtype.kind == "f":
            flat = array.reshape(-1)
            values, counts = np.unique(flat, return_counts=True)
            most = values[np.argmax(counts)]
            share = counts.max() / flat.size
            if flat.size > 8 and share > (0.9 if most == 0 else 0.3):
                raise AssertionError(f"{name}: {share:.0%} of {key} is {most}")
            spread = np.std(array, axis=0).max() / max(np.abs(array).max(), 1e-12)
            assert spread > 1e-3, f"{name}: {key} hardly depends on the input ({spread})"


def keep(name, *, format, file, framework, tests, inputs=None, outputs=None, input_shapes=None, expect=None, expect_tfjs=None, golden_max_rel=None, licence="Apache-2.0"):
    """Writes expected.npz and the manifest entry. `inputs`, `outputs`: name → array, first axis = sample."""
    folder = MODELS / name
    entry = {
        "model": name,
        "file": f"models/{name}/{file}" if file else f"models/{name}",
        "format": format,
        "framework": framework,
        "script": f"make/{pathlib.Path(sys.argv[0]).name}",
        "licence": licence,
        "tests": tests,
    }
    if outputs is not None:
        check_outputs(name, outputs)
        arrays = {f"input/{key}": np.asarray(value) for key, value in inputs.items()}
        arrays |= {f"source/{key}": np.asarray(value) for key, value in outputs.items()}
        write_npz(folder / "expected.npz", arrays)
        entry["golden"] = f"models/{name}/expected.npz"
    if input_shapes:
        entry["inputShapes"] = {key: list(shape) for key, shape in input_shapes.items()}
    if golden_max_rel:
        entry["goldenMaxRel"] = golden_max_rel
    entry["expect"] = expect or {"converts": True}
    if expect_tfjs:
        entry["expectTfjs"] = expect_tfjs
    manifest = json.loads(MANIFEST.read_text()) if MANIFEST.exists() else {"models": []}
    manifest["models"] = [one for one in manifest["models"] if one["model"] != name] + [entry]
    manifest["models"].sort(key=lambda one: one["model"])
    MANIFEST.write_text(json.dumps(manifest, indent=2) + "\n")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{name:36} {size / 1e3:8.1f} kB  {tests}", flush=True)


def run_from_command_line(makers):
    """`python script.py [NAME…]`: all of the script's models, or those whose name contains a word given."""
    wanted = sys.argv[1:]
    failed = []
    for maker in makers:
        name = maker.__name__.replace("_", "-")
        if wanted and not any(word in name for word in wanted):
            continue
        try:
            maker(name)
        except Exception as error:  # one model's trouble must not hide the others'
            failed.append(name)
            print(f"{name:36} FAILED {type(error).__name__}: {str(error)[:600]}", flush=True)
    sys.exit(1 if failed else 0)
