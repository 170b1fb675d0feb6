"""TensorFlow 2 SavedModels: tf.Module with functions that call functions, and Keras exports."""

import corpus
from corpus import SAMPLES, floats, fresh, generator, integers, keep, random_weight, randomize, run_from_command_line, waves

import keras
import numpy as np
import tensorflow as tf
import tf_keras

FRAMEWORK = f"TensorFlow {tf.__version__}"


class Net(tf.Module):
    """Seeded variables by name, made on first use."""

    def __init__(self, name):
        super().__init__(name="net")
        self.rng = generator(name + "/weights")
        self.table = {}

    def w(self, name, *shape):
        if name not in self.table:
            with tf.init_scope():
                self.table[name] = tf.Variable(random_weight(self.rng, name, shape).astype(np.float32), name=name)
        return self.table[name]


def store(name, module, call, specs, data, tests, **options):
    """`call`: a tf.function that gives a dictionary; `specs`: TensorSpecs with the names of the signature's inputs."""
    concrete = call.get_concrete_function(*specs)
    folder = fresh(name)
    tf.saved_model.save(module, str(folder / "model"), signatures={"serving_default": concrete})
    (folder / "model" / "fingerprint.pb").unlink(missing_ok=True)
    served = tf.saved_model.load(str(folder / "model")).signatures["serving_default"]
    rows = {}
    for index in range(SAMPLES):
        for key, value in served(**{key: tf.constant(array[index : index + 1]) for key, array in data.items()}).items():
            rows.setdefault(key, []).append(value.numpy()[0])
    outputs = {key: np.stack(values) for key, values in rows.items()}
    refused = "refused" in options.get("expect", {})
    keep(name, format="saved-model", file="model", framework=options.pop("framework", FRAMEWORK), tests=tests, inputs=data, outputs=None if refused else outputs, **options)


def store_keras(name, model, data, tests, framework, **options):
    randomize(model, name)
    folder = fresh(name)
    if framework.startswith("Keras 3"):
        model.export(str(folder / "model"), verbose=False)
    else:
        tf.saved_model.save(model, str(folder / "model"))
    (folder / "model" / "fingerprint.pb").unlink(missing_ok=True)
    (folder / "model" / "keras_metadata.pb").unlink(missing_ok=True)
    served = tf.saved_model.load(str(folder / "model")).signatures["serving_default"]
    names = list(served.structured_input_signature[1])
    by_name = {spec: data[spec] if spec in data else next(iter(data.values())) for spec in names}
    rows = {}
    for index in range(SAMPLES):
        for key, value in served(**{key: tf.constant(array[index : index + 1]) for key, array in by_name.items()}).items():
            rows.setdefault(key, []).append(value.numpy()[0])
    outputs = {key: np.stack(values) for key, values in rows.items()}
    refused = "refused" in options.get("expect", {})
    keep(name, format="saved-model", file="model", framework=framework, tests=tests, inputs=by_name, outputs=None if refused else outputs, **options)


def spec(name, *shape, dtype=tf.float32):
    return tf.TensorSpec(shape, dtype, name=name)


def tf2_functions(name):
    net = Net(name)

    @tf.function
    def block(x, index):
        y = tf.nn.conv2d(x, net.w(f"b{index}/kernel", 3, 3, 8, 8), 1, "SAME")
        return tf.nn.relu(y + net.w(f"b{index}/bias", 8))

    @tf.function
    def pair(x, index):
        return x + block(block(x, index), index + 1)

    @tf.function
    def call(image):
        x = tf.nn.conv2d(image, net.w("stem/kernel", 3, 3, 3, 8), 2, "SAME")
        x = pair(pair(x, 0), 2)
        return {"pooled": tf.reduce_mean(x, [1, 2]), "largest": tf.reduce_max(x, [1, 2, 3])}

    for index in range(4):
        net.w(f"b{index}/kernel", 3, 3, 8, 8), net.w(f"b{index}/bias", 8)
    net.call = call
    store(name, net, call, [spec("image", None, 14, 14, 3)], {"image": floats(generator(name), 14, 14, 3)}, "functions that call functions, the same one twice")


def tf2_depth_to_space(name):
    net = Net(name)

    @tf.function
    def call(image):
        x = tf.nn.relu(tf.nn.conv2d(image, net.w("a/kernel", 3, 3, 3, 8), 1, "SAME") + net.w("a/bias", 8))
        x = tf.nn.conv2d(x, net.w("b/kernel", 3, 3, 8, 12), 1, "SAME")
        large = tf.nn.depth_to_space(x, 2)
        back = tf.nn.space_to_depth(large, 2)
        return {"large": tf.clip_by_value(large, -1.5, 1.5), "packed": tf.sqrt(tf.abs(back) + 0.1)}

    net.call = call
    store(name, net, call, [spec("image", 1, 10, 10, 3)], {"image": floats(generator(name), 10, 10, 3)}, "super-resolution by depth-to-space, and back")


