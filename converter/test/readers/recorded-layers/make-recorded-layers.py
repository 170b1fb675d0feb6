"""Small models of layers that tfjs-layers does not have, or means otherwise, with what Keras itself answers.

Needs TensorFlow 2.18 with keras 3 and tf-keras 2.18 (any newer pair does). Writes layers.jsonl (a model a line: config, names, shapes)
and layers.bin (little-endian float32: weights, inputs, outputs, one after the other) beside itself:

    python make-recorded-layers.py
"""
import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import keras as keras3
import numpy as np
import tensorflow as tf
import tf_keras as keras2

here = pathlib.Path(__file__).parent
random = np.random.default_rng(20)

image, planes, steps, volume = (9, 7, 4), (4, 9, 7), (6, 4), (5, 6, 7, 2)


def chain(k, shape, *layers, dtype="float32"):
    x = start = k.Input(shape, dtype=dtype)
    for layer in layers:
        x = layer(x)
    return k.Model(start, x)


def merged(k, shapes, call):
    inputs = [k.Input(shape) for shape in shapes]
    return k.Model(inputs, call(*inputs))


def both(k):
    """Cases that Keras 2 and Keras 3 have alike."""
    L = k.layers
    yield "Conv1D causal, dilated", chain(k, (9, 4), L.Conv1D(5, 3, padding="causal", dilation_rate=2, activation="relu"))
    yield "Conv1D grouped", chain(k, (9, 4), L.Conv1D(6, 3, groups=2))
    yield "Conv2D grouped", chain(k, image, L.Conv2D(6, 3, groups=2, padding="same", activation="swish"))
    yield "DepthwiseConv1D", chain(k, (9, 4), L.DepthwiseConv1D(3, depth_multiplier=2, padding="same"))
    yield "DepthwiseConv2D dilated", chain(k, image, L.DepthwiseConv2D(2, dilation_rate=2, activation="elu"))
    yield "SeparableConv1D", chain(k, (9, 4), L.SeparableConv1D(5, 3, depth_multiplier=2, activation="tanh"))
    yield "SeparableConv2D", chain(k, image, L.SeparableConv2D(5, 3, strides=2, padding="same"))
    yield "Conv1DTranspose", chain(k, (9, 4), L.Conv1DTranspose(3, 4, strides=2, padding="same"))
    yield "Conv1DTranspose valid", chain(k, (9, 4), L.Conv1DTranspose(3, 2, strides=3))
    yield "Conv2DTranspose, output_padding", chain(k, image, L.Conv2DTranspose(3, 3, strides=2, padding="same", output_padding=1))
    yield "Conv2D, 3 after pooling", chain(k, (16, 16, 3), L.Conv2D(4, 3), L.MaxPooling2D(), L.Flatten(), L.Dense(3, activation="softmax"))
    yield "ZeroPadding1D", chain(k, steps, L.ZeroPadding1D((1, 2)))
    yield "ZeroPadding3D", chain(k, volume, L.ZeroPadding3D(((1, 0), (0, 2), (1, 1))))
    yield "Cropping1D", chain(k, steps, L.Cropping1D((1, 2)))
    yield "Cropping3D", chain(k, volume, L.Cropping3D(((1, 1), (0, 2), (1, 0))))
    yield "UpSampling1D", chain(k, steps, L.UpSampling1D(3))
    yield "UpSampling2D bilinear", chain(k, image, L.UpSampling2D((2, 3), interpolation="bilinear"))
    yield "UpSampling3D", chain(k, volume, L.UpSampling3D((2, 1, 3)))
    yield "AveragePooling3D same", chain(k, volume, L.AveragePooling3D(2, padding="same"))
    yield "GlobalAveragePooling1D, keepdims", chain(k, steps, L.GlobalAveragePooling1D(keepdims=True))
    yield "GlobalAveragePooling3D", chain(k, volume, L.GlobalAveragePooling3D())
    yield "GlobalMaxPooling2D, keepdims", chain(k, image, L.GlobalMaxPooling2D(keepdims=True))
    yield "GlobalMaxPooling3D", chain(k, volume, L.GlobalMaxPooling3D())
    yield "BatchNormalization of axis 1", chain(k, planes, L.BatchNormalization(axis=1))
    yield "LayerNormalization of two axes", chain(k, image, L.LayerNormalization(axis=[2, 3]))
    yield "LayerNormalization of a middle axis", chain(k, image, L.LayerNormalization(axis=1))
    yield "GroupNormalization", chain(k, image, L.GroupNormalization(2))
    yield "GroupNormalization, one group a channel", chain(k, image, L.GroupNormalization(-1, center=False))
    yield "UnitNormalization", chain(k, steps, L.UnitNormalization())
    yield "UnitNormalization of two axes", chain(k, image, L.UnitNormalization(axis=[1, 3]))
    yield "Normalization, given", chain(k, steps, L.Normalization(mean=[1.0, 2, 3, 4], variance=[1.0, 4, 9, 0.5]))
    yield "Normalization, one number", chain(k, steps, L.Normalization(axis=None, mean=2.0, variance=3.0, invert=True))
    adapted = L.Normalization(axis=-1)
    adapted.adapt(random.normal(3, 2, (50, 6, 4)).astype("float32"))
    yield "Normalization, adapted", chain(k, steps, adapted)
    yield "Rescaling by channel", chain(k, image, L.Rescaling([1.0, 2, 3, 4], offset=[0.0, 1, 2, -1]))
    yield "Resizing", chain(k, image, L.Resizing(5, 11))
    yield "Resizing nearest", chain(k, image, L.Resizing(6, 5, interpolation="nearest"))
    yield "CenterCrop", chain(k, image, L.CenterCrop(4, 4))
    yield "RandomFlip, RandomRotation, RandomZoom, RandomContrast, RandomTranslation", chain(
        k, image, L.RandomFlip(), L.RandomRotation(0.1), L.RandomZoom(0.1), L.RandomContrast(0.1), L.RandomTranslation(0.1, 0.1), L.Dense(2))
    yield "Subtract", merged(k, [steps, steps], lambda a, b: L.Subtract()([a, b]))
    yield "Dot of rank 2 and 3", merged(k, [(3, 5), (4, 5)], lambda a, b: L.Dot((2, 2))([a, b]))
    yield "ELU, alpha", chain(k, steps, L.ELU(alpha=0.3))
    yield "ReLU, all parameters", chain(k, steps, L.ReLU(max_value=1.5, negative_slope=0.1, threshold=0.3))
    yield "ReLU, slope", chain(k, steps, L.ReLU(negative_slope=0.1))
    yield "PReLU, shared", chain(k, image, L.PReLU(shared_axes=[1, 2]))
    yield "LeakyReLU", chain(k, steps, L.LeakyReLU())
    yield "Softmax over rows", chain(k, image, L.Softmax(axis=1))
    yield "Softmax over two axes", chain(k, image, L.Softmax(axis=[1, 2]))
    yield "ActivityRegularization, GaussianNoise, GaussianDropout, AlphaDropout, SpatialDropout2D", chain(
        k, image, L.ActivityRegularization(), L.GaussianNoise(1.0), L.GaussianDropout(0.5), L.AlphaDropout(0.5), L.SpatialDropout2D(0.5), L.Dense(2))
    yield "SpatialDropout3D", chain(k, volume, L.SpatialDropout3D(0.5), L.Dense(2))
    yield "Identity", chain(k, steps, L.Identity(), L.Dense(2))
    yield "LSTM", chain(k, steps, L.LSTM(3))
    yield "LSTM, hard_sigmoid, backwards sequences", chain(k, steps, L.LSTM(3, recurrent_activation="hard_sigmoid", return_sequences=True, go_backwards=True))
    yield "LSTM states", k.Model(*(lambda x: (x, L.LSTM(3, return_sequences=True, return_state=True)(x)))(k.Input(steps)))
    yield "LSTM of given states", merged(k, [steps, (3,), (3,)], lambda x, h, c: L.LSTM(3)(x, initial_state=[h, c]))
    yield "GRU, reset after", chain(k, steps, L.GRU(3, return_sequences=True))
    yield "GRU, reset after, no bias", chain(k, steps, L.GRU(3, use_bias=False))
    yield "GRU, reset before", chain(k, steps, L.GRU(3, reset_after=False, recurrent_activation="hard_sigmoid"))
    yield "GRU of a given state", merged(k, [steps, (3,)], lambda x, h: L.GRU(3, return_sequences=True)(x, initial_state=h))
    yield "SimpleRNN", chain(k, steps, L.SimpleRNN(3, activation="relu"))
    yield "RNN of a cell", chain(k, steps, L.RNN(L.GRUCell(3), return_sequences=True))
    yield "RNN of cells, states", k.Model(*(lambda x: (x, L.RNN([L.LSTMCell(3), L.GRUCell(2), L.SimpleRNNCell(4)], return_state=True)(x)))(k.Input(steps)))
    yield "Bidirectional LSTM, states", k.Model(*(lambda x: (x, L.Bidirectional(L.LSTM(3, return_sequences=True, return_state=True))(x)))(k.Input(steps)))
    yield "Bidirectional GRU, sum", chain(k, steps, L.Bidirectional(L.GRU(3), merge_mode="sum"))
    yield "Bidirectional, apart", k.Model(*(lambda x: (x, L.Bidirectional(L.SimpleRNN(3, return_sequences=True), merge_mode=None)(x)))(k.Input(steps)))
    yield "Bidirectional, two layers", chain(k, steps, L.Bidirectional(L.LSTM(3), backward_layer=L.GRU(3, go_backwards=True)))
    yield "TimeDistributed of a model", chain(k, (3, 8, 8, 2), L.TimeDistributed(chain(k, (8, 8, 2), L.Conv2D(3, 3), L.Flatten(), L.Dense(4))), L.LSTM(2))
    yield "ConvLSTM1D", chain(k, (3, 9, 2), L.ConvLSTM1D(3, 3, return_sequences=True))
    yield "ConvLSTM2D", chain(k, (3, 6, 5, 2), L.ConvLSTM2D(2, 3, padding="same"))
    yield "Masking, LSTM sequences", chain(k, steps, L.Masking(0.0), L.LSTM(3, return_sequences=True))
    yield "Attention", merged(k, [(5, 4), (6, 4)], lambda q, v: L.Attention(use_scale=True)([q, v]))
    yield "Attention, causal", merged(k, [(5, 4), (5, 4), (5, 4)], lambda q, v, key: L.Attention()([q, v, key], use_causal_mask=True))
    yield "Attention, concat", merged(k, [(5, 4), (6, 4)], lambda q, v: L.Attention(score_mode="concat", use_scale=True)([q, v]))
    yield "AdditiveAttention", merged(k, [(5, 4), (6, 4)], lambda q, v: L.AdditiveAttention()([q, v]))
    yield "MultiHeadAttention", merged(k, [steps, (5, 3)], lambda q, v: L.MultiHeadAttention(2, 3)(q, v))
    yield "MultiHeadAttention, causal, value_dim, scores", merged(
        k, [steps], lambda q: L.MultiHeadAttention(2, 3, value_dim=5, output_shape=7)(q, q, use_causal_mask=True, return_attention_scores=True))
    yield "EinsumDense", chain(k, steps, L.EinsumDense("abc,cd->abd", (None, 5), bias_axes="d", activation="relu"))
    yield "EinsumDense, ellipsis", chain(k, image, L.EinsumDense("...x,xy->...y", 5, bias_axes="y"))
    yield "EinsumDense of two axes", chain(k, image, L.EinsumDense("abcd,cdef->abef", (9, 3, 2), bias_axes="ef"))
    yield "EinsumDense, other order", chain(k, steps, L.EinsumDense("abc,cd->adb", (5, 6)))
    for name in ["elu", "selu", "softplus", "softsign", "swish", "gelu", "tanh", "sigmoid", "exponential", "hard_sigmoid", "linear", "mish", "relu6", "softmax", "log_softmax", "leaky_relu"]:
        yield f"Activation {name}", chain(k, steps, L.Activation(name))
    yield "Dense, a layer as activation", chain(k, steps, L.Dense(3, activation=L.LeakyReLU()))
    x = k.Input(steps)
    transformer = L.LayerNormalization()(L.Add()([x, L.MultiHeadAttention(2, 4)(x, x)]))
    transformer = L.LayerNormalization()(L.Add()([transformer, L.Dense(4)(L.Dense(8, activation="gelu")(transformer))]))
    yield "a transformer block", k.Model(x, L.Dense(2)(L.GlobalAveragePooling1D()(transformer)))


