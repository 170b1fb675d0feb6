"""PyTorch models exported to ONNX, by the TorchScript exporter (opsets 9 to 18) and by the dynamo exporter (18 to 20).

Outputs are PyTorch's own; each file is also run in onnxruntime, which must agree.
"""

import math
import warnings

import corpus
from corpus import SAMPLES, floats, fresh, generator, integers, keep, random_weight, run_from_command_line, waves

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper, numpy_helper
from torch import nn
from torch.nn import functional as F

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
FRAMEWORK = f"PyTorch {torch.__version__.split('+')[0]}"


def randomized(model, name):
    rng = generator(name + "/weights")
    with torch.no_grad():
        for key, value in list(model.named_parameters()) + list(model.named_buffers()):
            if not value.dtype.is_floating_point:
                continue
            shape = tuple(value.shape)
            if value.dim() == 1:
                last = "gamma" if isinstance(owner(model, key), (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm2d)) and key.endswith("weight") else key.split(".")[-1]
                last = "alpha" if isinstance(owner(model, key), nn.PReLU) else last
                drawn = random_weight(rng, last, shape)
            elif isinstance(owner(model, key), nn.Embedding):
                drawn = rng.normal(0, 0.7, shape)
            else:
                drawn = rng.normal(0, math.sqrt(1.6 / max(1, int(np.prod(shape[1:])))), shape)
            value.copy_(torch.from_numpy(np.asarray(drawn, dtype=np.float32)))
    return model.eval()


def owner(model, key):
    for part in key.split(".")[:-1]:
        model = getattr(model, part)
    return model


def cleaned(path):
    """Without the exporter's notes on where in which script a node came from."""
    model = onnx.load(path, load_external_data=False)
    model.doc_string = ""
    del model.metadata_props[:]

    def clean(graph):
        graph.doc_string = ""
        del graph.metadata_props[:]
        for value in [*graph.value_info, *graph.input, *graph.output]:
            del value.metadata_props[:]
        for node in graph.node:
            node.doc_string = ""
            del node.metadata_props[:]
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.GRAPH:
                    clean(attribute.g)

    clean(model.graph)
    for function in model.functions:
        function.doc_string = ""
        del function.metadata_props[:]
        for node in function.node:
            node.doc_string = ""
            del node.metadata_props[:]
    path.write_bytes(model.SerializeToString(deterministic=True))
    return model


def store(name, model, data, outputs, opset, tests, dynamo=False, dynamic=None, edit=None, **options):
    """`data`: input name → array; `outputs`: names, in order; `edit`: a change of the exported file before it is kept."""
    randomized(model, name)
    folder = fresh(name)
    path = folder / "model.onnx"
    sample = tuple(torch.from_numpy(array[:1]) for array in data.values())
    if dynamo:
        torch.onnx.export(model, sample, str(path), input_names=list(data), output_names=outputs, opset_version=opset, dynamo=True, external_data=False, verbose=False, dynamic_shapes=dynamic)
    else:
        torch.onnx.export(model, sample, str(path), input_names=list(data), output_names=outputs, opset_version=opset, dynamo=False, dynamic_axes=dynamic)
    exported = cleaned(path)
    found = next(one.version for one in exported.opset_import if one.domain in ("", "ai.onnx"))
    assert found == opset, f"asked for opset {opset}, got {found}"
    if edit:
        edit(path)
    rows = {key: [] for key in outputs}
    session = onnxruntime.InferenceSession(str(path))
    for index in range(SAMPLES):
        given = {key: array[index : index + 1] for key, array in data.items()}
        with torch.no_grad():
            answer = model(*[torch.from_numpy(array) for array in given.values()])
        answer = answer if isinstance(answer, (list, tuple)) else [answer]
        for key, value, other in zip(outputs, answer, session.run(outputs, given)):
            value = value.numpy()
            apart = np.abs(value.astype(np.float64) - other).max() / max(np.abs(value).max(), 1e-6)
            assert value.shape == other.shape and apart < 5e-5, f"{key}: onnxruntime is {apart} from PyTorch"
            rows[key].append(value[0])
    expected = {key: np.stack(values) for key, values in rows.items()}
    exporter = "dynamo exporter" if dynamo else "TorchScript exporter"
    keep(name, format="onnx", file="model.onnx", framework=f"{FRAMEWORK}, {exporter}, opset {opset}", tests=tests, inputs=data, outputs=expected, **options)


