"""TensorFlow 1 style: graphs with placeholders and variables, as SavedModel with a signature and as frozen GraphDef."""

import corpus
from corpus import SAMPLES, floats, fresh, generator, keep, random_weight, run_from_command_line, waves

import numpy as np
import tensorflow as tf

tf1 = tf.compat.v1
tf1.disable_v2_behavior()
FRAMEWORK = f"TensorFlow {tf.__version__}, compat.v1"


class Weights:
    """Variables with seeded values."""

    def __init__(self, name):
        self.rng = generator(name + "/weights")

    def __call__(self, name, *shape):
        value = random_weight(self.rng, name, shape).astype(np.float32)
        return tf1.get_variable(name, initializer=tf.constant(value), use_resource=False)


def run_rows(session, outputs, inputs, data):
    rows = {key: [] for key in outputs}
    for index in range(SAMPLES):
        feed = {inputs[key]: array[index : index + 1] for key, array in data.items()}
        for key, value in session.run(outputs, feed).items():
            rows[key].append(value[0])
    return {key: np.stack(values) for key, values in rows.items()}


def store_saved_model(name, build, data, tests, **options):
    with tf1.Graph().as_default(), tf1.Session() as session:
        inputs, outputs = build(Weights(name))
        session.run(tf1.global_variables_initializer())
        folder = fresh(name)
        signature = tf1.saved_model.predict_signature_def(inputs, outputs)
        builder = tf1.saved_model.Builder(str(folder / "model"))
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature})
        builder.save()
        expected = run_rows(session, outputs, inputs, data)
    keep(name, format="saved-model", file="model", framework=FRAMEWORK, tests=tests, inputs=data, outputs=expected, **options)


def store_frozen(name, build, data, tests, **options):
    with tf1.Graph().as_default() as graph, tf1.Session() as session:
        inputs, outputs = build(Weights(name))
        session.run(tf1.global_variables_initializer())
        expected = run_rows(session, outputs, inputs, data)
        names = [tensor.op.name for tensor in outputs.values()]
        frozen = tf1.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), names)
        folder = fresh(name)
        (folder / "model.pb").write_bytes(frozen.SerializeToString(deterministic=True))
    # A frozen graph has no signature: its ends go by the names of their nodes.
    data = {inputs[key].op.name: array for key, array in data.items()}
    expected = {outputs[key].op.name: array for key, array in expected.items()}
    keep(name, format="frozen-graph", file="model.pb", framework=FRAMEWORK, tests=tests, inputs=data, outputs=expected, **options)


def batch_norm(x, weights, name):
    channels = x.shape[-1]
    parts = [weights(f"{name}/{part}", channels) for part in ("gamma", "beta", "moving_mean", "moving_variance")]
    return tf1.nn.fused_batch_norm(x, *parts, epsilon=1e-3, is_training=False)[0]


def tf1_cnn(name):
    def build(weights):
        image = tf1.placeholder(tf.float32, (None, 16, 16, 3), "image")
        x = tf1.nn.conv2d(image, weights("a/kernel", 3, 3, 3, 8), [1, 2, 2, 1], "SAME")
        x = tf1.nn.relu6(batch_norm(x, weights, "bn"))
        x = tf1.nn.depthwise_conv2d(x, weights("b/depthwise_kernel", 3, 3, 8, 1), [1, 1, 1, 1], "SAME")
        x = tf1.nn.relu(tf1.nn.bias_add(x, weights("b/bias", 8)))
        x = tf1.nn.max_pool2d(x, 2, 2, "VALID")
        x = tf1.reshape(x, [-1, 4 * 4 * 8])
        logits = tf1.nn.xw_plus_b(x, weights("c/kernel", 128, 5), weights("c/bias", 5))
        return {"image": image}, {"scores": tf1.nn.softmax(logits, name="scores"), "logits": tf1.identity(logits, "logits")}

    store_saved_model(name, build, {"image": floats(generator(name), 16, 16, 3)}, "CNN with reference variables, fused batch norm, two outputs")


def tf1_shape_arithmetic(name):
    def build(weights):
        image = tf1.placeholder(tf.float32, (None, 12, 12, 4), "image")
        x = tf1.nn.conv2d(image, weights("a/kernel", 3, 3, 4, 8), 1, "SAME")
        shape = tf1.shape(x)
        small = tf1.nn.avg_pool2d(x, 2, 2, "SAME")
        large = tf1.image.resize_bilinear(small, shape[1:3], align_corners=True)
        x = tf1.nn.leaky_relu(x - large, 0.2)
        flat = tf1.reshape(x, tf1.stack([shape[0], shape[1] * shape[2], 8]))
        score = tf1.reduce_sum(flat * tf1.nn.softmax(flat, axis=1), axis=1)
        return {"image": image}, {"score": tf1.tanh(score, name="score")}

    store_saved_model(name, build, {"image": floats(generator(name), 12, 12, 4)}, "shape arithmetic, resize to a computed size, soft attention")