def only3(k=keras3):
    L, ops = k.layers, k.ops
    for name in ["celu", "glu", "squareplus", "log_sigmoid", "hard_tanh", "tanh_shrink", "hard_shrink", "soft_shrink", "sparse_plus", "sparse_sigmoid", "hard_silu", "silu"]:
        yield f"Activation {name}", chain(k, steps, L.Activation(name))
    yield "RMSNormalization", chain(k, steps, L.RMSNormalization())
    yield "SpectralNormalization", chain(k, image, L.SpectralNormalization(L.Conv2D(3, 3)))
    yield "GroupQueryAttention", merged(k, [steps, (5, 4)], lambda q, v: L.GroupQueryAttention(3, 4, 2)(q, v))
    yield "GroupQueryAttention, causal", merged(k, [steps], lambda q: L.GroupQueryAttention(3, 4, 2)(q, q, use_causal_mask=True))
    if hasattr(L, "AdaptiveAveragePooling2D"):
        yield "AdaptiveAveragePooling2D", chain(k, (8, 6, 3), L.AdaptiveAveragePooling2D((4, 2)))
        yield "AdaptiveAveragePooling1D", chain(k, (8, 3), L.AdaptiveAveragePooling1D(2))
        yield "AdaptiveAveragePooling3D", chain(k, (4, 6, 4, 2), L.AdaptiveAveragePooling3D((2, 3, 2)))
        yield "AdaptiveMaxPooling2D", chain(k, (8, 6, 3), L.AdaptiveMaxPooling2D((4, 2)))
        yield "AdaptiveMaxPooling3D", chain(k, (4, 6, 4, 2), L.AdaptiveMaxPooling3D((2, 3, 2)))
        yield "AdaptiveMaxPooling1D", chain(k, (8, 3), L.AdaptiveMaxPooling1D(4))
    x = k.Input(steps)
    y = ops.reshape(x[:, 1:5] * 2.0 + 1.0, (-1, 16))
    y = ops.concatenate([y, 2.0 - y, ops.maximum(y, 0.5)], axis=-1)
    y = ops.expand_dims(ops.matmul(ops.reshape(y, (-1, 6, 8)), ops.transpose(ops.reshape(y, (-1, 6, 8)), (0, 2, 1))), -1)
    y = ops.squeeze(y, -1) / 3.0
    yield "operations of shape and sums", k.Model(x, [ops.softmax(y, axis=1), ops.sum(x, axis=[1], keepdims=True), ops.max(x, axis=-1), ops.min(x, axis=1), ops.mean(x, axis=1)])
    z = [ops.relu(x), ops.sigmoid(x), ops.tanh(x), ops.exp(x), ops.square(x), ops.absolute(x), ops.negative(x), ops.gelu(x), ops.silu(x), ops.softplus(x), ops.leaky_relu(x), ops.relu6(x * 4), ops.hard_sigmoid(x), ops.power(x, 2), ops.clip(x, -0.5, 0.25), ops.sin(x), ops.floor(x * 3), ops.log_softmax(x)]
    yield "operations of one value", k.Model(x, ops.concatenate(z, axis=-1))
    w = [ops.sqrt(ops.square(x) + 1.0), ops.rsqrt(ops.square(x) + 1.0), ops.log(ops.square(x) + 0.5), ops.reciprocal(ops.square(x) + 1.0), ops.tile(x, (1, 1, 2))[..., :4], ops.minimum(x, 0.1), ops.subtract(x, 0.3), ops.swapaxes(ops.swapaxes(x, 1, 2), 1, 2), ops.take(x, [3, 2, 1, 0], axis=2), ops.normalize(x, axis=-1), x[..., ::2][:, :, None, 0] + 0.0 * x]
    yield "more operations", k.Model(x, ops.stack(w, axis=1))
    q = k.Input((5, 4))
    yield "operations of two values", k.Model([x, q], [ops.einsum("btc,bsc->bts", x, q), ops.argmax(x, axis=-1)] + list(ops.split(x, 2, axis=-1)))
    yield "comparisons", k.Model(x, ops.where(ops.logical_and(ops.greater(x, -0.5), ops.less_equal(x, 0.7)), x, ops.where(ops.equal(x, 0), 1.0, 0.25 * x)))


