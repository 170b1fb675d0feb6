"""TensorFlow.js models by the tensorflowjs converter: LayersModels (float32, float16, uint16, uint8 weights, several
shards) and GraphModels. Answers come from Keras and TensorFlow, of weights that were quantized and dequantized where
the file stores them so.

tensorflowjs imports packages that these conversions never use; empty modules stand in for them.
"""

import json
import shutil
import sys
import types

import corpus
from corpus import SAMPLES, floats, fresh, generator, integers, keep, random_weight, randomize, run_from_command_line, waves

import numpy as np
import tensorflow as tf
import tf_keras

for unused in ("tensorflow_decision_forests", "tensorflow_hub", "jax", "jax.experimental", "jax.experimental.jax2tf"):
    sys.modules[unused] = types.ModuleType(unused)
sys.modules["jax.experimental"].jax2tf = sys.modules["jax.experimental.jax2tf"]

np.object = object
np.bool = bool
import tensorflowjs
from tensorflowjs import read_weights
from tensorflowjs.converters import keras_h5_conversion, tf_saved_model_conversion_v2

layers = tf_keras.layers
FRAMEWORK = f"tensorflowjs {tensorflowjs.__version__} from TensorFlow {tf.__version__}"


def without_host(folder):
    path = folder / "model.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content))
    return content


def store_layers(name, model, data, tests, quantization=None, shard_bytes=4 * 2**20):
    randomize(model, name)
    folder = fresh(name)
    topology, groups = keras_h5_conversion.h5_merged_saved_model_to_tfjs_format(h5_of(model, folder))
    keras_h5_conversion.write_artifacts(topology, groups, str(folder), quantization, weight_shard_size_bytes=shard_bytes)
    (folder / "model.h5").unlink()
    content = without_host(folder)
    stored = {entry["name"]: entry["data"] for group in read_weights.read_weights(content["weightsManifest"], str(folder)) for entry in group}
    for weight in model.weights:
        weight.assign(stored[weight.name.split(":")[0]])
    rows = {key: [] for key in model.output_names}
    for index in range(SAMPLES):
        given = [tf.constant(array[index : index + 1]) for array in data.values()]
        answer = model(given if len(given) > 1 else given[0], training=False)
        for key, value in zip(rows, answer if isinstance(answer, (list, tuple)) else [answer]):
            rows[key].append(value.numpy()[0])
    keep(name, format="tfjs-layers", file="model.json", framework=FRAMEWORK, tests=tests, inputs=data, outputs={key: np.stack(value) for key, value in rows.items()})


def h5_of(model, folder):
    path = folder / "model.h5"
    model.save(path, include_optimizer=False)
    return str(path)


def store_graph(name, call, specs, data, tests, **options):
    module = tf.Module()
    module.call = tf.function(call, input_signature=specs)
    concrete = module.call.get_concrete_function()
    folder = fresh(name)
    saved = folder / "saved"
    tf.saved_model.save(module, str(saved), signatures={"serving_default": concrete})
    kept = {key: options.pop(key) for key in ("input_shapes", "expect") if key in options}
    tf_saved_model_conversion_v2.convert_tf_saved_model(str(saved), str(folder), **options)
    served = tf.saved_model.load(str(saved)).signatures["serving_default"]
    rows = {}
    for index in range(SAMPLES):
        for key, value in served(**{one: tf.constant(array[index : index + 1]) for one, array in data.items()}).items():
            rows.setdefault(key, []).append(value.numpy()[0])
    shutil.rmtree(saved)
    without_host(folder)
    keep(name, format="tfjs-graph", file="model.json", framework=FRAMEWORK, tests=tests, inputs=data, outputs={key: np.stack(value) for key, value in rows.items()}, **kept)


def cnn():
    entry = layers.Input((14, 14, 3), name="image")
    x = layers.Conv2D(8, 3, padding="same", use_bias=False)(entry)
    x = layers.ReLU(max_value=6.0)(layers.BatchNormalization()(x))
    x = layers.SeparableConv2D(10, 3, strides=2)(x)
    x = layers.Flatten()(layers.MaxPooling2D()(x))
    return tf_keras.Model(entry, layers.Dense(4, activation="softmax", name="scores")(x))


def tfjs_layers_cnn(name):
    store_layers(name, cnn(), {"image": floats(generator(name), 14, 14, 3)}, "CNN over several shards", shard_bytes=1000)


def tfjs_layers_uint8(name):
    store_layers(name, cnn(), {"image": floats(generator(name), 14, 14, 3)}, "weights as uint8", {"uint8": True})


def tfjs_layers_uint16(name):
    store_layers(name, cnn(), {"image": floats(generator(name), 14, 14, 3)}, "weights as uint16", {"uint16": True})


def tfjs_layers_float16(name):
    store_layers(name, cnn(), {"image": floats(generator(name), 14, 14, 3)}, "weights as float16", {"float16": True})


def tfjs_layers_recurrent(name):
    entry = layers.Input((8, 4), name="steps")
    x = layers.Bidirectional(layers.LSTM(5, return_sequences=True))(entry)
    x = layers.GRU(6, reset_after=False, return_sequences=True)(x)
    x = layers.TimeDistributed(layers.Dense(3))(x)
    model = tf_keras.Model(entry, layers.Dense(2, name="answer")(layers.GlobalAveragePooling1D()(x)))
    store_layers(name, model, {"steps": floats(generator(name), 8, 4)}, "bidirectional LSTM, GRU, TimeDistributed")


