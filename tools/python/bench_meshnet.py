#!/usr/bin/env python3
"""bench_meshnet.py: `vkseg predict` against PyTorch on the CPU, in turns, on the same volume and machine.

    bench_meshnet.py VKSEG MODEL_FOLDER VOLUME.nii.gz [-r TURNS] [-d DEVICE] [--threads N]

MODEL_FOLDER holds model.json (Keras layers-model). Prints, per turn, wall and CPU seconds of the network alone and their
ratios, then the medians, and the peak resident memory of vkseg. CPU seconds are what a busy machine changes least. Needs
torch and numpy; never needed to build or to test."""

import argparse
import gzip
import json
import os
import resource
import statistics
import struct
import subprocess
import tempfile
import time

import numpy as np
import torch
import torch.nn.functional as F

ACTIVATIONS = {"linear": lambda x: x, "relu": F.relu_, "elu": lambda x: F.elu_(x)}


def read_nifti(path):
    """Voxels [i][j][k] of a little-endian NIfTI-1 file of 8 bits, as the conformed volumes are."""
    with gzip.open(path) as file:
        data = file.read()
    size, kind, offset = struct.unpack_from("<8h", data, 40)[1:4], *struct.unpack_from("<h", data, 70), \
        *struct.unpack_from("<f", data, 108)
    if kind != 2:
        raise SystemExit(f"{path}: 8-bit voxels are wanted")
    return np.frombuffer(data, np.uint8, int(np.prod(size)), int(offset)).reshape(size[::-1]).transpose(2, 1, 0)


def read_network(folder):
    with open(os.path.join(folder, "model.json")) as file:
        model = json.load(file)
    data, tensors, at = b"", {}, 0
    for group in model["weightsManifest"]:
        for path in group["paths"]:
            with open(os.path.join(folder, path), "rb") as file:
                data += file.read()
        for entry in group["weights"]:
            count = int(np.prod(entry["shape"]))
            tensors[entry["name"]] = np.frombuffer(data, "<f4", count, at).reshape(entry["shape"])
            at += 4 * count
    steps = []
    for layer in model["modelTopology"]["model_config"]["config"]["layers"]:
        config = layer["config"]
        if layer["class_name"] == "Conv3D":
            weight = torch.from_numpy(tensors[layer["name"] + "/kernel"].transpose(4, 3, 0, 1, 2).copy())
            bias = torch.from_numpy(tensors[layer["name"] + "/bias"].copy())
            r = config["dilation_rate"][0]
            steps.append(lambda x, w=weight, b=bias, r=r: F.conv3d(
                x, w, b, padding=r * (w.shape[2] // 2), dilation=r if w.shape[2] > 1 else 1))
        elif layer["class_name"] == "Activation":
            steps.append(ACTIVATIONS[config["activation"]])
    return steps


def run_torch(steps, voxels):
    cpu, wall = time.process_time(), time.perf_counter()
    with torch.inference_mode():
        x = torch.from_numpy(voxels)[None, None]
        for step in steps:
            x = step(x)
        labels = x.argmax(1)[0].to(torch.uint8).numpy()
    return time.perf_counter() - wall, time.process_time() - cpu, labels


def peak_memory(pid):
    """KiB of the largest resident set so far; 0 where the system does not tell. The parent's usage of its children would
    count this program's own memory, which a child shares until it becomes vkseg."""
    try:
        with open(f"/proc/{pid}/status") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("VmHWM")), 0)
    except OSError:
        return 0


def run_vkseg(options, output):
    before, peak = resource.getrusage(resource.RUSAGE_CHILDREN), 0
    with tempfile.TemporaryFile("w+") as report:
        running = subprocess.Popen([options.vkseg, "predict", options.volume, "-m", os.path.join(options.model, "model.json"),
                                    "-d", options.device, "-o", output, "--overwrite", "--json", "-q"], stdout=report)
        while running.poll() is None:
            time.sleep(0.05)
            peak = max(peak, peak_memory(running.pid))
        if running.returncode:
            raise SystemExit(f"vkseg ended with {running.returncode}")
        report.seek(0)
        result = json.load(report)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return result["run"]["times"]["run_ms"] * 1e-3, cpu, peak / 2**20, result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("vkseg")
    parser.add_argument("model")
    parser.add_argument("volume")
    parser.add_argument("-r", type=int, default=2)
    parser.add_argument("-d", "--device", default="cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    stored = read_nifti(options.volume).astype(np.float32)
    voxels = np.ascontiguousarray((stored - stored.min()) / (stored.max() - stored.min()))
    steps, walls, cpus = read_network(options.model), [], []
    with tempfile.TemporaryDirectory() as folder:
        output = os.path.join(folder, "labels.nii.gz")
        for turn in range(options.r):
            ours, our_cpu, memory, report = run_vkseg(options, output)
            theirs, their_cpu, labels = run_torch(steps, voxels)
            equal = float((read_nifti(output) == labels).mean())
            walls.append(ours / theirs)
            cpus.append(our_cpu / their_cpu)
            print(f"turn {turn}: vkseg {ours:.1f} s wall, {our_cpu:.1f} s CPU, {memory:.2f} GiB; torch {theirs:.1f} s wall, "
                  f"{their_cpu:.1f} s CPU; ratio {walls[-1]:.2f} wall, {cpus[-1]:.2f} CPU; labels equal {equal:.7f}",
                  flush=True)
    print(f"median ratio {statistics.median(walls):.2f} wall, {statistics.median(cpus):.2f} CPU on "
          f"{report['device']['name']}, torch {torch.__version__}, {options.threads} threads")


if __name__ == "__main__":
    main()
