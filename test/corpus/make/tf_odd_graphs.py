"""TensorFlow graphs with what exporters write more rarely: loops of recurrent layers, lists, narrow integers, diagonals,
several signatures, branches that a placeholder decides, state."""

import corpus
from corpus import SAMPLES, floats, fresh, generator, integers, keep, random_weight, randomize, run_from_command_line, waves

import keras
import numpy as np
import tensorflow as tf
import tf_keras

FRAMEWORK = f"TensorFlow {tf.__version__}"
tf1 = tf.compat.v1


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


def spec(name, *shape, dtype=tf.float32):
    return tf.TensorSpec(shape, dtype, name=name)


def answers(served, data):
    rows = {}
    for index in range(SAMPLES):
        for key, value in served(**{key: tf.constant(array[index : index + 1]) for key, array in data.items()}).items():
            rows.setdefault(key, []).append(value.numpy()[0])
    return {key: np.stack(values) for key, values in rows.items()}


def store(name, module, functions, data, tests, **options):
    """`functions`: signature → (function that gives a dictionary, specs of its inputs); the first one is recorded."""
    folder = fresh(name)
    signatures = {key: tf.function(call).get_concrete_function(*specs) for key, (call, specs) in functions.items()}
    tf.saved_model.save(module, str(folder / "model"), signatures=signatures)
    (folder / "model" / "fingerprint.pb").unlink(missing_ok=True)
    served = tf.saved_model.load(str(folder / "model")).signatures[next(iter(functions))]
    refused = "refused" in options.get("expect", {})
    outputs = None if refused else answers(served, data)
    keep(name, format="saved-model", file="model", framework=options.pop("framework", FRAMEWORK), tests=tests, inputs=data, outputs=outputs, **options)


def serve(name, call, specs, data, tests, net=None, **options):
    store(name, net or Net(name), {"serving_default": (call, specs)}, data, tests, **options)


def tf2_keras3_recurrent(name):
    entry = keras.Input((9, 5), name="steps")
    x = keras.layers.Bidirectional(keras.layers.LSTM(6, return_sequences=True))(entry)
    x = keras.layers.GRU(7)(x)
    model = keras.Model(entry, keras.layers.Dense(3)(x))
    randomize(model, name)
    folder = fresh(name)
    model.export(str(folder / "model"), verbose=False)
    (folder / "model" / "fingerprint.pb").unlink(missing_ok=True)
    data = {"steps": floats(generator(name), 9, 5)}
    served = tf.saved_model.load(str(folder / "model")).signatures["serving_default"]
    (own,) = served.structured_input_signature[1]
    keep(name, format="saved-model", file="model", framework=f"Keras {keras.__version__} on {FRAMEWORK}", tests="LSTM both ways and GRU of Keras 3: loops that fill lists", inputs={own: data["steps"]}, outputs=answers(served, {own: data["steps"]}))


def tf2_keras2_recurrent(name):
    layers = tf_keras.layers
    entry = layers.Input((8, 10, 2), name="frames")
    x = layers.TimeDistributed(layers.Conv1D(4, 3, activation="relu"))(entry)
    x = layers.TimeDistributed(layers.Flatten())(x)
    x = layers.RNN([layers.LSTMCell(5), layers.GRUCell(6)], return_sequences=True)(x)
    model = tf_keras.Model(entry, [layers.SimpleRNN(4, go_backwards=True)(x), x])
    randomize(model, name)
    folder = fresh(name)
    model.export(str(folder / "model"))
    (folder / "model" / "fingerprint.pb").unlink(missing_ok=True)
    data = {"frames": floats(generator(name), 8, 10, 2)}
    served = tf.saved_model.load(str(folder / "model")).signatures["serving_default"]
    keep(name, format="saved-model", file="model", framework=f"tf-keras {tf_keras.__version__} on {FRAMEWORK}", tests="stacked cells and SimpleRNN of Keras 2, time-distributed layers", inputs=data, outputs=answers(served, data))