def only2(k=keras2):
    L = k.layers
    x = k.Input(steps)
    y = tf.reshape(x[:, 1:5] * 2.0 + 1.0, (-1, 16))
    y = tf.concat([y, 2.0 - y, tf.maximum(y, 0.5)], axis=-1)
    y = tf.squeeze(tf.expand_dims(tf.matmul(tf.reshape(y, (-1, 6, 8)), tf.reshape(y, (-1, 6, 8)), transpose_b=True), -1), -1) / 3.0
    yield "tf functions", k.Model(x, [tf.nn.softmax(y), tf.reduce_sum(x, axis=[1], keepdims=True), tf.reduce_max(x, -1), tf.reduce_mean(x, 1), tf.nn.relu(x) + tf.math.tanh(x), tf.transpose(x, (0, 2, 1)), tf.clip_by_value(x, -0.5, 0.25), tf.nn.l2_normalize(x, -1), tf.stack([x, -x], axis=1), tf.math.sqrt(tf.math.square(x) + 1.0), tf.math.pow(x, 2.0)])
    yield "ThresholdedReLU", chain(k, steps, L.ThresholdedReLU(0.3))


def integers(k):
    L = k.layers
    yield "Embedding", chain(k, (7,), L.Embedding(10, 4), dtype="int32")
    yield "Embedding, mask, LSTM sequences, TimeDistributed", chain(
        k, (7,), L.Embedding(10, 4, mask_zero=True), L.LSTM(3, return_sequences=True), L.TimeDistributed(L.Dense(2)), dtype="int32")
    yield "Embedding, mask, Bidirectional GRU sequences", chain(
        k, (7,), L.Embedding(10, 4, mask_zero=True), L.Bidirectional(L.GRU(3, return_sequences=True)), dtype="int32")
    yield "Embedding, mask, Dropout, SimpleRNN", chain(
        k, (7,), L.Embedding(10, 4, mask_zero=True), L.Dropout(0.5), L.SimpleRNN(3), L.Dense(2), dtype="int32")
    yield "CategoryEncoding one-hot", chain(k, (1,), L.CategoryEncoding(10, output_mode="one_hot"), dtype="int32")
    yield "CategoryEncoding multi-hot", chain(k, (7,), L.CategoryEncoding(10), dtype="int32")