class Calls(nn.Module):
    """Modules by name and a function of them and the inputs."""

    def __init__(self, call, **modules):
        super().__init__()
        self.call = call
        for key, module in modules.items():
            setattr(self, key, module)

    def forward(self, *inputs):
        return self.call(self, *inputs)


def conv_bn(inner, outer, size=3, stride=1, groups=1, activation=None):
    parts = [nn.Conv2d(inner, outer, size, stride, size // 2, groups=groups, bias=False), nn.BatchNorm2d(outer)]
    return nn.Sequential(*parts, *([activation] if activation else []))


def torch_cnn(name):
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 12, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(108, 16), nn.Tanh(), nn.Dropout(), nn.Linear(16, 5), nn.Softmax(1)
    )
    store(name, model, {"image": floats(generator(name), 3, 16, 16)}, ["scores"], 9, "plain CNN, flatten over NCHW into dense")


def torch_residual(name):
    def call(m, x):
        x = F.max_pool2d(F.relu(m.stem(x)), 3, 2, 1)
        x = F.relu(x + m.b(F.relu(m.a(x))))
        x = F.relu(m.short(x) + m.d(F.relu(m.c(x))))
        return m.head(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))

    model = Calls(call, stem=conv_bn(3, 8, 5, 2), a=conv_bn(8, 8), b=conv_bn(8, 8), c=conv_bn(8, 12, 3, 2), d=conv_bn(12, 12), short=conv_bn(8, 12, 1, 2), head=nn.Linear(12, 6))
    store(name, model, {"image": floats(generator(name), 3, 24, 24)}, ["logits"], 11, "ResNet-like, max pool with padding")


def torch_mobilenet_v2(name):
    def block(inner, outer, stride):
        hidden = inner * 3
        return nn.Sequential(conv_bn(inner, hidden, 1, activation=nn.ReLU6()), conv_bn(hidden, hidden, 3, stride, hidden, nn.ReLU6()), conv_bn(hidden, outer, 1))

    def call(m, x):
        x = m.a(m.stem(x))
        x = x + m.b(x)
        return m.head(m.c(x).mean([2, 3]))

    model = Calls(call, stem=conv_bn(3, 8, 3, 2, activation=nn.ReLU6()), a=block(8, 10, 2), b=block(10, 10, 1), c=block(10, 16, 1), head=nn.Linear(16, 5))
    store(name, model, {"image": floats(generator(name), 3, 24, 24)}, ["logits"], 12, "inverted residuals, ReLU6 as Clip, mean over height and width")


def torch_mobilenet_v3(name):
    def call(m, x):
        x = m.stem(x)
        y = m.wide(x)
        y = y * F.hardsigmoid(m.up(F.relu(m.down(F.adaptive_avg_pool2d(y, 1)))))
        x = x + m.narrow(y)
        return m.head(F.hardswish(m.last(x)).mean((2, 3)))

    model = Calls(call, stem=conv_bn(3, 8, 3, 2, activation=nn.Hardswish()), wide=conv_bn(8, 16, 3, 1, 8, nn.Hardswish()), down=nn.Conv2d(16, 4, 1), up=nn.Conv2d(4, 16, 1), narrow=conv_bn(16, 8, 1), last=nn.Conv2d(8, 16, 1), head=nn.Linear(16, 4))
    store(name, model, {"image": floats(generator(name), 3, 20, 20)}, ["logits"], 14, "squeeze and excite, hard-swish, hard-sigmoid")


