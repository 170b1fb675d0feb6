"""TensorFlow models converted to ONNX by tf2onnx: NHWC inputs between transposes, opsets 9 to 18; and files made with
the onnx package itself where no exporter writes the case. Outputs are TensorFlow's (or, for the latter, onnxruntime's)."""

import corpus
from corpus import SAMPLES, floats, fresh, generator, integers, keep, random_weight, run_from_command_line, waves

import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tf2onnx
from onnx import TensorProto, helper, numpy_helper

FRAMEWORK = f"tf2onnx {tf2onnx.__version__} from TensorFlow {tf.__version__}"


class Weights:
    def __init__(self, name):
        self.rng = generator(name + "/weights")
        self.table = {}

    def __call__(self, name, *shape):
        if name not in self.table:
            self.table[name] = tf.constant(random_weight(self.rng, name, shape).astype(np.float32))
        return self.table[name]


def store(name, call, data, outputs, opset, tests, batch=1, **options):
    specs = [tf.TensorSpec((batch, *array.shape[1:]), tf.as_dtype(array.dtype), name=key) for key, array in data.items()]
    function = tf.function(call, input_signature=specs)
    folder = fresh(name)
    model, _ = tf2onnx.convert.from_function(function, specs, opset=opset)
    names = [one.name for one in model.graph.output]
    assert len(names) == len(outputs), names
    # tf2onnx names outputs "Identity:0"; it keeps the order of the flattened results
    model.doc_string = ""
    (folder / "model.onnx").write_bytes(model.SerializeToString(deterministic=True))
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    rows = {key: [] for key in names}
    for index in range(SAMPLES):
        given = {key: array[index : index + 1] for key, array in data.items()}
        answer = tf.nest.flatten(function(*[tf.constant(array) for array in given.values()]))
        for key, value, other in zip(names, answer, session.run(names, given)):
            value = value.numpy()
            apart = np.abs(value - other).max() / max(np.abs(value).max(), 1e-6)
            assert apart < 5e-5, f"{key}: onnxruntime is {apart} from TensorFlow"
            rows[key].append(value[0])
    keep(name, format="onnx", file="model.onnx", framework=f"{FRAMEWORK}, opset {opset}", tests=tests, inputs=data, outputs={key: np.stack(values) for key, values in rows.items()}, **options)


def tf2onnx_mobilenet(name):
    w = Weights(name)

    def call(image):
        x = tf.nn.relu6(tf.nn.conv2d(image, w("stem/kernel", 3, 3, 3, 8), 2, "SAME") + w("stem/bias", 8))
        for level in range(2):
            y = tf.nn.relu6(tf.nn.conv2d(x, w(f"e{level}/kernel", 1, 1, 8, 16), 1, "SAME"))
            y = tf.nn.relu6(tf.nn.depthwise_conv2d(y, w(f"d{level}/depthwise_kernel", 3, 3, 16, 1), [1, 1, 1, 1], "SAME"))
            x = x + tf.nn.conv2d(y, w(f"p{level}/kernel", 1, 1, 16, 8), 1, "SAME")
        return tf.nn.softmax(tf.matmul(tf.reduce_mean(x, [1, 2]), w("head/kernel", 8, 5)))

    store(name, call, {"image": floats(generator(name), 20, 20, 3)}, ["scores"], 13, "NHWC input, inverted residuals, asymmetric padding of stride 2")


def tf2onnx_unet(name):
    w = Weights(name)

    def call(image):
        a = tf.nn.relu(tf.nn.conv2d(image, w("a/kernel", 3, 3, 2, 6), 1, "SAME"))
        b = tf.nn.relu(tf.nn.conv2d(tf.nn.max_pool2d(a, 2, 2, "SAME"), w("b/kernel", 3, 3, 6, 8), 1, "SAME"))
        up = tf.nn.conv2d_transpose(b, w("up/kernel", 2, 2, 6, 8), [1, 14, 14, 6], 2, "SAME")
        x = tf.concat([tf.image.resize(b, [14, 14]), up, a], -1)
        return tf.sigmoid(tf.nn.conv2d(x, w("c/kernel", 3, 3, 20, 2), 1, "SAME"))

    store(name, call, {"image": floats(generator(name), 14, 14, 2)}, ["mask"], 11, "U-Net: resize, transpose convolution, concat in NHWC")


