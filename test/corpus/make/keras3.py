"""Keras 3 models as `.keras`, and as the legacy `.h5` that Keras 3 still writes."""

import corpus
from corpus import floats, fresh, generator, integers, keep, randomize, run_from_command_line, waves

import keras
import numpy as np
import tensorflow as tf
from keras import layers

FRAMEWORK = f"Keras {keras.__version__} on TensorFlow {tf.__version__}"


def answers(model, data):
    """Outputs by name of the layer (with a number where a layer gives several), one sample at a time."""
    names = getattr(model, "output_names", None) or [model.layers[-1].name]
    rows = {name: [] for name in names}
    for index in range(corpus.SAMPLES):
        given = [tf.constant(array[index : index + 1]) for array in data]
        row = model(given if len(given) > 1 else given[0], training=False)
        row = row if isinstance(row, (list, tuple)) else [row]
        for name, value in zip(names, row):
            rows[name].append(np.asarray(value)[0])
    return {name: np.stack(values) for name, values in rows.items()}


def store(name, model, data, tests, extension="keras", **options):
    randomize(model, name)
    folder = fresh(name)
    model.save(folder / f"model.{extension}")
    inputs = {tensor._keras_history.operation.name: array for tensor, array in zip(model.inputs, data)}
    format = "keras-v3" if extension == "keras" else "keras-h5"
    keep(name, format=format, file=f"model.{extension}", framework=FRAMEWORK, tests=tests, inputs=inputs, outputs=answers(model, data), **options)


def inverted_residual(x, width, stride, expansion=3, activation="relu6", squeeze=False):
    entry = x
    hidden = x.shape[-1] * expansion
    x = layers.Conv2D(hidden, 1, use_bias=False)(x)
    x = layers.Activation(activation)(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(x)
    x = layers.Activation(activation)(layers.BatchNormalization()(x))
    if squeeze:
        gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
        gate = layers.Conv2D(max(4, hidden // 4), 1, activation="relu")(gate)
        gate = layers.Conv2D(hidden, 1, activation="hard_sigmoid")(gate)
        x = layers.Multiply()([x, gate])
    x = layers.BatchNormalization()(layers.Conv2D(width, 1, use_bias=False)(x))
    return layers.Add()([entry, x]) if stride == 1 and entry.shape[-1] == width else x


def keras3_mobilenet_v2(name):
    entry = keras.Input((24, 24, 3), name="image")
    x = layers.Rescaling(1 / 0.5, offset=-0.25)(entry)
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.ReLU(max_value=6.0)(layers.BatchNormalization()(x))
    for width, stride in ((8, 1), (10, 2), (10, 1)):
        x = inverted_residual(x, width, stride)
    x = layers.GlobalAveragePooling2D()(x)
    store(name, keras.Model(entry, layers.Dense(5, activation="softmax")(x)), [floats(generator(name), 24, 24, 3)], "inverted residuals as in MobileNetV2, rescaling")


def keras3_hard_swish_se(name):
    entry = keras.Input((20, 20, 3), name="image")
    x = layers.Conv2D(8, 3, strides=2, padding="same")(entry)
    x = layers.Activation("hard_silu")(layers.BatchNormalization()(x))
    for width, stride in ((8, 1), (12, 2)):
        x = inverted_residual(x, width, stride, 2, "hard_silu", squeeze=True)
    x = layers.GlobalAveragePooling2D()(x)
    store(name, keras.Model(entry, layers.Dense(5)(x)), [floats(generator(name), 20, 20, 3)], "squeeze and excite, hard-swish as in MobileNetV3")


def keras3_transformer_encoder(name):
    entry = keras.Input((12, 16), name="tokens")
    attended = layers.MultiHeadAttention(num_heads=2, key_dim=8)(entry, entry)
    x = layers.LayerNormalization(epsilon=1e-6)(layers.Add()([entry, attended]))
    y = layers.Dense(24, activation="gelu")(x)
    y = layers.Dense(16)(layers.Dropout(0.1)(y))
    x = layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, y]))
    store(name, keras.Model(entry, layers.Dense(4)(layers.GlobalAveragePooling1D()(x))), [floats(generator(name), 12, 16)], "transformer encoder block: multi-head attention, layer norm, GELU")


def keras3_unet(name):
    entry = keras.Input((16, 16, 2), name="image")
    a = layers.Conv2D(6, 3, padding="same", activation="relu")(entry)
    b = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.MaxPooling2D()(a))
    c = layers.Conv2D(10, 3, padding="same", activation="relu")(layers.MaxPooling2D()(b))
    x = layers.Conv2DTranspose(8, 2, strides=2)(c)
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.Concatenate()([x, b]))
    x = layers.UpSampling2D(2, interpolation="nearest")(x)
    x = layers.Conv2D(6, 3, padding="same", activation="relu")(layers.Concatenate()([x, a]))
    store(name, keras.Model(entry, layers.Conv2D(2, 1, activation="softmax", name="mask")(x)), [floats(generator(name), 16, 16, 2)], "U-Net: transpose convolution, skip connections, upsampling")