def tf2_ssd(name):
    net = Net(name)

    @tf.function
    def call(image):
        x = tf.nn.relu6(tf.nn.conv2d(image, net.w("stem/kernel", 3, 3, 3, 8), 2, "SAME"))
        boxes, scores = [], []
        for level in range(2):
            x = tf.nn.depthwise_conv2d(x, net.w(f"d{level}/depthwise_kernel", 3, 3, 8, 1), [1, 2, 2, 1], "SAME")
            x = tf.nn.relu6(tf.nn.conv2d(x, net.w(f"p{level}/kernel", 1, 1, 8, 8), 1, "VALID") + net.w(f"p{level}/bias", 8))
            batch = tf.shape(x)[0]
            boxes.append(tf.reshape(tf.nn.conv2d(x, net.w(f"box{level}/kernel", 3, 3, 8, 8), 1, "SAME"), [batch, -1, 4]))
            scores.append(tf.reshape(tf.nn.conv2d(x, net.w(f"cls{level}/kernel", 3, 3, 8, 8), 1, "SAME"), [batch, -1, 4]))
        return {"boxes": tf.concat(boxes, 1), "scores": tf.nn.softmax(tf.concat(scores, 1))}

    net.call = call
    store(name, net, call, [spec("image", None, 18, 18, 3)], {"image": floats(generator(name), 18, 18, 3)}, "SSD-like head over two levels, reshape by the batch's size")


def tf2_top_k(name):
    net = Net(name)

    @tf.function
    def call(x):
        logits = tf.matmul(x, net.w("kernel", 12, 20)) + net.w("bias", 20)
        values, indices = tf.math.top_k(logits, 4)
        return {"values": values, "indices": indices, "best": tf.argmax(logits, -1, output_type=tf.int32), "gathered": tf.gather(net.w("table", 20, 3), indices)}

    net.call = call
    store(name, net, call, [spec("x", 1, 12)], {"x": floats(generator(name), 12)}, "integer outputs: top-k, argmax; gather by computed indices")


def tf2_audio(name):
    net = Net(name)

    @tf.function
    def call(audio):
        x = tf.pad(audio, [[0, 0], [6, 6]], "SYMMETRIC")
        frames = tf.nn.conv1d(x[..., None], net.w("filters/kernel", 12, 1, 8), 4, "VALID")
        spectrum = tf.math.log1p(tf.square(frames) * 10.0)
        mean, variance = tf.nn.moments(spectrum, [1], keepdims=True)
        x = (spectrum - mean) * tf.math.rsqrt(variance + 1e-3)
        x = tf.nn.conv1d(x, net.w("time/kernel", 3, 8, 6), 1, "SAME", dilations=2)
        return {"embedding": tf.math.l2_normalize(tf.reduce_mean(tf.nn.swish(x), 1), -1)}

    net.call = call
    store(name, net, call, [spec("audio", None, 100)], {"audio": waves(generator(name), 100)}, "audio: mirror pad, log1p, moments, dilated conv1d, l2 norm")


def tf2_attention(name):
    net = Net(name)

    @tf.function
    def layer_norm(x, scale, offset):
        mean, variance = tf.nn.moments(x, [-1], keepdims=True)
        return tf.nn.batch_normalization(x, mean, variance, offset, scale, 1e-5)

    @tf.function
    def call(tokens, mask):
        q, k, v = (tf.einsum("btd,dhk->bhtk", tokens, tf.reshape(net.w(f"{part}/kernel", 12, 12), [12, 3, 4])) for part in "qkv")
        scores = tf.matmul(q, k, transpose_b=True) * 0.5
        scores = tf.where(mask[:, None, None, :] > 0, scores, -1e4)
        mixed = tf.einsum("bhqk,bhkd->bqhd", tf.nn.softmax(scores), v)
        x = tokens + tf.reshape(mixed, [-1, 7, 12])
        x = layer_norm(x, net.w("n/gamma", 12), net.w("n/beta", 12))
        return {"tokens": tf.nn.gelu(tf.matmul(x, net.w("f/kernel", 12, 8)), approximate=True)}

    net.call = call
    rng = generator(name)
    mask = integers(rng, 7, high=3)
    mask[:, 0] = 1
    store(name, net, call, [spec("tokens", None, 7, 12), spec("mask", None, 7, dtype=tf.int32)], {"tokens": floats(rng, 7, 12), "mask": mask}, "attention with einsum and a mask, layer norm spelt out")


