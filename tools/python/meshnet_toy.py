#!/usr/bin/env python3
"""meshnet_toy.py: goldens of tiny MeshNets, from our own PyTorch definition, in double precision.

    meshnet_toy.py make FOLDER     writes volume.npy and, per network, its files, logits.npy and labels.npy
                                   (assets/golden/meshnet_toy is made so)

Networks: `relu` and `elu` (Keras layers-models, weights in one and in two files), `gn` (its first layer is normalised over
all positions, since its name ends in _gn), `norm` (a state dict with batch normalisation). Weights and voxels are drawn
from numpy's PCG64, which is the same everywhere. Arrays are [k][j][i] ([classes last]); kernels of a file are for axes
(i, j, k). Needs torch and numpy; never needed to build or to test."""

import json
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

SIZE = (17, 22, 19)     # i, j, k: no cube, and planes of no whole number of quads
CLASSES = 3


def volume():
    random = np.random.Generator(np.random.PCG64(5))
    k, j, i = np.meshgrid(*[np.linspace(-1, 1, n) for n in reversed(SIZE)], indexing="ij")
    head = 200 * np.exp(-2.5 * (i * i + j * j + k * k)) + 30 * np.sin(7 * i + 5 * j * k)
    return np.clip(head + random.normal(0, 8, head.shape), 0, 255).astype(np.uint8)


def weights(seed, channels, dilations, bias=True):
    random = np.random.Generator(np.random.PCG64(seed))
    layers, inputs = [], 1
    for n, dilation in enumerate(dilations + [0]):
        outputs, k = (CLASSES, 1) if dilation == 0 else (channels, 3)
        scale = (2.0 / (inputs * k**3)) ** 0.5
        w = random.normal(0, scale, (outputs, inputs, k, k, k)).astype(np.float32)
        b = random.normal(0, 0.1, outputs).astype(np.float32) if bias or dilation == 0 else None
        layers.append({"dilation": max(dilation, 1), "weight": w, "bias": b})
        inputs = outputs
    return layers


def run(layers, voxels, act, normalised=(), batch=None):
    """Logits [k][j][i][classes]. The network's axes are (i, j, k): the array is transposed on the way in and out."""
    x = torch.from_numpy(voxels.transpose(2, 1, 0).astype(np.float64))[None, None]
    for n, layer in enumerate(layers):
        w = torch.from_numpy(layer["weight"].astype(np.float64))
        b = None if layer["bias"] is None else torch.from_numpy(layer["bias"].astype(np.float64))
        r = layer["dilation"] if w.shape[2] == 3 else 0
        x = F.conv3d(x, w, b, padding=r, dilation=max(r, 1))
        if n in normalised:
            mean, var = x.mean((2, 3, 4), keepdim=True), x.var((2, 3, 4), unbiased=False, keepdim=True)
            x = (x - mean) / torch.sqrt(var + 1e-5)
        if batch is not None and n + 1 < len(layers):
            g, beta, mean, var = [torch.from_numpy(p.astype(np.float64))[None, :, None, None, None] for p in batch[n]]
            x = (x - mean) / torch.sqrt(var + 1e-5) * g + beta
        if n + 1 < len(layers):
            x = act(x)
    return x[0].permute(3, 2, 1, 0).contiguous().numpy()