def keras3_bidirectional_lstm(name):
    entry = keras.Input((10, 5), name="steps")
    x = layers.Bidirectional(layers.LSTM(6, return_sequences=True))(entry)
    x = layers.GRU(7)(x)
    store(name, keras.Model(entry, layers.Dense(3, activation="sigmoid")(x)), [floats(generator(name), 10, 5)], "bidirectional LSTM, GRU")


def keras3_group_norm(name):
    entry = keras.Input((12, 12, 4), name="image")
    x = layers.Conv2D(8, 3, padding="same")(entry)
    x = layers.GroupNormalization(groups=4)(x)
    x = layers.Activation("silu")(x)
    x = layers.Conv2D(8, 3, strides=2, padding="same")(x)
    x = layers.GroupNormalization(groups=-1)(x)
    x = layers.LeakyReLU(negative_slope=0.1)(x)
    x = layers.UnitNormalization()(layers.GlobalAveragePooling2D()(x))
    store(name, keras.Model(entry, layers.Dense(3)(x)), [floats(generator(name), 12, 12, 4)], "group norm, instance norm, unit norm, SiLU")


def keras3_nested_shared(name):
    inner_entry = keras.Input((10, 10, 2))
    inner = keras.Model(inner_entry, layers.Flatten()(layers.Conv2D(5, 3, activation="relu")(inner_entry)), name="tower")
    left, right = keras.Input((10, 10, 2), name="left"), keras.Input((10, 10, 2), name="right")
    a, b = inner(left), inner(right)
    head = keras.Sequential([layers.Dense(6, activation="relu"), layers.Dense(3)], name="head")
    difference = head(layers.Subtract()([a, b]))
    both = layers.Softmax(name="class")(head(layers.Maximum()([a, b])))
    rng = generator(name)
    store(name, keras.Model([left, right], [difference, both]), [floats(rng, 10, 10, 2), floats(rng, 10, 10, 2)], "a nested model and a nested Sequential, both called twice; two outputs")


def keras3_grouped_dilated(name):
    entry = keras.Input((14, 14, 8), name="image")
    x = layers.Conv2D(12, 3, groups=4, padding="same", activation="relu")(entry)
    x = layers.Conv2D(8, 3, dilation_rate=2, padding="same")(x)
    x = layers.PReLU(shared_axes=[1, 2])(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, dilation_rate=2)(x)
    x = layers.SeparableConv2D(6, 3)(x)
    store(name, keras.Model(entry, layers.Dense(4)(layers.GlobalMaxPooling2D()(x))), [floats(generator(name), 14, 14, 8)], "grouped, dilated, depthwise and separable convolutions")


def keras3_audio_conv1d(name):
    entry = keras.Input((80, 1), name="audio")
    x = layers.ZeroPadding1D(3)(entry)
    x = layers.Conv1D(8, 7, strides=2)(x)
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv1D(5, padding="same")(x)
    x = layers.Conv1D(12, 1, activation="selu")(x)
    x = layers.Conv1DTranspose(6, 4, strides=2, padding="same")(x)
    x = layers.Cropping1D((1, 1))(x)
    x = layers.GlobalAveragePooling1D()(x)
    store(name, keras.Model(entry, layers.Dense(4)(x)), [waves(generator(name), 80, 1)], "1-D convolutions: strided, depthwise, transposed")


def keras3_embedding(name):
    words = keras.Input((16,), dtype="int32", name="words")
    positions = layers.Embedding(60, 8, name="word_table")(words)
    x = layers.Conv1D(8, 3, padding="same", activation="relu")(positions)
    x = layers.Attention()([x, x])
    store(name, keras.Model(words, layers.Dense(3, activation="softmax")(layers.GlobalMaxPooling1D()(x))), [integers(generator(name), 16, high=60)], "integer input, embedding, dot-product attention")


def keras3_operators(name):
    """Keras 3 lets a functional model use plain operations between layers."""
    entry = keras.Input((8, 8, 4), name="image")
    x = layers.Conv2D(6, 3, padding="same")(entry)
    x = keras.ops.relu(x) * 0.5 + 0.1
    x = keras.ops.concatenate([x, keras.ops.mean(x, axis=-1, keepdims=True)], axis=-1)
    x = keras.ops.reshape(x, (-1, 64, 7))
    x = keras.ops.transpose(x, (0, 2, 1))
    store(name, keras.Model(entry, layers.Dense(3)(layers.Flatten()(x))), [floats(generator(name), 8, 8, 4)], "plain operations between layers")