def tf2_scan(name):
    net = Net(name)

    def call(x):
        sums = tf.scan(lambda state, row: tf.tanh(state * 0.5 + tf.matmul(row, net.w("kernel", 4, 4))), tf.transpose(x, [1, 0, 2]))
        mapped = tf.map_fn(lambda row: row * tf.reduce_sum(row), x[0])
        return {"sums": tf.transpose(sums, [1, 0, 2]), "mapped": mapped[None]}

    serve(name, call, [spec("x", 1, 6, 4)], {"x": floats(generator(name), 6, 4)}, "tf.scan and tf.map_fn: loops over lists", net)


def tf2_narrow_integers(name):
    def call(image, offset):
        mixed = image * tf.constant(3, tf.uint8) + tf.cast(offset, tf.uint8)
        wide = tf.cast(offset * 700, tf.int16) - tf.cast(image[:, :1], tf.int16)
        return {"mixed": mixed, "wide": tf.cast(wide, tf.float32) / 7.0, "signed": tf.cast(image, tf.int8)}

    rng = generator(name)
    data = {"image": integers(rng, 6, high=256, dtype=np.uint8), "offset": integers(rng, 6, high=4000)}
    serve(name, call, [spec("image", 1, 6, dtype=tf.uint8), spec("offset", 1, 6, dtype=tf.int32)], data, "uint8, int8 and int16 that go beyond their ranges")


def tf2_spectrogram(name):
    net = Net(name)

    def call(audio):
        power = tf.abs(tf.signal.stft(audio, 64, 32, 64)) ** 2
        mel = tf.matmul(power, tf.abs(net.w("mel/kernel", 33, 12)))
        level = tf.math.log(mel + 1e-2)
        return {"level": level, "loudness": tf.reduce_logsumexp(level, -1)}

    serve(name, call, [spec("audio", 1, 256)], {"audio": waves(generator(name), 256)}, "tf.signal.stft and log-sum-exp: RFFT, complex values", net, expect_tfjs={"refused": "UNSUPPORTED_OPERATOR", "operators": ["RFFT2D", "COMPLEX_ABS"]})


def tf2_instance_norm(name):
    net = Net(name)

    def call(image):
        x = tf.nn.conv2d(image, net.w("a/kernel", 3, 3, 2, 6), 1, "SAME")  # three groups
        x, _, _ = tf1.nn.fused_batch_norm(x, net.w("a/gamma", 6), net.w("a/beta", 6), is_training=True)
        x = tf.nn.local_response_normalization(tf.nn.leaky_relu(x), 2, 1.5, 0.7, 0.6)
        return {"image": tf.roll(x, [2, -1], [1, 2])}

    serve(name, call, [spec("image", 1, 8, 9, 6)], {"image": floats(generator(name), 8, 9, 6)}, "grouped convolution, batch norm by the picture itself, LRN, roll", net)


def tf2_matrices(name):
    net = Net(name)

    def call(x, y):
        product = tf.matmul(x, y[:, None])  # both sides have front axes of their own
        causal = tf.linalg.band_part(tf.matmul(x, x, adjoint_b=True), -1, 0)
        diagonal = tf.linalg.diag(tf.linalg.diag_part(causal)) + tf.linalg.band_part(causal, 1, 1)
        mixed = tf.einsum("...ij,jk->...ki", x, net.w("kernel", 3, 5))
        return {"product": product, "diagonal": diagonal, "mixed": mixed, "total": tf.einsum("bhij,bhij->b", x, x)}

    rng = generator(name)
    serve(name, call, [spec("x", 1, 2, 4, 3), spec("y", 1, 3, 5)], {"x": floats(rng, 2, 4, 3), "y": floats(rng, 3, 5)}, "matrices: broadcast, bands, diagonals, einsum with an ellipsis", net)