def tfjs_layers_nested(name):
    inner_entry = layers.Input((10, 10, 2))
    inner = tf_keras.Model(inner_entry, layers.Conv2D(4, 3, activation="relu")(inner_entry), name="tower")
    left, right = layers.Input((10, 10, 2), name="left"), layers.Input((10, 10, 2), name="right")
    x = layers.Subtract()([inner(left), inner(right)])
    x = layers.Conv2DTranspose(3, 3, strides=2, name="difference")(x)
    pooled = layers.Dense(3, name="label")(layers.GlobalMaxPooling2D()(layers.Multiply()([inner(left), inner(right)])))
    rng = generator(name)
    store_layers(name, tf_keras.Model([left, right], [x, pooled]), {"left": floats(rng, 10, 10, 2), "right": floats(rng, 10, 10, 2)}, "a nested model shared by two inputs, two outputs")


class Weights:
    def __init__(self, name):
        self.rng = generator(name + "/weights")
        self.table = {}

    def __call__(self, name, *shape):
        if name not in self.table:
            self.table[name] = tf.constant(random_weight(self.rng, name, shape).astype(np.float32))
        return self.table[name]


def tfjs_graph_cnn(name):
    w = Weights(name)

    def call(image):
        x = tf.nn.relu6(tf.nn.conv2d(image, w("stem/kernel", 3, 3, 3, 8), 2, "SAME") + w("stem/bias", 8))
        y = tf.nn.relu6(tf.nn.depthwise_conv2d(x, w("d/depthwise_kernel", 3, 3, 8, 1), [1, 1, 1, 1], "SAME") + w("d/bias", 8))
        x = x + tf.nn.conv2d(y, w("p/kernel", 1, 1, 8, 8), 1, "SAME")
        x = tf.nn.leaky_relu(x, 0.1)
        return {"scores": tf.nn.softmax(tf.matmul(tf.reduce_mean(x, [1, 2]), w("head/kernel", 8, 5)) + w("head/bias", 5))}

    store_graph(name, call, [tf.TensorSpec((None, 18, 18, 3), tf.float32, name="image")], {"image": floats(generator(name), 18, 18, 3)}, "GraphModel with fused operators", weight_shard_size_bytes=1500)


def tfjs_graph_detection(name):
    w = Weights(name)

    def call(image, offset):
        x = tf.cast(image, tf.float32) / 127.5 - 1.0
        x = tf.nn.relu(tf.nn.conv2d(x, w("a/kernel", 3, 3, 3, 8), 2, "SAME"))
        x = tf.image.resize(x, [12, 12])
        boxes = tf.reshape(tf.nn.conv2d(x, w("b/kernel", 1, 1, 8, 8), 2, "VALID"), [1, -1, 4]) + offset
        scores = tf.sigmoid(tf.reshape(tf.nn.conv2d(x, w("c/kernel", 1, 1, 8, 4), 2, "VALID"), [1, -1, 2]))
        best, place = tf.math.top_k(tf.reduce_max(scores, -1), 4)
        return {"boxes": boxes, "scores": scores, "best": best, "chosen": tf.gather(boxes, place, batch_dims=1), "label": tf.argmax(scores, -1, output_type=tf.int32)}

    rng = generator(name)
    specs = [tf.TensorSpec((1, 16, 16, 3), tf.int32, name="image"), tf.TensorSpec((1, 1, 4), tf.float32, name="offset")]
    store_graph(name, call, specs, {"image": integers(rng, 16, 16, 3, high=256), "offset": floats(rng, 1, 4)}, "integer input, resize, TopK, batched gather, argmax")


def tfjs_graph_quantized(name):
    """uint16 weights: the answers are TensorFlow's on the weights as stored, written into the graph beforehand."""
    rng = generator(name + "/weights")
    kernel = np.round(rng.normal(0, 0.3, (3, 3, 3, 8)) * 1024) / 1024
    kernel.reshape(-1)[:2] = [-32768 / 32768, 32767 / 32768]
    head = np.round(rng.normal(0, 0.4, (392, 5)) * 1024) / 1024
    head.reshape(-1)[:2] = [-32768 / 32768, 32767 / 32768]
    kernel, head = (np.clip(one, -1, 32767 / 32768).astype(np.float32) for one in (kernel, head))

    def call(image):
        x = tf.nn.elu(tf.nn.conv2d(image, tf.constant(kernel), 2, "SAME"))
        return {"answer": tf.matmul(tf.reshape(x, [-1, 392]), tf.constant(head))}

    store_graph(name, call, [tf.TensorSpec((None, 14, 14, 3), tf.float32, name="image")], {"image": floats(generator(name), 14, 14, 3)}, "GraphModel with uint16 weights", quantization_dtype_map={"uint16": True})


run_from_command_line(
    [tfjs_layers_cnn, tfjs_layers_uint8, tfjs_layers_uint16, tfjs_layers_float16, tfjs_layers_recurrent, tfjs_layers_nested, tfjs_graph_cnn, tfjs_graph_detection, tfjs_graph_quantized]
)
