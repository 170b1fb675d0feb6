"""`.tflite` files by TensorFlow's own converter: float, float16, dynamic range, int8, int16x8, several signatures, LSTM.
Answers are those of TensorFlow's interpreter, by the names of the signature; of quantized files with reference kernels."""

import corpus
from corpus import SAMPLES, floats, fresh, generator, integers, keep, random_weight, randomize, run_from_command_line, waves

import numpy as np
import tensorflow as tf
import tf_keras

layers = tf_keras.layers
FRAMEWORK = f"TensorFlow {tf.__version__}, TFLiteConverter"
# TensorFlow.js computes in float32: quantized files are refused there, by operator.
INTEGER_NET = ("ADD", "CONV_2D", "DEPTHWISE_CONV_2D", "DEQUANTIZE", "FULLY_CONNECTED", "MEAN", "QUANTIZE", "SOFTMAX")
# Kernels round differently: one step of 1/256 where the largest score is about a half.
ONE_STEP = 0.02


def refused(*operators):
    return {"refused": "UNSUPPORTED_OPERATOR", "operators": list(operators)}



def answers(content, data, reference=False):
    kind = tf.lite.experimental.OpResolverType.BUILTIN_REF if reference else tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = tf.lite.Interpreter(model_content=content, experimental_op_resolver_type=kind)
    key = next(iter(interpreter.get_signature_list()))
    runner = interpreter.get_signature_runner(key)
    rows = {}
    for index in range(SAMPLES):
        for name, value in runner(**{name: array[index : index + 1] for name, array in data.items()}).items():
            rows.setdefault(name, []).append(value[0].copy())
    return {name: np.stack(values) for name, values in rows.items()}


def store(name, converter, data, tests, **options):
    content = converter.convert()
    folder = fresh(name)
    (folder / "model.tflite").write_bytes(content)
    reference = options.pop("reference", False)
    if not options.pop("recorded", True):
        keep(name, format="tflite", file="model.tflite", framework=FRAMEWORK, tests=tests, **options)
        return
    keep(name, format="tflite", file="model.tflite", framework=FRAMEWORK, tests=tests, inputs=data, outputs=answers(content, data, reference), **options)


def from_keras(name, model, batch=1):
    randomize(model, name)
    specs = [tf.TensorSpec((batch, *one.shape[1:]), one.dtype, name=one.name) for one in model.inputs]

    @tf.function(input_signature=specs)
    def call(*inputs):
        results = model(inputs if len(inputs) > 1 else inputs[0], training=False)
        results = results if isinstance(results, (list, tuple)) else [results]
        return dict(zip(model.output_names, results))

    return tf.lite.TFLiteConverter.from_concrete_functions([call.get_concrete_function()], model)


def mobile_net(activation="relu6"):
    entry = layers.Input((20, 20, 3), name="image")
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(entry)
    x = layers.Activation(activation)(layers.BatchNormalization()(x))
    for _ in range(2):
        y = layers.DepthwiseConv2D(3, padding="same", activation=activation)(x)
        x = layers.Add()([x, layers.Conv2D(8, 1)(y)])
    x = layers.GlobalAveragePooling2D()(x)
    return tf_keras.Model(entry, layers.Dense(5, activation="softmax", name="scores")(x))


def hard_swish(x):
    return x * tf.nn.relu6(x + 3.0) / 6.0


def calibrated(converter, name, *shape):
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    rows = floats(generator(name + "/calibration"), *shape, count=32)
    converter.representative_dataset = lambda: ([row[None]] for row in rows)
    return converter


def tflite_float(name):
    store(name, from_keras(name, mobile_net(hard_swish)), {"image": floats(generator(name), 20, 20, 3)}, "float CNN with HARD_SWISH")


def tflite_float16(name):
    converter = from_keras(name, mobile_net())
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    store(name, converter, {"image": floats(generator(name), 20, 20, 3)}, "float16 constants behind DEQUANTIZE")