def torch_unet(name):
    def call(m, x):
        a = F.relu(m.a(x))
        b = F.relu(m.b(F.max_pool2d(a, 2)))
        c = F.relu(m.c(F.max_pool2d(b, 2)))
        x = torch.cat([m.up(c), b], 1)
        x = F.interpolate(F.relu(m.d(x)), scale_factor=2, mode="bilinear", align_corners=False)
        return torch.softmax(m.e(torch.cat([x, a], 1)), 1)

    conv = lambda i, o, s=3: nn.Conv2d(i, o, s, padding=s // 2)
    model = Calls(call, a=conv(2, 6), b=conv(6, 8), c=conv(8, 10), up=nn.ConvTranspose2d(10, 8, 2, 2), d=conv(16, 8), e=conv(14, 3, 1))
    store(name, model, {"image": floats(generator(name), 2, 16, 16)}, ["mask"], 13, "U-Net: ConvTranspose, Resize, Concat, softmax over channels")


def torch_lstm(name):
    def call(m, x):
        y, (h, _) = m.lstm(x)
        return m.head(torch.cat([y[:, -1], h[0]], 1))

    model = Calls(call, lstm=nn.LSTM(5, 7, num_layers=2, batch_first=True), head=nn.Linear(14, 3))
    store(name, model, {"steps": floats(generator(name), 9, 5)}, ["answer"], 14, "two-layer LSTM, last output and hidden state")


def torch_gru_bidirectional(name):
    def call(m, x):
        y, _ = m.gru(x)
        return m.head(torch.relu(y)).mean(1)

    model = Calls(call, gru=nn.GRU(4, 6, batch_first=True, bidirectional=True), head=nn.Linear(12, 3))
    store(name, model, {"steps": floats(generator(name), 8, 4)}, ["answer"], 13, "bidirectional GRU")


class EncoderBlock(nn.Module):
    """Attention written with the operators that exporters of any age know."""

    def __init__(self, width, heads, hidden):
        super().__init__()
        self.heads, self.width = heads, width
        self.qkv, self.out = nn.Linear(width, width * 3), nn.Linear(width, width)
        self.norm_a, self.norm_b = nn.LayerNorm(width), nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x):
        batch, steps, width = x.shape
        q, k, v = self.qkv(self.norm_a(x)).reshape(batch, steps, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        scores = torch.matmul(q, k.transpose(-2, -1)) / math.sqrt(width // self.heads)
        x = x + self.out(torch.matmul(torch.softmax(scores, -1), v).transpose(1, 2).reshape(batch, steps, width))
        return x + self.down(F.gelu(self.up(self.norm_b(x))))


def torch_transformer(name):
    model = nn.Sequential(EncoderBlock(16, 2, 24), nn.Linear(16, 4))
    store(name, model, {"tokens": floats(generator(name), 10, 16)}, ["answer"], 17, "pre-norm transformer encoder block, LayerNormalization, GELU by Erf")


def torch_vit(name):
    def call(m, x):
        x = m.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([m.first.expand(x.shape[0], -1, -1), x], 1) + m.positions
        return m.head(m.block(x)[:, 0])

    model = Calls(call, patches=nn.Conv2d(3, 12, 4, 4), block=EncoderBlock(12, 3, 16), head=nn.Linear(12, 4))
    model.first, model.positions = nn.Parameter(torch.zeros(1, 1, 12)), nn.Parameter(torch.zeros(1, 17, 12))
    store(name, model, {"image": floats(generator(name), 3, 16, 16)}, ["logits"], 16, "vision transformer: patches, class token, layer norm spelt out")


def torch_grouped_dilated(name):
    model = nn.Sequential(nn.Conv2d(8, 12, 3, padding=1, groups=4), nn.ReLU(), nn.Conv2d(12, 8, 3, dilation=2), nn.ELU(), nn.Conv2d(8, 16, 3, padding=(1, 2), groups=8, dilation=(1, 2)), nn.Sigmoid(), nn.Conv2d(16, 6, 3, stride=(2, 1), padding=(0, 1)), nn.AdaptiveMaxPool2d(1), nn.Flatten())
    store(name, model, {"image": floats(generator(name), 8, 14, 14)}, ["features"], 10, "grouped and dilated convolutions, depthwise with multiplier, uneven padding")


def torch_audio(name):
    def call(m, x):
        x = F.pad(x, (8, 8), mode="reflect")
        x = torch.log(m.bank(x).pow(2) + 1e-3)
        x = F.relu(m.norm(m.a(x)))
        return m.head(F.avg_pool1d(m.b(x), 4).amax(2))

    model = Calls(call, bank=nn.Conv1d(1, 10, 16, 4, bias=False), norm=nn.BatchNorm1d(12), a=nn.Conv1d(10, 12, 5, padding=4, dilation=2), b=nn.ConvTranspose1d(12, 8, 4, 2, 1), head=nn.Linear(8, 3))
    store(name, model, {"audio": waves(generator(name), 96, 1).transpose(0, 2, 1).copy()}, ["answer"], 16, "audio: reflect pad, Conv1d filter bank, log, ConvTranspose1d")


def torch_yolo(name):
    def call(m, x):
        x = F.silu(m.a(x))
        x = torch.cat([x[..., ::2, ::2], x[..., 1::2, 1::2]], 1)
        x = F.silu(m.b(x))
        y = torch.cat([F.interpolate(F.max_pool2d(x, 2), scale_factor=2.0, mode="nearest"), x], 1)
        p = m.detect(y).view(-1, 2, 7, 8, 8).permute(0, 1, 3, 4, 2).contiguous()
        xy, wh, rest = p.sigmoid().split((2, 2, 3), 4)
        xy = (xy * 2 - 0.5 + m.grid) * 4.0
        wh = (wh * 2) ** 2 * m.anchors
        return torch.cat((xy, wh, rest), 4).reshape(-1, 128, 7)

    model = Calls(call, a=conv_bn(3, 6, 3), b=conv_bn(12, 8), detect=nn.Conv2d(16, 14, 1))
    ys, xs = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    model.grid = torch.stack((xs, ys), 2).view(1, 1, 8, 8, 2)
    model.anchors = torch.tensor([[8.0, 6.0], [3.0, 9.0]]).view(1, 2, 1, 1, 2)
    store(name, model, {"images": floats(generator(name), 3, 16, 16)}, ["detections"], 12, "YOLO-like: focus slices, SiLU, nearest upsampling, 5-D permute, split, grid and anchors")


def torch_ssd(name):
    def call(m, x):
        first = F.relu6(m.a(x))
        second = F.relu6(m.b(first))
        boxes = torch.cat([m.box(f).permute(0, 2, 3, 1).reshape(1, -1, 4) for f in (first, second)], 1)
        scores = torch.cat([m.score(f).permute(0, 2, 3, 1).reshape(1, -1, 3) for f in (first, second)], 1)
        centre = boxes[..., :2] * 0.1 * m.priors[..., 2:] + m.priors[..., :2]
        size = torch.exp(boxes[..., 2:] * 0.2) * m.priors[..., 2:]
        return torch.cat([centre - size / 2, centre + size / 2], -1), F.log_softmax(scores, -1)

    model = Calls(call, a=nn.Conv2d(3, 8, 3, 2, 1), b=nn.Conv2d(8, 8, 3, 2, 1), box=nn.Conv2d(8, 8, 3, padding=1), score=nn.Conv2d(8, 6, 3, padding=1))
    model.priors = torch.from_numpy(generator(name + "/priors").uniform(0.2, 0.8, (1, 160, 4)).astype(np.float32))
    store(name, model, {"image": floats(generator(name), 3, 16, 16)}, ["boxes", "scores"], 15, "SSD-like head: permute, reshape, concat, box decoding, log-softmax")


def torch_pixel_shuffle(name):
    def call(m, x):
        y = F.pixel_shuffle(F.relu(m.b(F.leaky_relu(m.a(x), 0.1))), 2)
        return (y + F.interpolate(x, scale_factor=2, mode="nearest")).clamp(-2, 2)

    model = Calls(call, a=nn.Conv2d(3, 8, 3, padding=1), b=nn.Conv2d(8, 12, 3, padding=1))
    store(name, model, {"image": floats(generator(name), 3, 9, 11)}, ["large"], 18, "super-resolution by pixel shuffle (DepthToSpace CRD)")


def torch_norms(name):
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.GroupNorm(4, 8), nn.SiLU(), nn.Conv2d(8, 8, 3, 2), nn.InstanceNorm2d(8, affine=True), nn.Softplus(), nn.Conv2d(8, 6, 1), nn.GroupNorm(1, 6), nn.Mish(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    store(name, model, {"image": floats(generator(name), 3, 13, 13)}, ["features"], 18, "group norm, instance norm, softplus, Mish")


def torch_prelu(name):
    model = nn.Sequential(nn.Conv2d(3, 6, 3), nn.PReLU(6), nn.Conv2d(6, 8, 3, 2), nn.LeakyReLU(0.05), nn.Conv2d(8, 8, 3), nn.PReLU(), nn.Flatten(), nn.Linear(128, 4))
    store(name, model, {"image": floats(generator(name), 3, 16, 16)}, ["answer"], 9, "PReLU by channel and single, leaky ReLU")


def torch_embedding(name):
    def call(m, words, weights):
        x = m.table(words) * weights.unsqueeze(-1)
        return m.head(torch.cat([x.mean(1), x.amax(1)], 1))

    rng = generator(name)
    model = Calls(call, table=nn.Embedding(40, 8), head=nn.Linear(16, 3))
    store(name, model, {"words": integers(rng, 12, high=40, dtype=np.int64), "weights": floats(rng, 12)}, ["answer"], 13, "int64 input, embedding by Gather, two inputs")


def torch_dynamic(name):
    def call(m, x):
        y = F.relu(m.a(x))
        y = F.interpolate(m.b(y), size=(x.shape[2], x.shape[3]), mode="bilinear", align_corners=True)
        return torch.sigmoid(m.c(y.reshape(x.shape[0], 8, x.shape[2], x.shape[3])))

    model = Calls(call, a=nn.Conv2d(3, 8, 3, 2, 1), b=nn.Conv2d(8, 8, 3, 2, 1), c=nn.Conv2d(8, 2, 1))
    axes = {"image": {0: "batch", 2: "height", 3: "width"}, "mask": {0: "batch", 2: "height", 3: "width"}}
    store(name, model, {"image": floats(generator(name), 3, 12, 10)}, ["mask"], 17, "dynamic batch, height and width; resize to a computed size", dynamic=axes, input_shapes={"image": (1, 3, 12, 10)})


def torch_top_k(name):
    def call(m, x):
        logits = m.head(F.relu(m.body(x)))
        values, indices = torch.topk(logits, 3, 1)
        return values, indices, logits.argmax(1), torch.where(logits > 0, logits, torch.zeros_like(logits))

    model = Calls(call, body=nn.Linear(10, 16), head=nn.Linear(16, 12))
    store(name, model, {"x": floats(generator(name), 10)}, ["values", "indices", "best", "positive"], 13, "integer outputs: TopK, ArgMax; Where")


def torch_external_data(name):
    def edit(path):
        model = onnx.load(path)
        onnx.save_model(model, str(path), save_as_external_data=True, all_tensors_to_one_file=True, location="weights.bin", size_threshold=64)

    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(512, 6))
    store(name, model, {"image": floats(generator(name), 3, 12, 12)}, ["answer"], 17, "weights in a file beside the model", edit=edit)


def torch_constant_weights(name):
    def edit(path):
        """Initializers become Constant nodes, as some exporters and tools leave them."""
        model = onnx.load(path)
        graph = model.graph
        constants = [helper.make_node("Constant", [], [one.name], value=one) for one in graph.initializer]
        del graph.initializer[:]
        nodes = [*constants, *graph.node]
        del graph.node[:]
        graph.node.extend(nodes)
        path.write_bytes(model.SerializeToString(deterministic=True))

    model = nn.Sequential(conv_bn(3, 8), nn.ReLU(), nn.Conv2d(8, 6, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(150, 4))
    store(name, model, {"image": floats(generator(name), 3, 12, 12)}, ["answer"], 11, "weights as Constant nodes", edit=edit)


def torch_shared_multi_io(name):
    def call(m, left, right):
        a, b = (torch.flatten(m.tower(x), 1) for x in (left, right))
        return F.cosine_similarity(a, b, 1), m.head(torch.abs(a - b))

    rng = generator(name)
    model = Calls(call, tower=nn.Sequential(nn.Conv2d(2, 6, 3), nn.ReLU(), nn.MaxPool2d(2)), head=nn.Linear(150, 3))
    store(name, model, {"left": floats(rng, 2, 12, 12), "right": floats(rng, 2, 12, 12)}, ["similarity", "label"], 11, "Siamese net: shared tower, two inputs, two outputs, cosine similarity")


def torch_shuffle(name):
    def call(m, x):
        x = m.a(x)
        left, right = x.chunk(2, 1)
        x = torch.cat([left, m.b(right)], 1)
        x = x.view(1, 2, 6, 8, 8).transpose(1, 2).reshape(1, 12, 8, 8)
        return m.head(x.mean((2, 3)))

    model = Calls(call, a=conv_bn(3, 12, 3, 2, activation=nn.ReLU()), b=conv_bn(6, 6, 3, 1, 6, nn.ReLU()), head=nn.Linear(12, 4))
    store(name, model, {"image": floats(generator(name), 3, 16, 16)}, ["logits"], 12, "channel split and shuffle as in ShuffleNetV2")


def torch_dynamo_cnn(name):
    def call(m, x):
        x = F.hardswish(m.a(x))
        x = x + F.gelu(m.b(x))
        return m.head(F.adaptive_avg_pool2d(F.pad(x, (1, 0, 0, 1)), 1).flatten(1))

    model = Calls(call, a=conv_bn(3, 8, 3, 2), b=conv_bn(8, 8, 3, 1, 8), head=nn.Linear(8, 5))
    store(name, model, {"image": floats(generator(name), 3, 16, 16)}, ["logits"], 18, "CNN by the dynamo exporter", dynamo=True)


def torch_dynamo_transformer(name):
    layer = nn.TransformerEncoderLayer(16, 2, 24, batch_first=True, activation="gelu")
    model = nn.Sequential(layer, nn.Linear(16, 3))
    store(name, model, {"tokens": floats(generator(name), 8, 16)}, ["answer"], 20, "nn.TransformerEncoderLayer by the dynamo exporter", dynamo=True)


def torch_dynamo_detection(name):
    def call(m, x):
        p = m.detect(F.silu(m.a(x)))
        box, score = p.split((8, 3), 1)
        box = box.flatten(2).transpose(1, 2).unflatten(2, (4, 2)).softmax(3) @ m.bins
        return box, score.flatten(2).sigmoid().transpose(1, 2)

    model = Calls(call, a=conv_bn(3, 8, 3, 2), detect=nn.Conv2d(8, 11, 1))
    model.bins = torch.arange(2.0)
    store(name, model, {"image": floats(generator(name), 3, 12, 12)}, ["boxes", "scores"], 18, "YOLOv8-like head with a distribution over bins, dynamo exporter", dynamo=True)


def torch_repeated_places(name):
    places = torch.tensor([[0, 2], [1, 0], [3, 3]])

    def call(m, x):
        y = m.a(x).unflatten(1, (3, 5))
        where = places[None].expand(y.shape[0], -1, -1)
        return y.scatter(2, where, y[:, :, 3:] * 2), y.scatter_add(2, where, y[:, :, :2]), y.gather(2, where)

    model = Calls(call, a=nn.Linear(6, 15))
    store(name, model, {"features": floats(generator(name), 6)}, ["set", "added", "taken"], 17, "scatter to places that repeat, of which the last counts; scatter_add; gather")


def torch_pool_places(name):
    def call(m, x):
        return F.max_pool2d(F.pad(m.a(x), (0, 1, 0, 1)), 3, 2, 1, return_indices=True)

    model = Calls(call, a=nn.Conv2d(3, 6, 3, padding=1))
    store(name, model, {"image": floats(generator(name), 3, 11, 13)}, ["largest", "places"], 17, "MaxPool with the places of the largest")


run_from_command_line(
    [
        torch_repeated_places,
        torch_pool_places,
        torch_cnn,
        torch_residual,
        torch_mobilenet_v2,
        torch_mobilenet_v3,
        torch_unet,
        torch_lstm,
        torch_gru_bidirectional,
        torch_transformer,
        torch_vit,
        torch_grouped_dilated,
        torch_audio,
        torch_yolo,
        torch_ssd,
        torch_pixel_shuffle,
        torch_norms,
        torch_prelu,
        torch_embedding,
        torch_dynamic,
        torch_top_k,
        torch_external_data,
        torch_constant_weights,
        torch_shared_multi_io,
        torch_shuffle,
        torch_dynamo_cnn,
        torch_dynamo_transformer,
        torch_dynamo_detection,
    ]
)