def keras3_dynamic(name):
    entry = keras.Input((None, None, 3), name="image")
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(entry)
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    x = layers.Conv2D(3, 3, padding="same", name="picture")(x)
    store(name, keras.Model(entry, x), [floats(generator(name), 9, 7, 3)], "dynamic height and width", input_shapes={"image": (1, 9, 7, 3)})


def keras3_h5_cnn(name):
    entry = keras.Input((14, 14, 3), name="image")
    x = layers.Conv2D(6, 3, activation="relu")(entry)
    x = layers.BatchNormalization()(x)
    x = layers.Conv2D(6, 3, padding="same")(x)
    x = layers.Add()([x, layers.Conv2D(6, 1, strides=1)(x)])
    x = layers.Flatten()(layers.AveragePooling2D(3)(x))
    store(name, keras.Model(entry, layers.Dense(4, activation="softmax")(x)), [floats(generator(name), 14, 14, 3)], "CNN in the legacy HDF5 form as Keras 3 writes it", extension="h5")


def keras3_h5_lstm(name):
    model = keras.Sequential([keras.Input((8, 4)), layers.LSTM(7, return_sequences=True), layers.LayerNormalization(), layers.GRU(5), layers.Dense(2)])
    store(name, model, [floats(generator(name), 8, 4)], "Sequential of recurrent layers in the legacy HDF5 form", extension="h5")


def calls_of_nested(name, extension):
    """Calls whose numbers matter: a nested model called twice, its results crosswise, by name; a layer on two levels."""
    a, b = keras.Input((5,), name="a"), keras.Input((5,), name="b")
    inner = keras.Model({"u": a, "v": b}, {"sum": layers.Subtract()([a, b]), "product": layers.Multiply()([layers.Dense(5)(a), b])}, name="inner")
    x, y = keras.Input((5,), name="x"), keras.Input((5,), name="y")
    shared = layers.Dense(5, activation="tanh", name="shared")
    c = keras.Input((5,))
    tower = keras.Model(c, shared(shared(c)), name="tower")
    first = inner({"v": shared(x), "u": y})
    second = inner({"u": first["product"], "v": tower(first["sum"])})
    model = keras.Model([x, y], [layers.Concatenate(name="both")([second["product"], tower(second["sum"])]), first["product"]])
    rng = generator(name)
    store(name, model, [floats(rng, 5), floats(rng, 5)], "a nested model called twice by name, its first result an output; a layer shared across levels", extension=extension)


def keras3_nested_calls(name):
    calls_of_nested(name, "keras")


def keras3_h5_nested_calls(name):
    calls_of_nested(name, "h5")


def operations_like_layers(name, extension):
    """Operations whose classes are called as layers are; `.h5` files do not say which is which."""
    x = keras.Input((4, 6), name="x")
    y = keras.ops.minimum(x * np.linspace(0.5, 2, 6).astype("float32") + 0.25, 0.7)
    z = keras.ops.reshape(keras.ops.maximum(1.0 - y, y), (-1, 6, 4))
    z = keras.ops.concatenate([z, keras.ops.flip(z, axis=1)], axis=-1)
    z = keras.ops.pad(z, ((0, 0), (1, 2), (0, 0)), constant_values=0.5)
    z = layers.Activation(layers.LeakyReLU(negative_slope=0.2))(z - 0.1)
    spread = keras.ops.std(z, axis=1) + keras.ops.logsumexp(z, axis=1)
    parts = keras.ops.split(spread, [3, 5], axis=-1)
    out = keras.ops.concatenate([keras.ops.log1p(keras.ops.abs(parts[0])), keras.ops.roll(parts[1], 1, axis=1), parts[2] // 0.5, parts[2] % 0.5], axis=-1)
    store(name, keras.Model(x, out), [floats(generator(name), 4, 6)], "operations that have the names of layers, and rarer ones", extension=extension)


def keras3_rare_operations(name):
    operations_like_layers(name, "keras")


def keras3_h5_operations(name):
    operations_like_layers(name, "h5")


def keras3_wrappers(name):
    entry = keras.Input((5,))
    block = keras.Model(entry, layers.Dense(6)(layers.Dense(4, activation="relu")(entry)))
    x = keras.Input((3, 4, 5), name="x")
    y = layers.TimeDistributed(layers.TimeDistributed(block))(x)
    y = layers.SpectralNormalization(layers.Conv2D(6, 2, padding="same"))(y)
    y = layers.Reshape((12, 6))(layers.BatchNormalization(renorm=True)(y))
    y = layers.GroupQueryAttention(head_dim=3, num_query_heads=4, num_key_value_heads=2)(y, y, use_causal_mask=True)
    store(name, keras.Model(x, layers.Dense(3)(y)), [floats(generator(name), 3, 4, 5)], "a wrapper in a wrapper around a model, spectral and renormalization, grouped-query attention")


def keras3_quantized(name):
    model = keras.Sequential([keras.Input((8,)), layers.Dense(6, activation="relu"), layers.Dense(4)])
    randomize(model, name)
    model.quantize("int8")
    folder = fresh(name)
    model.save(folder / "model.keras")
    keep(name, format="keras-v3", file="model.keras", framework=FRAMEWORK, tests="layers that Keras itself quantized: refused by name", expect={"refused": "UNSUPPORTED_LAYER", "operators": ["Dense"]})


def padded(rng, steps, high, count=corpus.SAMPLES):
    """Sentences of several lengths: zeros behind the last word."""
    words = rng.integers(1, high, (count, steps))
    return (words * (np.arange(steps) < rng.integers(1, steps + 1, (count, 1)))).astype("int32")


def masked_encoder():
    """Two blocks: Keras 3's MultiHeadAttention takes the mask from what it reads, so the second one has none."""
    words = keras.Input((9,), dtype="int32", name="words")
    x = layers.Embedding(30, 8, mask_zero=True)(words)
    for _ in range(2):
        x = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(2, 4)(x, x)]))
        x = layers.LayerNormalization()(layers.Add()([x, layers.Dense(8)(layers.Dense(12, activation="gelu")(x))]))
    return keras.Model(words, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))