def tflite_dynamic_range(name):
    entry = layers.Input((16,), name="features")
    x = layers.Dense(96, activation="relu")(entry)
    x = layers.Dense(48, activation="relu")(x)
    model = tf_keras.Model(entry, layers.Dense(4, name="answer")(x))
    converter = from_keras(name, model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    store(name, converter, {"features": floats(generator(name), 16)}, "int8 weights, float activations (hybrid kernels)", golden_max_rel=0.01, expect_tfjs=refused("FULLY_CONNECTED"))


def tflite_int8(name):
    converter = calibrated(from_keras(name, mobile_net()), name, 20, 20, 3)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    store(name, converter, {"image": floats(generator(name), 20, 20, 3)}, "int8 inside, float ends", reference=True, golden_max_rel=ONE_STEP, expect_tfjs=refused(*INTEGER_NET))


def tflite_int8_ends(name):
    converter = calibrated(from_keras(name, mobile_net()), name, 20, 20, 3)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    store(name, converter, {"image": integers(generator(name), 20, 20, 3, high=256, dtype=np.uint8)}, "int8 inside, uint8 ends", reference=True, golden_max_rel=ONE_STEP, expect_tfjs=refused())


def tflite_int16x8(name):
    converter = calibrated(from_keras(name, mobile_net("relu")), name, 20, 20, 3)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]
    store(name, converter, {"image": floats(generator(name), 20, 20, 3)}, "int16 activations with int8 weights", reference=True, expect_tfjs=refused(*INTEGER_NET))


def tflite_signatures(name):
    class Two(tf.Module):
        def __init__(self):
            super().__init__()
            rng = generator(name + "/weights")
            self.kernel = tf.Variable(random_weight(rng, "kernel", (8, 6)).astype(np.float32))
            self.head = tf.Variable(random_weight(rng, "kernel", (6, 3)).astype(np.float32))

        @tf.function(input_signature=[tf.TensorSpec((1, 8), tf.float32, name="x")])
        def encode(self, x):
            return {"code": tf.tanh(tf.matmul(x, self.kernel))}

        @tf.function(input_signature=[tf.TensorSpec((1, 8), tf.float32, name="x"), tf.TensorSpec((1, 3), tf.float32, name="bias")])
        def classify(self, x, bias):
            return {"scores": tf.nn.softmax(tf.matmul(tf.tanh(tf.matmul(x, self.kernel)), self.head) + bias), "bias_out": bias * 2.0}

    module = Two()
    folder = fresh(name + "-saved")
    signatures = {"encode": module.encode.get_concrete_function(), "classify": module.classify.get_concrete_function()}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=["encode", "classify"])
    content = converter.convert()
    import shutil

    shutil.rmtree(folder)
    folder = fresh(name)
    (folder / "model.tflite").write_bytes(content)
    interpreter = tf.lite.Interpreter(model_content=content)
    # Which signature is the first subgraph is the file's business: answers are recorded for that one.
    first = interpreter.get_input_details()
    key = "encode" if len(first) == 1 else "classify"
    rng = generator(name)
    data = {"x": floats(rng, 8)} if key == "encode" else {"x": floats(rng, 8), "bias": floats(rng, 3)}
    runner = interpreter.get_signature_runner(key)
    rows = {}
    for index in range(SAMPLES):
        for output, value in runner(**{one: array[index : index + 1] for one, array in data.items()}).items():
            rows.setdefault(output, []).append(value[0].copy())
    keep(name, format="tflite", file="model.tflite", framework=FRAMEWORK, tests="two signatures over two subgraphs", inputs=data, outputs={one: np.stack(value) for one, value in rows.items()}, expect_tfjs={"refused": "UNSUPPORTED_FORMAT", "operators": []})


def tflite_lstm(name):
    entry = layers.Input((8, 5), batch_size=1, name="steps")
    x = layers.LSTM(6, return_sequences=True)(entry)
    x = layers.LSTM(4)(x)
    model = tf_keras.Model(entry, layers.Dense(3, name="answer")(x))
    store(name, from_keras(name, model), {"steps": floats(generator(name), 8, 5)}, "LSTM as UNIDIRECTIONAL_SEQUENCE_LSTM", expect_tfjs=refused("UNIDIRECTIONAL_SEQUENCE_LSTM"))


def tflite_segmentation(name):
    entry = layers.Input((16, 16, 3), name="image")
    a = layers.Conv2D(6, 3, padding="same", activation="relu")(entry)
    b = layers.Conv2D(8, 3, strides=2, padding="same", dilation_rate=1, activation="elu")(a)
    b = layers.Conv2D(8, 3, padding="same", dilation_rate=2)(b)
    b = layers.PReLU(shared_axes=[1, 2])(b)
    up = layers.Conv2DTranspose(6, 3, strides=2, padding="same")(b)
    wide = layers.UpSampling2D(2, interpolation="bilinear")(b)
    x = layers.Concatenate()([a, up, wide])
    mask = layers.Conv2D(2, 1, activation="softmax", name="mask")(x)
    pooled = layers.Dense(3, name="label")(layers.Flatten()(layers.MaxPooling2D(4)(layers.LeakyReLU(0.1)(x))))
    store(name, from_keras(name, tf_keras.Model(entry, [mask, pooled])), {"image": floats(generator(name), 16, 16, 3)}, "segmentation: TRANSPOSE_CONV, RESIZE_BILINEAR, PRELU, dilation, two outputs")


