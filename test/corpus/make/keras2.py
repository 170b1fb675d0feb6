"""Keras 2 models as `.h5`, with tf-keras: architecture, weights, and optimizer state where the model was compiled."""

import corpus
from corpus import floats, fresh, generator, integers, keep, randomize, run_from_command_line, waves

import h5py
import numpy as np
import tensorflow as tf
import tf_keras as keras
from tf_keras import layers

FRAMEWORK = f"tf-keras {keras.__version__} on TensorFlow {tf.__version__}"


def answers(model, data):
    """Outputs by name, one sample at a time: the batch dimension of an entry is 1."""
    names = model.output_names
    rows = {name: [] for name in names}
    for index in range(corpus.SAMPLES):
        row = model([tf.constant(array[index : index + 1]) for array in data.values()], training=False) if len(data) > 1 else model(
            tf.constant(next(iter(data.values()))[index : index + 1]), training=False
        )
        row = row if isinstance(row, (list, tuple)) else [row]
        for name, value in zip(names, row):
            rows[name].append(np.asarray(value)[0])
    return {name: np.stack(values) for name, values in rows.items()}


def store(name, model, data, tests, **options):
    randomize(model, name)
    folder = fresh(name)
    model.save(folder / "model.h5", include_optimizer=options.pop("optimizer", False))
    data = {input_name: array for input_name, array in zip(model.input_names, data)}
    keep(name, format="keras-h5", file="model.h5", framework=FRAMEWORK, tests=tests, inputs=data, outputs=answers(model, data), **options)


