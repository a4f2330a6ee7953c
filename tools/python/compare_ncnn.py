#!/usr/bin/env python3
"""A matmul and a 3x3 convolution of SAM's encoder in vkseg and in ncnn's Vulkan build, on the same device, alternately.

ncnn (pip install ncnn) runs each as a layer of its own in f32 and is checked against numpy; vkseg's times are those of the
nodes inside the encoder, by the device's time stamps: a wall clock, so nobody else should use a software device's machine.

  tools/python/compare_ncnn.py -m sam.safetensors      # any SAM checkpoint, or synthetic:sam_vit_b
"""
import argparse
import os
import struct
import tempfile

import ncnn
import numpy as np

import vkseg_c
from measure import Profile, row, test_image, timed


class Layer:
    """One layer with random weights, f32 on the Vulkan device."""

    def __init__(self, device, layer, weights, bias_count):
        folder = tempfile.mkdtemp()
        param, data = os.path.join(folder, "layer.param"), os.path.join(folder, "layer.bin")
        with open(param, "w") as file:
            file.write(f"7767517\n2 2\nInput in 0 1 x\n{layer}\n")
        with open(data, "wb") as file:
            file.write(struct.pack("<I", 0) + weights.tobytes() + bytes(4 * bias_count))
        self.net = ncnn.Net()
        option = self.net.opt
        option.use_vulkan_compute = True
        option.use_fp16_packed = option.use_fp16_storage = option.use_fp16_arithmetic = False
        self.net.set_vulkan_device(device)
        if self.net.load_param(param) or self.net.load_model(data):
            raise SystemExit("ncnn does not take the layer")
        os.remove(param), os.remove(data), os.rmdir(folder)

    def __call__(self, x):
        extractor = self.net.create_extractor()
        extractor.input("x", ncnn.Mat(x))
        return np.array(extractor.extract("y")[1])


def check(what, got, wanted):
    error = float(np.abs(got - wanted).max() / np.abs(wanted).max())
    if not error <= 1e-4:
        raise SystemExit(f"ncnn's {what} is off by {error:.1e}: no times are printed")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", "--model", required=True)
    parser.add_argument("--library", default="build/libvkseg.so", help="default: build/libvkseg.so")
    parser.add_argument("-d", "--device", default="cpu")
    parser.add_argument("--ncnn-device", type=int, default=0)
    parser.add_argument("-r", "--repeats", type=int, default=3)
    args = parser.parse_args()
    random = np.random.default_rng(0)
    tokens, width, grid, channels = 4096, 768, 64, 256
    x, w = (random.standard_normal(s, np.float32) for s in ((tokens, width), (width, width)))
    image, kernel = (random.standard_normal(s, np.float32) for s in ((channels, grid, grid), (channels, channels, 3, 3)))
    matmul = Layer(args.ncnn_device, f"InnerProduct y 1 1 x y 0={width} 1=0 2={w.size}", w, 0)
    conv = Layer(args.ncnn_device, f"Convolution y 1 1 x y 0={channels} 1=3 4=1 5=0 6={kernel.size}", kernel, 0)
    check("matmul", matmul(x), x @ w.T)
    check("convolution", conv(image)[:, 7, 9], np.einsum("oikl,ikl->o", kernel, image[:, 6:9, 8:11]))
    profile = Profile()
    session = vkseg_c.Session(args.library, args.model, args.device, "profile=1", profile)
    print(f"{session.device()}; ncnn {ncnn.__version__} on {ncnn.get_gpu_info(args.ncnn_device).device_name()}")
    pixels, lists = test_image(1024), ([], [], [], [])
    session.encode(pixels)
    for _ in range(args.repeats):
        profile.nodes.clear()
        session.encode(pixels)
        for at, pattern, call in ((0, r"blocks\.2\.attn\.proj\.", lambda: matmul(x)), (2, r"neck\.2\.", lambda: conv(image))):
            spent = profile.of(pattern)
            lists[at].append((spent, None))
            lists[at + 1].append(timed(call)[1:])
    row("matmul 4096 x 768 x 768", lists[0], lists[1], 2 * tokens * width * width, "ncnn")
    row("convolution 3x3, 256 to 256 at 64x64", lists[2], lists[3], 2 * 9 * channels * channels * grid * grid, "ncnn")


if __name__ == "__main__":
    main()