def tflite_attention(name):
    words = layers.Input((10,), dtype="int32", name="words")
    x = layers.Embedding(30, 12)(words)
    x = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(2, 6)(x, x)]))
    x = layers.Dense(8, activation="gelu")(x)
    model = tf_keras.Model(words, layers.Dense(3, name="answer")(layers.GlobalMaxPooling1D()(x)))
    store(name, from_keras(name, model), {"words": integers(generator(name), 10, high=30)}, "integer input, GATHER, BATCH_MATMUL, GELU, layer norm")


def tflite_heads(name):
    @tf.function(input_signature=[tf.TensorSpec((1, 12, 12, 4), tf.float32, name="image")])
    def call(image):
        rng = generator(name + "/weights")
        x = tf.nn.conv2d(image, tf.constant(random_weight(rng, "kernel", (3, 3, 4, 8)).astype(np.float32)), 2, "SAME")
        boxes, scores = tf.split(tf.reshape(x, [1, -1, 8]), 2, -1)
        low, high = tf.unstack(tf.reshape(boxes, [1, -1, 2, 2]), axis=2)
        values, places = tf.math.top_k(tf.reduce_max(scores, -1), 5)
        return {
            "boxes": tf.concat([low - tf.exp(high * 0.3), low + tf.exp(high * 0.3)], -1),
            "values": values,
            "places": places,
            "labels": tf.argmax(scores, -1, output_type=tf.int32),
            "depth": tf.nn.depth_to_space(x, 2),
        }

    converter = tf.lite.TFLiteConverter.from_concrete_functions([call.get_concrete_function()], tf.Module())
    store(name, converter, {"image": floats(generator(name), 12, 12, 4)}, "detection head: SPLIT, UNPACK, EXP, TOPK_V2, ARG_MAX, DEPTH_TO_SPACE")


def pruned(model, name, block, share):
    """Sets that share of the weights to zero, in blocks along the axis that the file has last."""
    rng = generator(name + "/pruning")
    for weight in model.weights:
        if weight.shape.rank < 2:
            continue
        rows = np.moveaxis(weight.numpy(), -1, 0)
        size = block if rows.shape[-1] % block == 0 else 1
        blocks = rows.reshape(*rows.shape[:-1], -1, size)
        kept = rng.uniform(size=(*blocks.shape[:-1], 1)) > share
        weight.assign(np.moveaxis((blocks * kept).reshape(rows.shape), 0, -1))
    return model


def sparse(name, model, block, share):
    """The converter stores as sparse what is pruned enough."""
    converter = from_keras(name, model)
    pruned(model, name, block, share)
    converter.optimizations = [tf.lite.Optimize.EXPERIMENTAL_SPARSITY]
    return converter


def dense_net():
    entry = layers.Input((32,), name="features")
    x = layers.Dense(48, activation="relu")(entry)
    x = layers.Dense(32, activation="relu")(x)
    return tf_keras.Model(entry, layers.Dense(4, name="answer")(x))


def tflite_sparse_block(name):
    converter = sparse(name, dense_net(), 4, 0.7)
    store(name, converter, {"features": floats(generator(name), 32)}, "weights stored sparse in blocks of 1x4, FULLY_CONNECTED on them")


def tflite_sparse_random(name):
    converter = sparse(name, mobile_net(), 1, 0.7)
    store(name, converter, {"image": floats(generator(name), 20, 20, 3)}, "weights stored sparse, each by its place, behind DENSIFY")