def tf2onnx_audio(name):
    w = Weights(name)

    def call(audio):
        x = tf.pad(audio, [[0, 0], [6, 6]], "REFLECT")
        x = tf.nn.conv1d(x[..., None], w("bank/kernel", 12, 1, 8), 4, "VALID")
        x = tf.math.log(tf.square(x) + 1e-3)
        x = tf.nn.leaky_relu(tf.nn.conv1d(x, w("time/kernel", 3, 8, 6), 1, "SAME"), 0.1)
        return tf.reduce_max(x, 1), tf.reduce_mean(x, 1)

    store(name, call, {"audio": waves(generator(name), 90)}, ["largest", "mean"], 12, "audio: mirror pad, conv1d through Unsqueeze, log")


def tf2onnx_depth_to_space(name):
    w = Weights(name)

    def call(image):
        x = tf.nn.conv2d(tf.nn.space_to_depth(image, 2), w("a/kernel", 3, 3, 12, 16), 1, "SAME")
        x = tf.where(x > 0, x, x * w("alpha", 16))
        return tf.nn.depth_to_space(x, 2)

    store(name, call, {"image": floats(generator(name), 10, 10, 3)}, ["picture"], 9, "space-to-depth and back, PReLU by select")


def tf2onnx_attention(name):
    w = Weights(name)

    def call(tokens):
        q, k, v = (tf.matmul(tokens, w(f"{part}/kernel", 12, 12)) for part in "qkv")
        split = lambda x: tf.transpose(tf.reshape(x, [-1, 6, 3, 4]), [0, 2, 1, 3])
        mixed = tf.matmul(tf.nn.softmax(tf.matmul(split(q), split(k), transpose_b=True) * 0.5), split(v))
        x = tokens + tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [-1, 6, 12])
        mean, variance = tf.nn.moments(x, [-1], keepdims=True)
        x = (x - mean) * tf.math.rsqrt(variance + 1e-5) * w("n/gamma", 12) + w("n/beta", 12)
        return tf.nn.gelu(tf.matmul(x, w("f/kernel", 12, 5)), approximate=False)

    store(name, call, {"tokens": floats(generator(name), 6, 12)}, ["tokens"], 18, "attention, layer norm and GELU spelt out, dynamic batch", batch=None)