def tf1_frozen_ssd(name):
    def build(weights):
        image = tf1.placeholder(tf.float32, (1, 16, 16, 3), "normalized_image")
        x = tf1.nn.relu6(batch_norm(tf1.nn.conv2d(image, weights("a/kernel", 3, 3, 3, 8), 2, "SAME"), weights, "bn"))
        boxes, scores = [], []
        for level in range(2):
            x = tf1.nn.relu6(tf1.nn.conv2d(x, weights(f"l{level}/kernel", 3, 3, 8, 8), 2, "SAME"))
            box = tf1.nn.conv2d(x, weights(f"box{level}/kernel", 1, 1, 8, 8), 1, "SAME")
            score = tf1.nn.conv2d(x, weights(f"score{level}/kernel", 1, 1, 8, 6), 1, "SAME")
            boxes.append(tf1.reshape(box, [1, -1, 4]))
            scores.append(tf1.reshape(score, [1, -1, 3]))
        raw = tf1.concat(boxes, 1)
        y, x_, h, w = tf1.unstack(raw, axis=2)
        boxes = tf1.stack([y - tf1.exp(h * 0.2) / 2, x_ - tf1.exp(w * 0.2) / 2, y + tf1.exp(h * 0.2) / 2, x_ + tf1.exp(w * 0.2) / 2], axis=2, name="boxes")
        return {"image": image}, {"boxes": boxes, "scores": tf1.sigmoid(tf1.concat(scores, 1), name="scores")}

    store_frozen(name, build, {"image": floats(generator(name), 16, 16, 3)}, "frozen SSD-like head: reshape, concat, box arithmetic")


def tf1_frozen_lstm(name):
    def build(weights):
        steps = tf1.placeholder(tf.float32, (1, 6, 4), "steps")
        kernel, bias = weights("cell/kernel", 10, 24), weights("cell/bias", 24)
        state, output = tf1.zeros([1, 6]), tf1.zeros([1, 6])
        for step in tf1.unstack(steps, axis=1):
            gates = tf1.matmul(tf1.concat([step, output], 1), kernel) + bias
            i, j, f, o = tf1.split(gates, 4, 1)
            state = tf1.sigmoid(f + 1.0) * state + tf1.sigmoid(i) * tf1.tanh(j)
            output = tf1.sigmoid(o) * tf1.tanh(state)
        answer = tf1.matmul(output, weights("out/kernel", 6, 3), name="answer")
        return {"steps": steps}, {"answer": answer}

    store_frozen(name, build, {"steps": floats(generator(name), 6, 4)}, "frozen LSTM unrolled into split, sigmoid, tanh")


def tf1_frozen_audio(name):
    def build(weights):
        audio = tf1.placeholder(tf.float32, (1, 96), "audio")
        x = tf1.pad(audio, [[0, 0], [8, 8]], mode="REFLECT")
        x = tf1.reshape(x, [1, 112, 1, 1])
        x = tf1.nn.conv2d(x, weights("filters/kernel", 16, 1, 1, 10), [1, 4, 1, 1], "VALID")
        power = tf1.square(tf1.squeeze(x, [2]))
        x = tf1.log(tf1.maximum(power, 1e-6)) * (1 / np.log(10.0))
        x = x - tf1.reduce_max(x, axis=[1, 2], keepdims=True)
        x = tf1.nn.conv1d(x, weights("time/kernel", 3, 10, 8), 1, "SAME")
        return {"audio": audio}, {"frames": tf1.nn.elu(x, name="frames")}

    store_frozen(name, build, {"audio": waves(generator(name), 96)}, "frozen audio front end: mirror pad, filter bank, log")


def tf1_control_flow(name):
    def build(weights):
        x = tf1.placeholder(tf.float32, (1, 8), "x")
        a, b = weights("a/kernel", 8, 4), weights("b/kernel", 8, 4)
        tf1.disable_control_flow_v2()
        small = tf1.cond(tf1.reduce_sum(x) > 0.0, lambda: tf1.matmul(x, a), lambda: tf1.matmul(x, b))
        return {"x": x}, {"answer": tf1.identity(small, "answer")}

    store_frozen(
        name,
        build,
        {"x": floats(generator(name), 8)},
        "a condition on data, as Switch and Merge: refused",
        expect={"refused": "UNSUPPORTED_OPERATOR", "operators": ["Merge", "Switch"]},
    )


run_from_command_line([tf1_cnn, tf1_shape_arithmetic, tf1_frozen_ssd, tf1_frozen_lstm, tf1_frozen_audio, tf1_control_flow])
