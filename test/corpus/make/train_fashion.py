"""Nets trained on Fashion-MNIST, as `.keras`: what a quantizer does to a net shows only where the net has learnt something.

    python train_fashion.py [NAME…]      FASHION_MNIST=FOLDER where the four idx files are not where Debian puts them

The data is Debian's package dataset-fashion-mnist (MIT, Zalando); `apt-get download` and `dpkg -x` do without root.
One thread, fixed seeds, deterministic kernels: the same machine and versions train the same net. Learning takes 2 to 6
minutes a net. Batch normalization keeps the statistics that training gave it; nothing is folded.
"""

import gzip
import json
import os
import pathlib
import time

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

from corpus import MANIFEST, SAMPLES, fresh, keep, run_from_command_line, seed_of

import keras
import numpy as np
import tensorflow as tf
from keras import layers

FRAMEWORK = f"Keras {keras.__version__} on TensorFlow {tf.__version__}"
DATA = pathlib.Path(os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist"))
BATCH = 128

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)


def read_split(split):
    """([n, 28, 28, 1] float32 in 0 to 1, [n] labels) of "train" or "t10k"."""
    labels = gzip.decompress((DATA / f"{split}-labels-idx1-ubyte.gz").read_bytes())
    images = gzip.decompress((DATA / f"{split}-images-idx3-ubyte.gz").read_bytes())
    pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28, 1)
    return (pixels / np.float32(255)).astype(np.float32), np.frombuffer(labels, np.uint8, offset=8)