# What inference does not need; without it the file is a third of the size.
noise = ("_initializer", "_regularizer", "_constraint", "build_config", "compile_config", "registered_name", "trainable")


def lean(value):
    if isinstance(value, list):
        return [lean(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: lean(item) for key, item in value.items() if not key.endswith(noise)}


def main():
    cases, parts, at = [], [], 0

    def stored(array):
        nonlocal at
        flat = np.ascontiguousarray(array, dtype="<f4").reshape(-1)
        parts.append(flat)
        at += flat.size
        return {"shape": list(array.shape), "offset": at - flat.size}

    groups = [(keras3, both, False), (keras3, only3, False), (keras2, both, False), (keras2, only2, False), (keras3, integers, True), (keras2, integers, True)]
    for k, make, whole in groups:
        major = int(k.__version__.split(".")[0])
        for name, model in make(k):
            for variable in model.weights:
                if "seed" in variable.name or "count" in variable.name or "int" in str(variable.dtype):
                    continue
                shape, low = tuple(variable.shape), (0.1 if "variance" in variable.name else -0.6)
                if "adapted" not in name:
                    variable.assign(random.uniform(low, 0.8, shape).astype("float32"))
            inputs = []
            for tensor in model.inputs:
                shape = [1] + [int(size) for size in tensor.shape[1:]]
                values = random.integers(0, 10, shape) if whole else random.normal(0, 1, shape)
                if "Masking" in name:
                    values[0, 2:4] = 0
                if "mask" in name:
                    values[0, 4:] = 0
                inputs.append(values.astype("int32" if whole else "float32"))
            outputs = model.predict_on_batch(inputs if len(inputs) > 1 else inputs[0])
            outputs = tf.nest.flatten(outputs)
            config = json.loads(model.to_json())
            # Keras 2 names some weights without their layer.
            weights = [
                (path if "/" in path else f"{layer.name}/{path}", variable.numpy())
                for layer in model.layers
                for variable in layer.weights
                for path in [getattr(variable, "path", variable.name)]
                if "seed" not in path
            ]
            cases.append({
                "name": f"Keras {major}: {name}",
                "topology": {**lean({key: config[key] for key in ("class_name", "config")}), "keras_version": k.__version__},
                "weights": [{"name": path, **stored(array)} for path, array in weights],
                "inputs": [stored(array) for array in inputs],
                "outputs": [stored(np.asarray(array, dtype="float32")) for array in outputs],
            })
    lines = [json.dumps(case, separators=(",", ":")) + "\n" for case in cases]
    (here / "layers.jsonl").write_text("".join(lines))
    (here / "layers.bin").write_bytes(np.concatenate(parts).tobytes())
    print(len(cases), "cases", at * 4, "bytes")


main()