def tf2_places(name):
    def call(x, at):
        masked = x[:, ::-2, tf.newaxis, ..., 1]
        set_ = tf.tensor_scatter_nd_update(x[0], at[0][:, None], tf.ones([2, 4]) * 0.5)
        added = tf.tensor_scatter_nd_add(set_, [[1], [3], [1]], x[0, :3])
        picked = tf.gather(x, at, batch_dims=1, axis=1)
        kept = tf.boolean_mask(x, [True, False, True, True, False, True], axis=1)
        return {"masked": masked, "added": added[None], "picked": picked, "kept": kept, "turned": tf.reverse_sequence(x, [4], 1, 0), "hot": tf.matmul(tf.one_hot(at, 6, axis=1, on_value=2.0, off_value=-1.0), x, transpose_a=True)}

    rng = generator(name)
    at = np.stack([rng.permutation(6)[:2] for _ in range(SAMPLES)]).astype(np.int32)
    serve(name, call, [spec("x", 1, 6, 4), spec("at", 1, 2, dtype=tf.int32)], {"x": floats(rng, 6, 4), "at": at}, "masks of slices, scattered updates, gathers per batch, masks that are known", expect_tfjs={"refused": "UNSUPPORTED_OPERATOR", "operators": ["REVERSE_SEQUENCE"]})


def tf2_video(name):
    net = Net(name)

    def call(clip):
        x = tf.nn.relu(tf.nn.conv3d(clip, net.w("a/kernel", 2, 3, 3, 2, 4), [1, 1, 2, 2, 1], "SAME"))
        return {"clip": tf.nn.conv3d_transpose(x, net.w("b/kernel", 2, 2, 2, 3, 4), [1, 4, 8, 8, 3], [1, 1, 2, 2, 1], "SAME")}

    serve(name, call, [spec("clip", 1, 4, 8, 8, 2)], {"clip": floats(generator(name), 4, 8, 8, 2)}, "convolutions in three dimensions", net, expect_tfjs={"refused": "UNSUPPORTED_OPERATOR", "operators": ["CONV_3D_TRANSPOSE"]})


def tf2_signatures(name):
    net = Net(name)
    features = lambda x: tf.nn.relu(tf.matmul(x, net.w("body/kernel", 8, 16)))
    functions = {
        "serving_default": (lambda x: {"classes": tf.nn.softmax(tf.matmul(features(x), net.w("head/kernel", 16, 4)))}, [spec("x", 1, 8)]),
        "embed": (lambda x: {"embedding": tf.math.l2_normalize(features(x), -1)}, [spec("x", 1, 8)]),
    }
    store(name, net, functions, {"x": floats(generator(name), 8)}, "two signatures; serving_default is taken, the other one named")


def tf2_state_refused(name):
    net = Net(name)
    net.count = tf.Variable(0.0)

    def call(x):
        net.count.assign_add(1.0)
        return {"x": x + net.count}

    serve(name, call, [spec("x", 1, 4)], {"x": floats(generator(name), 4)}, "a variable that every run changes: refused", net, expect={"refused": "UNSUPPORTED_OPERATOR", "operators": ["VarHandleOp"]})


def tf1_training_switch(name):
    with tf.Graph().as_default() as graph, tf1.Session() as session:
        rng = generator(name + "/weights")
        x = tf1.placeholder(tf.float32, [1, 6, 6, 3], "x")
        training = tf1.placeholder_with_default(False, [], "training")
        kernel = tf.constant(random_weight(rng, "kernel", (3, 3, 3, 4)).astype(np.float32))
        y = tf.nn.conv2d(x, kernel, 1, "SAME")
        tf1.disable_control_flow_v2()
        with tf1.control_dependencies([tf1.assert_greater(tf.reduce_sum(x), -1e9)]):
            y = tf.identity(tf1.cond(training, lambda: tf.nn.dropout(y, 0.5), lambda: tf.identity(y)), name="y")
        tf1.enable_control_flow_v2()
        data = {"x": floats(generator(name), 6, 6, 3)}
        expected = np.stack([session.run(y, {x: data["x"][index : index + 1]})[0] for index in range(SAMPLES)])
        folder = fresh(name)
        (folder / "model.pb").write_bytes(graph.as_graph_def().SerializeToString(deterministic=True))
    keep(name, format="frozen-graph", file="model.pb", framework=f"{FRAMEWORK}, compat.v1", tests="dropout behind a switch that a placeholder with a default decides; a check to wait for", inputs=data, outputs={"y": expected})


run_from_command_line(
    [tf2_keras3_recurrent, tf2_keras2_recurrent, tf2_scan, tf2_narrow_integers, tf2_spectrogram, tf2_instance_norm, tf2_matrices, tf2_places, tf2_video, tf2_signatures, tf2_state_refused, tf1_training_switch]
)