def train(name, model, epochs, rate, tests, least, logits):
    """Trains, checks the accuracy on all 10,000 test images, and stores the net without its optimizer."""
    images, labels = read_split("train")
    unseen, answers = read_split("t10k")
    steps = epochs * (len(images) // BATCH + 1)
    schedule = keras.optimizers.schedules.CosineDecay(0.1 * rate, steps - steps // 10, warmup_target=rate, warmup_steps=steps // 10, alpha=0.01)
    model.compile(keras.optimizers.AdamW(schedule, weight_decay=1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=logits), metrics=["accuracy"])
    began = time.time()
    model.fit(images, labels, batch_size=BATCH, epochs=epochs, verbose=2)
    found = model.predict(unseen, batch_size=BATCH, verbose=0)
    accuracy = float(np.mean(found.argmax(axis=1) == answers))
    print(f"{name}: {model.count_params()} parameters, accuracy {accuracy:.4f}, {time.time() - began:.0f} s", flush=True)
    assert accuracy >= least, f"{accuracy} is below {least}"

    folder = fresh(name)
    bare = keras.Model.from_config(model.get_config())
    bare.set_weights(model.get_weights())
    bare.save(folder / "model.keras")
    some = unseen[:SAMPLES]
    outputs = np.concatenate([np.asarray(bare(some[at : at + 1], training=False)) for at in range(SAMPLES)])
    keep(name, format="keras-v3", file="model.keras", framework=FRAMEWORK, tests=f"trained: {tests}", inputs={model.inputs[0].name: some}, outputs={model.layers[-1].name: outputs}, licence="Apache-2.0 (the net), MIT (Fashion-MNIST, Zalando)")
    record_accuracy(name, accuracy, model.count_params())


def record_accuracy(name, accuracy, parameters):
    """Beside the manifest's other facts of the model: what it got right of the 10,000 test images in its own framework."""
    manifest = json.loads(MANIFEST.read_text())
    entry = next(one for one in manifest["models"] if one["model"] == name)
    entry["trained"] = {"data": "fashion-mnist", "testImages": 10000, "accuracy": round(accuracy, 4), "parameters": parameters}
    MANIFEST.write_text(json.dumps(manifest, indent=2) + "\n")


def seeded(name):
    keras.utils.set_random_seed(seed_of(name))
    tf.config.experimental.enable_op_determinism()
    return keras.Input((28, 28, 1), name="image")


def convolved(x, width, kernel, strides=1, activation="relu"):
    x = layers.Conv2D(width, kernel, strides=strides, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.Activation(activation)(x) if activation else x


def inverted_residual(x, width, stride, expansion, kernel=3, activation="relu6", squeeze=False):
    entry, hidden = x, x.shape[-1] * expansion
    if expansion > 1:
        x = convolved(x, hidden, 1, activation=activation)
    x = layers.DepthwiseConv2D(kernel, strides=stride, padding="same", use_bias=False)(x)
    x = layers.Activation(activation)(layers.BatchNormalization()(x))
    if squeeze:
        gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
        gate = layers.Conv2D(hidden // 4, 1, activation="relu")(gate)
        gate = layers.Conv2D(hidden, 1, activation="hard_sigmoid")(gate)
        x = layers.Multiply()([x, gate])
    x = convolved(x, width, 1, activation=None)
    return layers.Add()([entry, x]) if stride == 1 and entry.shape[-1] == width else x


def fashion_mobilenet_v2(name):
    entry = seeded(name)
    x = convolved(entry, 16, 3, 2, "relu6")
    for width, stride, expansion in ((16, 1, 1), (24, 2, 3), (24, 1, 4), (40, 1, 4), (40, 1, 4)):
        x = inverted_residual(x, width, stride, expansion)
    x = layers.GlobalAveragePooling2D()(convolved(x, 128, 1, activation="relu6"))
    x = layers.Dense(10, activation="softmax", name="class")(layers.Dropout(0.1)(x))
    train(name, keras.Model(entry, x), 5, 4e-3, "MobileNetV2: inverted residuals, ReLU6, batch normalization", 0.88, False)


def residual(x, width, stride):
    entry = x
    x = convolved(x, width, 3, stride)
    x = convolved(x, width, 3, activation=None)
    if stride != 1 or entry.shape[-1] != width:
        entry = convolved(entry, width, 1, stride, None)
    return layers.Activation("relu")(layers.Add()([entry, x]))


def fashion_resnet(name):
    entry = seeded(name)
    x = convolved(entry, 16, 3, 2)
    for width, stride in ((16, 1), (32, 2), (32, 1)):
        x = residual(x, width, stride)
    x = layers.Dense(10, name="logits")(layers.GlobalAveragePooling2D()(x))
    train(name, keras.Model(entry, x), 4, 4e-3, "ResNet: residual blocks with projections, logits", 0.88, True)


def fashion_lstm(name):
    entry = seeded(name)
    x = layers.Reshape((28, 28))(entry)
    x = layers.LSTM(64, return_sequences=True)(x)
    x = layers.LSTM(64)(x)
    x = layers.Dense(10, activation="softmax", name="class")(x)
    train(name, keras.Model(entry, x), 5, 4e-3, "two LSTM layers, an image's rows as time steps", 0.86, False)


def encoder_block(x, heads, width, hidden):
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    x = layers.Add()([x, layers.MultiHeadAttention(heads, width // heads)(y, y)])
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    y = layers.Dense(width)(layers.Dense(hidden, activation="gelu")(y))
    return layers.Add()([x, y])


def fashion_transformer(name):
    """16 patches of 7×7; the bias of the projection has one vector per patch, which is the position embedding."""
    width = 48
    entry = seeded(name)
    x = layers.Reshape((4, 7, 4, 7))(entry)
    x = layers.Reshape((16, 49))(layers.Permute((1, 3, 2, 4))(x))
    x = layers.EinsumDense("abc,cd->abd", output_shape=(16, width), bias_axes="bd", name="patches")(x)
    for _ in range(3):
        x = encoder_block(x, 4, width, 2 * width)
    x = layers.LayerNormalization(epsilon=1e-6)(x)
    x = layers.Dense(10, name="logits")(layers.GlobalAveragePooling1D()(x))
    train(name, keras.Model(entry, x), 7, 3e-3, "transformer encoder: patches, attention, layer normalization, GELU", 0.86, True)


def fashion_mobilenet_v3(name):
    entry = seeded(name)
    x = convolved(entry, 16, 3, 2, "hard_silu")
    blocks = ((16, 1, 1, 3, "relu", True), (24, 2, 3, 3, "relu", False), (24, 1, 3, 3, "relu", False), (40, 1, 3, 5, "hard_silu", True), (40, 1, 3, 5, "hard_silu", True))
    for width, stride, expansion, kernel, activation, squeeze in blocks:
        x = inverted_residual(x, width, stride, expansion, kernel, activation, squeeze)
    x = layers.GlobalAveragePooling2D(keepdims=True)(convolved(x, 128, 1, activation="hard_silu"))
    x = layers.Conv2D(128, 1, activation="hard_silu")(x)
    x = layers.Dense(10, activation="softmax", name="class")(layers.Flatten()(x))
    train(name, keras.Model(entry, x), 4, 4e-3, "MobileNetV3: hard-swish, squeeze and excite, 5×5 kernels", 0.88, False)


def fashion_efficientnet_lite(name):
    entry = seeded(name)
    x = convolved(entry, 16, 3, 2, "relu6")
    blocks = ((16, 1, 1, 3), (24, 2, 4, 3), (24, 1, 4, 3), (40, 1, 4, 5), (40, 1, 3, 5))
    for width, stride, expansion, kernel in blocks:
        x = inverted_residual(x, width, stride, expansion, kernel)
    x = layers.GlobalAveragePooling2D()(convolved(x, 128, 1, activation="relu6"))
    x = layers.Dense(10, activation="softmax", name="class")(layers.Dropout(0.1)(x))
    train(name, keras.Model(entry, x), 4, 4e-3, "EfficientNet-lite: MBConv without squeeze, ReLU6, 5×5 kernels", 0.88, False)


def split_and_merge(x, width, repeats):
    """YOLO's block: half of the channels goes through bottlenecks, and every state of it is joined."""
    x = convolved(x, width, 1, activation="silu")
    states = [x, convolved(x, width // 2, 1, activation="silu")]
    for _ in range(repeats):
        y = convolved(states[-1], width // 2, 3, activation="silu")
        states.append(layers.Add()([states[-1], convolved(y, width // 2, 3, activation="silu")]))
    return convolved(layers.Concatenate()(states), width, 1, activation="silu")


def fashion_silu_concat(name):
    entry = seeded(name)
    x = convolved(entry, 16, 3, 2, "silu")
    x = split_and_merge(x, 16, 1)
    x = split_and_merge(convolved(x, 32, 3, 2, "silu"), 32, 2)
    x = convolved(x, 24, 1, activation="silu")
    pools = [x]
    for _ in range(3):
        pools.append(layers.MaxPooling2D(5, strides=1, padding="same")(pools[-1]))
    x = convolved(layers.Concatenate()(pools), 64, 1, activation="silu")
    x = layers.Dense(10, name="logits")(layers.GlobalAveragePooling2D()(x))
    train(name, keras.Model(entry, x), 4, 4e-3, "SiLU and concat: YOLO's blocks, spatial pyramid of max pools", 0.88, True)


run_from_command_line(
    [
        fashion_mobilenet_v2,
        fashion_resnet,
        fashion_lstm,
        fashion_transformer,
        fashion_mobilenet_v3,
        fashion_efficientnet_lite,
        fashion_silu_concat,
    ]
)
