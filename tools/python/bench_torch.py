#!/usr/bin/env python3
"""bench_torch.py NAME...: is the golden of `vkseg bench -m synthetic:NAME` what PyTorch computes? For the models whose base
kernels would need hours on software Vulkan: sam_vit_b, sam_vit_l, sam_vit_h, meshnet, meshnet_mini; of sam2_hiera_t, _s,
_b and _l the embedding.

The image or volume of the benchmark, the generated weights (build/bin/vksegdev synth) and our own definition of the
network in float32; the digests of tools/vkseg/bench_golden.c are compared under its tolerance. ViT-H wants 8 GB of memory.
Needs torch and numpy; never needed to build or to test."""

import json
import os
import re
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torch.nn.functional as F

import sam_torch
from hiera_torch import Hiera

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BOX = (310, 260, 690, 500)
SAMPLES, PARTS, TOLERANCE = 64, 16, 1e-3
DILATIONS = {8: (1, 2, 4, 8, 4, 2, 2, 1), 9: (1, 2, 4, 8, 16, 8, 4, 2, 1)}


def read_golden(name):
    with open(os.path.join(ROOT, "tools/vkseg/bench_goldens.inc"), encoding="utf-8") as text:
        found = re.search(r'\{ "synthetic:%s", "\d+",\n(.*?)\n\},' % name, text.read(), re.S)
    if not found:
        sys.exit(f"synthetic:{name} has no golden")
    return json.loads("".join(json.loads(line.strip()) for line in found[1].split("\n")))


def hashed(x):
    return (x.astype(np.uint64) * 2654435761 & 0xffffffff) >> 28


def paint_image():
    """As paint() of bench_run.c: 1024 x 768."""
    y, x = np.mgrid[0:768, 0:1024].astype(np.int64)
    value = (x * 3 + y * 5) // 64 + ((x // 8 + y // 8) % 2) * 12
    for at_x, at_y, wide, high in ((500, 380, 190, 120), (260, 240, 90, 70), (760, 560, 130, 90), (820, 180, 60, 60)):
        dx, dy = ((np.abs(d) * 256 // size) for d, size in ((x - at_x, wide), (y - at_y, high)))
        value = value + np.maximum(65536 - dx * dx - dy * dy, 0) // 512
    rgb = [value + hashed(x * 73 + y * 151 + c * 29).astype(np.int64) + c * ((x + y) % 41) // 2 for c in range(3)]
    return np.minimum(np.stack(rgb, -1), 255).astype(np.uint8)


def paint_volume():
    """As paint() of bench_volume.c, [k, j, i]."""
    k, j, i = np.mgrid[0:128, 0:160, 0:128].astype(np.int64)
    value = hashed(i * 73 + j * 151 + k * 199).astype(np.int64)
    for a, b, c, r in ((64, 80, 64, 60), (48, 92, 68, 28), (84, 66, 56, 18), (68, 50, 80, 12)):
        inside = r * r - ((i - a) ** 2 + (j - b) ** 2 + (k - c) ** 2)
        value = value + np.where(inside > 0, 20 + 40 * inside // (r * r), 0)
    return value.astype(np.uint8)


def roots(values):
    count = values.size
    return [float(np.sqrt(np.mean(values[count * p // PARTS:count * (p + 1) // PARTS].astype(np.float64) ** 2)))
            for p in range(PARTS)]


def digest(values):
    values = values.reshape(-1)
    places = [i * 0x9e3779b1 % values.size for i in range(SAMPLES)]
    return {"samples": [float(values[p]) for p in places], "parts": roots(values)}


def run_sam(tensors):
    model, image = sam_torch.Sam(tensors), paint_image()
    embedding = model.encode(image)
    return {"embedding": digest(embedding.numpy()), "logits": digest(model.decode(embedding, BOX).numpy())}


def run_sam2(tensors, size):
    mean, std = (torch.tensor(v)[:, None, None] / 255 for v in (sam_torch.MEAN, sam_torch.STD))
    x = torch.from_numpy(paint_image()).permute(2, 0, 1)[None].float() / 255
    x = (F.interpolate(x, (1024, 1024), mode="bilinear", antialias=True) - mean) / std
    model = Hiera(size).eval()
    model.load_state_dict({name: tensors[name] for name in model.state_dict()})
    return {"embedding": digest(model(x)[0].numpy())}


def run_meshnet(tensors):
    x = torch.from_numpy(paint_volume()).float()
    x = ((x - x.min()) / (x.max() - x.min()))[None, None]
    blocks = sum(name.endswith(".0.weight") for name in tensors)
    for i, dilation in enumerate(DILATIONS[blocks]):       # stored for axes (x, y, z); the volume lies as [z, y, x]
        weight = tensors[f"model.{i}.0.weight"].permute(0, 1, 4, 3, 2)
        x = F.relu(F.conv3d(x, weight, tensors[f"model.{i}.0.bias"], padding=dilation, dilation=dilation))
    x = F.conv3d(x, tensors[f"model.{blocks}.weight"], tensors[f"model.{blocks}.bias"])[0]
    labels = x.argmax(0).numpy()
    shares = np.bincount(labels.reshape(-1), minlength=SAMPLES) / labels.size
    return {"embedding": {"samples": list(shares), "parts": roots(labels.reshape(-1))},
            "logits": digest(x[:, [32, 64, 96]].permute(1, 2, 3, 0).contiguous().numpy()), "iou": 1 - shares[0]}


def apart(want, got):
    scale = np.sqrt(np.mean(np.square(want["parts"])))
    samples = np.sqrt(np.mean(np.square(np.subtract(want["samples"], got["samples"]))))
    return max(samples, np.abs(np.subtract(want["parts"], got["parts"])).max()) / scale


def check(name, folder):
    golden, path = read_golden(name), os.path.join(folder, name + ".safetensors")
    subprocess.run([os.path.join(ROOT, "build/bin/vksegdev"), "synth", "synthetic:" + name, "-o", path], check=True,
                   stderr=subprocess.DEVNULL)
    tensors = sam_torch.read_safetensors(path)
    os.remove(path)
    got = (run_meshnet(tensors) if name.startswith("meshnet") else run_sam2(tensors, name[-1]) if name.startswith("sam2")
           else run_sam(tensors))
    errors = {part: apart(golden[part], got[part]) for part in ("embedding", "logits") if part in got}
    print(f"synthetic:{name}: {', '.join(f'{part} off by {error:.1e}' for part, error in errors.items())} of the size "
          f"(at most {TOLERANCE:g})", flush=True)
    return max(errors.values()) <= TOLERANCE


def main():
    if len(sys.argv) < 2 or any(not n.startswith(("sam_vit_", "sam2_hiera_", "meshnet")) for n in sys.argv[1:]):
        sys.exit(__doc__)
    torch.set_grad_enabled(False)
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(0 if all([check(name, folder) for name in sys.argv[1:]]) else 1)


if __name__ == "__main__":
    main()