def keras2_cnn_plain(name):
    model = keras.Sequential(
        [
            layers.Conv2D(8, 3, padding="same", input_shape=(16, 16, 3), name="conv_a"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Conv2D(12, 3, activation="relu"),
            layers.AveragePooling2D(2),
            layers.Dropout(0.3),
            layers.Flatten(),
            layers.Dense(16, activation="tanh"),
            layers.Dense(5, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy")
    rng = generator(name)
    model.train_on_batch(floats(rng, 16, 16, 3), np.eye(5, dtype=np.float32)[integers(rng, high=5)])
    store(name, model, [floats(rng, 16, 16, 3)], "CNN with batch norm, pooling, dense; optimizer state in the file", optimizer=True)


def keras2_residual(name):
    entry = layers.Input((16, 16, 4), name="image")
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(entry)
    x = layers.BatchNormalization(scale=False)(x)
    x = layers.Activation("relu")(x)
    for width in (8, 12):
        shortcut = x if width == 8 else layers.Conv2D(width, 1, strides=2)(x)
        y = layers.Conv2D(width, 3, strides=1 if width == 8 else 2, padding="same")(x)
        y = layers.BatchNormalization()(y)
        y = layers.Activation("relu")(y)
        y = layers.Conv2D(width, 3, padding="same")(y)
        x = layers.Activation("relu")(layers.Add()([shortcut, y]))
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(6, name="logits")(x)
    store(name, keras.Model(entry, outputs), [floats(generator(name), 16, 16, 4)], "residual CNN, strides, shortcuts by 1x1")


def keras2_separable_dilated(name):
    entry = layers.Input((18, 18, 3))
    x = layers.SeparableConv2D(8, 3, depth_multiplier=2, padding="same", activation="relu")(entry)
    x = layers.DepthwiseConv2D(3, dilation_rate=2, depth_multiplier=1)(x)
    x = layers.Conv2D(8, 3, dilation_rate=(2, 2), padding="same", activation="elu")(x)
    x = layers.ZeroPadding2D(((1, 0), (2, 1)))(x)
    x = layers.SeparableConv2D(6, 3, strides=2)(x)
    x = layers.Cropping2D(1)(x)
    x = layers.GlobalMaxPooling2D()(x)
    store(name, keras.Model(entry, layers.Dense(4)(x)), [floats(generator(name), 18, 18, 3)], "separable, depthwise and dilated convolutions, padding, cropping")


def keras2_lstm_stack(name):
    model = keras.Sequential(
        [
            layers.LSTM(12, return_sequences=True, input_shape=(10, 6)),
            layers.LSTM(8, recurrent_activation="hard_sigmoid", go_backwards=True),
            layers.Dense(3, activation="softmax"),
        ]
    )
    store(name, model, [floats(generator(name), 10, 6)], "two LSTM layers, one backwards with hard_sigmoid")


def keras2_gru_bidirectional(name):
    entry = layers.Input((9, 5))
    x = layers.Bidirectional(layers.GRU(6, return_sequences=True), merge_mode="concat")(entry)
    x = layers.Bidirectional(layers.GRU(5, reset_after=False), merge_mode="sum")(x)
    y = layers.SimpleRNN(4)(entry)
    store(name, keras.Model(entry, layers.Dense(3)(layers.concatenate([x, y]))), [floats(generator(name), 9, 5)], "bidirectional GRU both ways of reset, SimpleRNN")


def keras2_shared_multi_io(name):
    left = layers.Input((12, 12, 2), name="left")
    right = layers.Input((12, 12, 2), name="right")
    tower = [layers.Conv2D(6, 3, activation="relu", name="shared_conv"), layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(8, name="shared_dense")]
    ends = []
    for x in (left, right):
        for layer in tower:
            x = layer(x)
        ends.append(x)
    distance = layers.Subtract()(ends)
    product = layers.Multiply()(ends)
    similarity = layers.Dot(axes=1, normalize=True, name="similarity")(ends)
    label = layers.Dense(3, activation="softmax", name="label")(layers.Concatenate()([distance, product]))
    rng = generator(name)
    store(name, keras.Model([left, right], [similarity, label]), [floats(rng, 12, 12, 2), floats(rng, 12, 12, 2)], "two inputs through shared layers, two outputs, Dot")


def keras2_nested(name):
    inner = keras.Sequential([layers.Conv2D(6, 3, padding="same", activation="relu", input_shape=(12, 12, 3)), layers.MaxPooling2D()], name="inner")
    middle_entry = layers.Input((12, 12, 3))
    middle = keras.Model(middle_entry, [inner(middle_entry), layers.GlobalAveragePooling2D()(middle_entry)], name="middle")
    entry = layers.Input((12, 12, 3), name="image")
    features, colour = middle(entry)
    x = layers.TimeDistributed(layers.Dense(4, activation="relu"))(layers.Reshape((6, 36))(features))
    x = layers.Flatten()(x)
    store(name, keras.Model(entry, layers.Dense(5)(layers.Concatenate()([x, colour]))), [floats(generator(name), 12, 12, 3)], "models in models, TimeDistributed")


def keras2_embedding(name):
    words = layers.Input((14,), dtype="int32", name="words")
    x = layers.Embedding(50, 8)(words)
    x = layers.Concatenate()([layers.GlobalAveragePooling1D()(x), layers.GlobalMaxPooling1D()(x)])
    store(name, keras.Model(words, layers.Dense(2, activation="sigmoid")(x)), [integers(generator(name), 14, high=50)], "integer input, embedding, pooling over time")


def keras2_audio_conv1d(name):
    entry = layers.Input((64, 2), name="audio")
    x = layers.Conv1D(8, 5, padding="causal", activation="relu")(entry)
    x = layers.Conv1D(8, 3, dilation_rate=4, padding="causal", activation="tanh")(x)
    x = layers.MaxPooling1D(2)(x)
    x = layers.SeparableConv1D(10, 3, padding="same")(x)
    x = layers.LeakyReLU(alpha=0.2)(x)
    x = layers.AveragePooling1D(4)(x)
    x = layers.Permute((2, 1))(x)
    x = layers.Flatten()(x)
    store(name, keras.Model(entry, layers.Dense(4)(x)), [waves(generator(name), 64, 2)], "causal and dilated 1-D convolutions, permute")


def keras2_dynamic_size(name):
    entry = layers.Input((None, None, 3), name="image")
    x = layers.Conv2D(6, 3, padding="same", strides=2)(entry)
    x = layers.PReLU(shared_axes=[1, 2])(x)
    x = layers.Conv2DTranspose(6, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    x = layers.Conv2D(3, 3, padding="same", activation="sigmoid", name="picture")(x)
    store(
        name,
        keras.Model(entry, x),
        [floats(generator(name), 10, 12, 3)],
        "dynamic height and width, PReLU, transpose convolution, bilinear upsampling",
        input_shapes={"image": (1, 10, 12, 3)},
    )


def keras2_activations(name):
    entry = layers.Input((24,), name="features")
    ends = []
    for kind in ("selu", "softplus", "softsign", "swish", "gelu", "hard_sigmoid", "exponential", "elu"):
        ends.append(layers.Dense(4, activation=kind)(entry))
    ends.append(layers.ReLU(max_value=4.0, negative_slope=0.1, threshold=0.0)(layers.Dense(4)(entry)))
    ends.append(layers.ThresholdedReLU(0.3)(layers.Dense(4)(entry)))
    ends.append(layers.LayerNormalization()(layers.Dense(4)(entry)))
    x = layers.Concatenate()(ends)
    x = layers.Maximum()([x, layers.RepeatVector(1)(layers.Dense(44)(entry))])
    store(name, keras.Model(entry, layers.Average()([x, x])), [floats(generator(name), 24)], "one dense layer for each activation, merges with broadcast")


def keras2_weights_only(name):
    model = keras.Sequential([layers.Dense(4, input_shape=(6,)), layers.Dense(2)])
    randomize(model, name)
    folder = fresh(name)
    model.save_weights(folder / "model.weights.h5")
    # tf-keras writes the form of Keras 3 for this ending; the old form has no architecture either
    (folder / "model.weights.h5").unlink()
    model.save_weights(folder / "weights.h5")
    with h5py.File(folder / "weights.h5") as file:
        assert "model_config" not in file.attrs
    keep(name, format="keras-h5", file="weights.h5", framework=FRAMEWORK, tests="weights without architecture: refused with the reason", expect={"refused": "FORMAT_WEIGHTS_ONLY", "operators": []})


def padded(rng, steps, high, count=corpus.SAMPLES):
    """Sentences of several lengths: zeros behind the last word."""
    words = rng.integers(1, high, (count, steps))
    return (words * (np.arange(steps) < rng.integers(1, steps + 1, (count, 1)))).astype("int32")


def keras2_text_masked(name):
    words = keras.Input((9,), dtype="int32", name="words")
    x = layers.Embedding(30, 8, mask_zero=True)(words)
    x = layers.LayerNormalization()(layers.add([x, layers.MultiHeadAttention(2, 4)(x, x)]))
    summed = layers.add([x, layers.Dense(8, activation="relu")(x)])
    attended = layers.Attention(use_scale=True)([summed, x])
    merged = layers.concatenate([layers.GlobalAveragePooling1D()(summed), layers.GlobalAveragePooling1D()(attended), layers.GRU(4)(attended)])
    store(name, keras.Model(words, layers.Dense(3)(merged)), [padded(generator(name), 9, 30)], "mask_zero through attention, merges, pooling and a recurrent layer")


run_from_command_line(
    [
        keras2_cnn_plain,
        keras2_residual,
        keras2_separable_dilated,
        keras2_lstm_stack,
        keras2_gru_bidirectional,
        keras2_shared_multi_io,
        keras2_nested,
        keras2_embedding,
        keras2_audio_conv1d,
        keras2_dynamic_size,
        keras2_activations,
        keras2_weights_only,
        keras2_text_masked,
    ]
)