def tf2_slices(name):
    net = Net(name)

    @tf.function
    def call(image):
        x = tf.concat([image[:, ::2, 1::2, :], image[:, 1::2, ::2, :]], -1)
        left, right = tf.split(x, [2, 4], -1)
        x = tf.stack([left[..., 0], right[..., -1], tf.reverse(right[..., 1], [1])], -1)
        x = tf.transpose(tf.tile(x, [1, 1, 1, 2]), [0, 2, 1, 3])
        x = tf.squeeze(tf.expand_dims(x, 1), 1) * tf.cast(tf.range(6) + 1, tf.float32)
        x = tf.math.floormod(x, 0.75) + tf.cumsum(x, 1) * 0.1
        x = tf.where(x > 0.3, x, tf.minimum(x, 0.1) * 0.5)
        return {"x": tf.matmul(x, net.w("kernel", 6, 4))}

    net.call = call
    store(name, net, call, [spec("image", None, 8, 8, 3)], {"image": floats(generator(name), 8, 8, 3)}, "strided slices, split, stack, reverse, tile, cumsum, select")


def tf2_dynamic_size(name):
    net = Net(name)

    @tf.function
    def call(image):
        size = tf.shape(image)[1:3]
        x = tf.nn.relu(tf.nn.conv2d(image, net.w("a/kernel", 3, 3, 3, 6), 2, "SAME"))
        x = tf.image.resize(x, size, method="bilinear")
        x = tf.nn.conv2d_transpose(x, net.w("b/kernel", 3, 3, 4, 6), tf.concat([tf.shape(x)[:1], size * 2, [4]], 0), 2, "SAME")
        return {"mask": tf.sigmoid(x)}

    net.call = call
    store(name, net, call, [spec("image", None, None, None, 3)], {"image": floats(generator(name), 9, 11, 3)}, "dynamic height and width, sizes computed in the graph", input_shapes={"image": (1, 9, 11, 3)})


def tf2_while_refused(name):
    net = Net(name)

    @tf.function
    def call(x):
        limit = tf.cast(tf.reduce_sum(tf.abs(x)), tf.int32)
        i = tf.constant(0)
        while i < limit:
            x = tf.tanh(tf.matmul(x, net.w("kernel", 4, 4)))
            i += 1
        return {"x": x}

    net.call = call
    store(name, net, call, [spec("x", 1, 4)], {"x": floats(generator(name), 4)}, "a loop over data: refused", expect={"refused": "UNSUPPORTED_OPERATOR", "operators": ["While"]})


def tf2_keras_export(name):
    entry = keras.Input((16, 16, 3), name="image")
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(entry)
    x = keras.layers.Activation("hard_silu")(keras.layers.BatchNormalization()(x))
    x = keras.layers.SeparableConv2D(8, 3, padding="same", activation="relu")(x)
    x = keras.layers.Conv2D(8, 3, dilation_rate=2, padding="same", activation="gelu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(entry, keras.layers.Dense(4, activation="softmax")(x))
    store_keras(name, model, {"image": floats(generator(name), 16, 16, 3)}, "Keras 3 model.export", f"Keras {keras.__version__} on TensorFlow {tf.__version__}")


def tf2_keras2_saved(name):
    layers = tf_keras.layers
    left, right = layers.Input((12, 12, 2), name="left"), layers.Input((5,), name="right")
    x = layers.Flatten()(layers.PReLU(shared_axes=[1, 2])(layers.Conv2D(4, 3, strides=2)(left)))
    x = layers.Concatenate()([x, layers.Dense(6, activation="selu")(right)])
    model = tf_keras.Model([left, right], [layers.Dense(3, name="a")(x), layers.Dense(2, activation="softmax", name="b")(x)])
    rng = generator(name)
    store_keras(name, model, {"left": floats(rng, 12, 12, 2), "right": floats(rng, 5)}, "Keras 2 SavedModel, two inputs and outputs", f"tf-keras {tf_keras.__version__} on TensorFlow {tf.__version__}")


run_from_command_line(
    [tf2_functions, tf2_depth_to_space, tf2_ssd, tf2_top_k, tf2_audio, tf2_attention, tf2_slices, tf2_dynamic_size, tf2_while_refused, tf2_keras_export, tf2_keras2_saved]
)