def keras(folder, layers, act, files, normalised=()):
    def place(name, inbound):
        return {"name": name, "inbound_nodes": [[[inbound, 0, 0, {}]]]}

    listed = [{"class_name": "InputLayer", "name": "input", "config": {"name": "input"}, "inbound_nodes": []}]
    manifest, data, last = [], b"", "input"
    for n, layer in enumerate(layers):
        name = "output" if n + 1 == len(layers) else f"conv_{n}" + ("_gn" if n in normalised else "")
        k = layer["weight"].shape[2]
        listed.append({"class_name": "Conv3D", **place(name, last), "config": {
            "filters": layer["weight"].shape[0], "kernel_size": [k] * 3, "strides": [1] * 3, "padding": "same",
            "data_format": "channels_last", "dilation_rate": [layer["dilation"]] * 3, "activation": "linear",
            "use_bias": layer["bias"] is not None}})
        last = name
        if n + 1 < len(layers):
            listed.append({"class_name": "Activation", **place(f"act_{n}", last), "config": {"activation": act}})
            last = f"act_{n}"
        for part, value in (("kernel", layer["weight"].transpose(2, 3, 4, 1, 0)), ("bias", layer["bias"])):
            if value is not None:
                manifest.append({"name": f"{name}/{part}", "shape": list(value.shape), "dtype": "float32"})
                data += np.ascontiguousarray(value, "<f4").tobytes()
    names = [f"weights{n}.bin" for n in range(files)]
    for n, name in enumerate(names):
        with open(os.path.join(folder, name), "wb") as out:
            out.write(data[n * len(data) // files:(n + 1) * len(data) // files])
    model = {"format": "layers-model", "modelTopology": {"model_config": {"class_name": "Functional", "config": {
        "layers": listed, "input_layers": [["input", 0, 0]], "output_layers": [[last, 0, 0]]}}},
        "weightsManifest": [{"paths": names, "weights": manifest}]}
    with open(os.path.join(folder, "model.json"), "w") as out:
        json.dump(model, out, separators=(",", ":"))
        out.write("\n")


def state_dict(folder, layers, batch):
    state = {}
    for n, layer in enumerate(layers):
        key = f"model.{n}" + (".0" if n + 1 < len(layers) else "")
        state[key + ".weight"] = torch.from_numpy(layer["weight"])
        state[key + ".bias"] = torch.from_numpy(layer["bias"])
        if n + 1 < len(layers):
            for part, value in zip(("weight", "bias", "running_mean", "running_var"), batch[n]):
                state[f"model.{n}.1.{part}"] = torch.from_numpy(value)
            state[f"model.{n}.1.num_batches_tracked"] = torch.tensor(7)
    torch.save(state, os.path.join(folder, "model.pth"))


def finish(folder, logits):
    np.save(os.path.join(folder, "logits.npy"), logits.astype(np.float32))
    np.save(os.path.join(folder, "labels.npy"), logits.argmax(-1).astype(np.uint8))


def make(root):
    voxels = volume()
    low, high = voxels.min().astype(np.float64), voxels.max().astype(np.float64)
    scaled = (voxels - low) / (high - low)
    os.makedirs(root, exist_ok=True)
    np.save(os.path.join(root, "volume.npy"), voxels)
    for name, seed, channels, dilations, act, files, normalised in (
            ("relu", 11, 5, [1, 2, 1], "relu", 1, ()), ("elu", 12, 9, [2, 3], "elu", 2, ()),
            ("gn", 13, 6, [1, 2], "gelu", 1, (0,))):
        folder = os.path.join(root, name)
        os.makedirs(folder, exist_ok=True)
        layers = weights(seed, channels, dilations)
        for n in normalised:
            layers[n]["bias"] = None
        keras(folder, layers, act, files, normalised)
        finish(folder, run(layers, scaled, {"relu": F.relu, "elu": F.elu, "gelu": F.gelu}[act], normalised))
    folder = os.path.join(root, "norm")
    os.makedirs(folder, exist_ok=True)
    random, layers = np.random.Generator(np.random.PCG64(14)), weights(15, 4, [1, 2, 1])
    batch = [[(p + q * random.random(4)).astype(np.float32) for p, q in ((0.5, 1), (-0.3, 0.6), (-0.2, 0.4), (0.2, 1))]
             for _ in layers[:-1]]
    state_dict(folder, layers, batch)
    flat = np.sort(voxels.reshape(-1).astype(np.float64))
    low, high = np.quantile(flat, 0.01), np.quantile(flat, 0.99)
    finish(folder, run(layers, (voxels - low) / (high - low), F.elu, (), batch))


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "make":
        sys.exit(__doc__)
    make(sys.argv[2])