def tflite_sparse_int8(name):
    model = dense_net()
    converter = calibrated(sparse(name, model, 4, 0.7), name, 32)
    converter.optimizations = [tf.lite.Optimize.EXPERIMENTAL_SPARSITY, tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    store(name, converter, {"features": floats(generator(name), 32)}, "int8 weights stored sparse", reference=True, golden_max_rel=ONE_STEP, expect_tfjs=refused("DEQUANTIZE", "FULLY_CONNECTED", "QUANTIZE"))


def recurrent_net():
    entry = layers.Input((8, 5), batch_size=1, name="steps")
    x = layers.LSTM(6)(entry)
    return tf_keras.Model(entry, layers.Dense(3, name="answer")(x))


def tflite_lstm_int8(name):
    # Nothing recorded: the runtime of 2023 and TensorFlow's answer such a file differently, so each is compared with itself.
    converter = calibrated(from_keras(name, recurrent_net()), name, 8, 5)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    store(name, converter, {"steps": floats(generator(name), 8, 5)}, "int8 LSTM with its intermediate values and int16 state", recorded=False, expect_tfjs=refused("DEQUANTIZE", "FULLY_CONNECTED", "QUANTIZE", "STRIDED_SLICE", "UNIDIRECTIONAL_SEQUENCE_LSTM"))


def tflite_lstm_float16(name):
    converter = from_keras(name, recurrent_net())
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    store(name, converter, {"steps": floats(generator(name), 8, 5)}, "float16 LSTM, whose state the converter makes of float16 zeros", expect_tfjs=refused("UNIDIRECTIONAL_SEQUENCE_LSTM"))


def tflite_gru(name):
    entry = layers.Input((8, 5), name="steps")
    x = layers.GRU(6)(entry)
    model = tf_keras.Model(entry, layers.Dense(3, name="answer")(x))
    store(name, from_keras(name, model), {"steps": floats(generator(name), 8, 5)}, "GRU as a WHILE over three subgraphs", expect_tfjs=refused("WHILE"))


def from_module(module, key):
    """One signature of a module, its variables kept as variables."""
    import shutil

    folder = fresh("tflite-saved")
    tf.saved_model.save(module, str(folder), signatures={key: getattr(module, key).get_concrete_function()})
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=[key])
    converter.experimental_enable_resource_variables = True
    content = converter.convert()
    shutil.rmtree(folder)
    return content


class Kept:
    """What `store` takes for a converter, of a file that is made already."""

    def __init__(self, content):
        self.convert = lambda: content


def tflite_variables(name):
    class Counter(tf.Module):
        def __init__(self):
            super().__init__()
            self.kernel = tf.Variable(random_weight(generator(name + "/weights"), "kernel", (4, 3)).astype(np.float32))
            self.total = tf.Variable(np.zeros((1, 3), np.float32))

        @tf.function(input_signature=[tf.TensorSpec((1, 4), tf.float32, name="x")])
        def step(self, x):
            self.total.assign(self.total * 0.5 + tf.matmul(x, self.kernel))
            return {"total": self.total.read_value() * 1.0}

    store(name, Kept(from_module(Counter(), "step")), {"x": floats(generator(name), 4)}, "a variable that every run changes, carried", expect_tfjs=refused("ASSIGN_VARIABLE", "CALL_ONCE", "READ_VARIABLE", "VAR_HANDLE"))


def tflite_variables_read(name):
    from tensorflow.lite.python import schema_py_generated as schema
    import flatbuffers

    class Trained(tf.Module):
        def __init__(self):
            super().__init__()
            self.kernel = tf.Variable(random_weight(generator(name + "/weights"), "kernel", (4, 3)).astype(np.float32))

        @tf.function(input_signature=[tf.TensorSpec((1, 4), tf.float32, name="x"), tf.TensorSpec((4, 3), tf.float32, name="change")])
        def train(self, x, change):
            y = tf.nn.softmax(tf.matmul(x, self.kernel))
            self.kernel.assign_add(change)
            return {"scores": y}

    # The file of a net that learns, without what it learns by: its variable is set once and only read.
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(from_module(Trained(), "train"), 0))
    graph, signature = model.subgraphs[0], model.signatureDefs[0]
    assign = next(i for i, code in enumerate(model.operatorCodes) if code.builtinCode == schema.BuiltinOperator.ASSIGN_VARIABLE)
    change = next(one.tensorIndex for one in signature.inputs if one.name == b"change")
    graph.operators = [one for one in graph.operators if one.opcodeIndex != assign and change not in one.inputs]
    graph.inputs = [one for one in graph.inputs if one != change]
    signature.inputs = [one for one in signature.inputs if one.tensorIndex != change]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    store(name, Kept(bytes(builder.Output())), {"x": floats(generator(name), 4)}, "a variable that is set once and only read: a constant")


def tflite_dynamic_size(name):
    entry = layers.Input((None, None, 3), name="image")
    x = layers.Conv2D(6, 3, padding="same", activation="relu")(entry)
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    model = tf_keras.Model(entry, layers.Conv2D(2, 1, name="mask")(x))
    store(name, from_keras(name, model), {"image": floats(generator(name), 10, 14, 3)}, "dynamic height and width, sizes computed in the graph")


run_from_command_line(
    [tflite_float, tflite_float16, tflite_dynamic_range, tflite_int8, tflite_int8_ends, tflite_int16x8, tflite_signatures, tflite_lstm, tflite_segmentation, tflite_attention, tflite_heads,
     tflite_sparse_block, tflite_sparse_random, tflite_sparse_int8, tflite_lstm_int8, tflite_lstm_float16, tflite_gru,
     tflite_variables, tflite_variables_read, tflite_dynamic_size]
)