def keras3_text_masked(name):
    store(name, masked_encoder(), [padded(generator(name), 9, 30)], "mask_zero through two transformer blocks into the mean")


def keras3_h5_text_masked(name):
    store(name, masked_encoder(), [padded(generator(name), 9, 30)], "the same as HDF5, where the masks' operations have no module", extension="h5")


def keras3_masked_merges(name):
    rng = generator(name)
    entries = [keras.Input((7,), dtype="int32", name=side) for side in ("left", "right")]
    values = [layers.Embedding(20, 6, mask_zero=True)(entry) for entry in entries]
    merged = [merge()(values) for merge in (layers.Maximum, layers.Minimum, layers.Multiply, layers.Concatenate)]
    attended = layers.Attention()(values)
    x = layers.Concatenate()([layers.GlobalAveragePooling1D()(value) for value in [*merged, attended]] + [layers.LSTM(3)(merged[3])])
    store(name, keras.Model(entries, x), [padded(rng, 7, 20), padded(rng, 7, 20)], "masks of two values merged: maximum, minimum, product, concatenation, attention")


def keras3_given_masks(name):
    rng = generator(name)
    query, value = keras.Input((5, 6), name="query"), keras.Input((4, 6), name="value")
    pairs, steps = keras.Input((5, 4), dtype="bool", name="pairs"), keras.Input((4,), dtype="bool", name="steps")
    outputs = [
        layers.MultiHeadAttention(2, 3)(query, value, attention_mask=pairs, use_causal_mask=True),
        layers.MultiHeadAttention(2, 3, dropout=0.1)(query, value, attention_mask=pairs),
        layers.Attention()([query, value], mask=[None, steps]),
        layers.Softmax()(layers.Dense(4)(query), mask=pairs),
    ]
    masks = [rng.integers(0, 2, (corpus.SAMPLES, 5, 4)) > 0, (rng.integers(0, 2, (corpus.SAMPLES, 4)) > 0) | (np.arange(4) == 0)]
    store(name, keras.Model([query, value, pairs, steps], outputs), [floats(rng, 5, 6), floats(rng, 4, 6), *masks], "boolean masks as inputs, some with nothing left for a query")


run_from_command_line(
    [
        keras3_mobilenet_v2,
        keras3_hard_swish_se,
        keras3_transformer_encoder,
        keras3_unet,
        keras3_bidirectional_lstm,
        keras3_group_norm,
        keras3_nested_shared,
        keras3_grouped_dilated,
        keras3_audio_conv1d,
        keras3_embedding,
        keras3_operators,
        keras3_dynamic,
        keras3_h5_cnn,
        keras3_h5_lstm,
        keras3_nested_calls,
        keras3_h5_nested_calls,
        keras3_rare_operations,
        keras3_h5_operations,
        keras3_wrappers,
        keras3_quantized,
        keras3_text_masked,
        keras3_h5_text_masked,
        keras3_masked_merges,
        keras3_given_masks,
    ]
)