def store_made(name, graph, opset, data, tests, **options):
    """A file made with onnx.helper; onnxruntime gives the answers."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model)
    folder = fresh(name)
    (folder / "model.onnx").write_bytes(model.SerializeToString(deterministic=True))
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    names = [one.name for one in graph.output]
    rows = {key: [] for key in names}
    for index in range(SAMPLES):
        for key, value in zip(names, session.run(names, {key: array[index : index + 1] for key, array in data.items()})):
            rows[key].append(value[0])
    refused = "refused" in options.get("expect", {})
    outputs = None if refused else {key: np.stack(values) for key, values in rows.items()}
    keep(name, format="onnx", file="model.onnx", framework=f"onnx {onnx.__version__}, opset {opset}, run by onnxruntime {onnxruntime.__version__}", tests=tests, inputs=data, outputs=outputs, **options)


def constant(rng, name, *shape):
    return numpy_helper.from_array(random_weight(rng, name, shape).astype(np.float32), name)


def value(name, *shape, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def branch(name, operator):
    node = helper.make_node(operator, ["features"], [f"{name}_out"])
    return helper.make_graph([node], name, [], [value(f"{name}_out", 1, 6, 5, 5)])


def onnx_if_folds(name):
    """The condition asks for the rank of a tensor of known shape, as scripted PyTorch models do before a squeeze."""
    rng = generator(name + "/weights")
    nodes = [
        helper.make_node("Conv", ["image", "kernel", "bias"], ["features"], kernel_shape=[3, 3], strides=[2, 2]),
        helper.make_node("Shape", ["features"], ["shape"]),
        helper.make_node("Gather", ["shape", "one"], ["channels"]),
        helper.make_node("Equal", ["channels", "six"], ["isSix"]),
        helper.make_node("If", ["isSix"], ["chosen"], then_branch=branch("then", "Tanh"), else_branch=branch("else", "Relu")),
        helper.make_node("GlobalMaxPool", ["chosen"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["answer"]),
    ]
    weights = [constant(rng, "kernel", 6, 3, 3, 3), constant(rng, "bias", 6), numpy_helper.from_array(np.array(1, np.int64), "one"), numpy_helper.from_array(np.array(6, np.int64), "six")]
    graph = helper.make_graph(nodes, "net", [value("image", 1, 3, 12, 12)], [value("answer", 1, 6)], weights)
    store_made(name, graph, 16, {"image": floats(generator(name), 3, 12, 12)}, "If whose condition follows from shapes")


def onnx_if_refused(name):
    rng = generator(name + "/weights")
    nodes = [
        helper.make_node("Conv", ["image", "kernel", "bias"], ["features"], kernel_shape=[3, 3], strides=[2, 2]),
        helper.make_node("ReduceSum", ["image"], ["sum"], keepdims=0),
        helper.make_node("Greater", ["sum", "zero"], ["bright"]),
        helper.make_node("If", ["bright"], ["chosen"], then_branch=branch("then", "Tanh"), else_branch=branch("else", "Relu")),
        helper.make_node("NonZero", ["chosen"], ["places"]),
    ]
    weights = [constant(rng, "kernel", 6, 3, 3, 3), constant(rng, "bias", 6), numpy_helper.from_array(np.array(0, np.float32), "zero")]
    graph = helper.make_graph(nodes, "net", [value("image", 1, 3, 12, 12)], [value("chosen", 1, 6, 5, 5), value("places", 4, None, dtype=TensorProto.INT64)], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    folder = fresh(name)
    (folder / "model.onnx").write_bytes(model.SerializeToString(deterministic=True))
    keep(name, format="onnx", file="model.onnx", framework=f"onnx {onnx.__version__}, opset 13", tests="If on data and NonZero: both named in the refusal", expect={"refused": "UNSUPPORTED_OPERATOR", "operators": ["If", "NonZero"]})


def onnx_opset_7(name):
    rng = generator(name + "/weights")
    nodes = [
        helper.make_node("Conv", ["image", "kernel"], ["a"], kernel_shape=[3, 3], auto_pad="SAME_UPPER", strides=[2, 2]),
        helper.make_node("BatchNormalization", ["a", "gamma", "beta", "mean", "variance"], ["b"], epsilon=1e-3),
        helper.make_node("Clip", ["b"], ["c"], min=0.0, max=6.0),
        helper.make_node("Upsample", ["c"], ["d"], mode="nearest", scales=[1.0, 1.0, 2.0, 2.0]),
        helper.make_node("Pad", ["d"], ["e"], mode="constant", pads=[0, 0, 1, 0, 0, 0, 0, 1], value=0.5),
        helper.make_node("AveragePool", ["e"], ["f"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Dropout", ["f"], ["g"]),
        helper.make_node("Reshape", ["g", "flat"], ["h"]),
        helper.make_node("Gemm", ["h", "w", "offset"], ["answer"], alpha=0.5, beta=2.0, transB=1),
    ]
    weights = [
        constant(rng, "kernel", 6, 3, 3, 3),
        *[constant(rng, part, 6) for part in ("gamma", "beta", "mean")],
        numpy_helper.from_array(rng.uniform(0.5, 1.5, 6).astype(np.float32), "variance"),
        numpy_helper.from_array(np.array([1, -1], np.int64), "flat"),
        constant(rng, "w", 4, 294),
        constant(rng, "offset", 4),
    ]
    inputs = [value("image", 1, 3, 11, 11), *[value(one.name, *one.dims, dtype=one.data_type) for one in weights]]
    graph = helper.make_graph(nodes, "net", inputs, [value("answer", 1, 4)], weights)
    store_made(name, graph, 7, {"image": floats(generator(name), 3, 11, 11)}, "opset 7: Clip and Pad by attributes, Upsample, auto_pad, weights also listed as inputs")


run_from_command_line([tf2onnx_mobilenet, tf2onnx_unet, tf2onnx_audio, tf2onnx_depth_to_space, tf2onnx_attention, onnx_if_folds, onnx_if_refused, onnx_opset_7])
