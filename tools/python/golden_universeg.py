#!/usr/bin/env python3
"""golden_universeg.py: goldens of a tiny UniverSeg (arXiv 2304.06131) from our own PyTorch definition, which convolves
target and support joined, as the paper draws it, and knows nothing of the split that vkseg uses.

    golden_universeg.py make FOLDER         writes case.json, weights.tsv and arrays (assets/golden/universeg_toy)
    golden_universeg.py check CASE_FOLDER   runs the definition on a case of the official code
                                            (../shared/oracle/07a_universeg_small): what proves the definition"""

import copy
import json
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from golden import describe, draw_grey, half_copy, load, read_table, table_rows, write_table

CONFIG = {"encoder_blocks": [4, [8, 12], 8], "image_size": 32}
SUPPORTS = 6            # more than vkseg has in work at once, and no multiple of it
SEEDS = (521, 524)     # chosen so that the mask has foreground and background


class Conv(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)

    def forward(self, x):
        return F.leaky_relu(self.conv(x), 0.01)


class Each(nn.Module):
    """The published name of a module that runs on every entry of a group."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.vmapped = Conv(inputs, outputs)

    def forward(self, x):
        return self.vmapped(x)


class Cross(nn.Module):
    def __init__(self, target, support, outputs):
        super().__init__()
        self.cross_conv = nn.Conv2d(target + support, outputs, 3, padding=1)

    def forward(self, target, support):
        return self.cross_conv(torch.cat([target.expand(support.shape[0], -1, -1, -1), support], 1))


class Block(nn.Module):
    def __init__(self, target, support, cross, outputs):
        super().__init__()
        self.cross = Cross(target, support, cross)
        self.target, self.support = Each(cross, outputs), Each(cross, outputs)

    def forward(self, target, support):
        both = self.cross(target, support)
        return self.target(both.mean(0, keepdim=True)), self.support(both)


class Out(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, 1, 1)

    def forward(self, x):
        return self.conv(x)


class UniverSeg(nn.Module):
    def __init__(self, blocks):
        super().__init__()
        sizes = [(b, b) if isinstance(b, int) else tuple(b) for b in blocks]
        self.enc_blocks, self.dec_blocks = nn.ModuleList(), nn.ModuleList()
        target, support, skips = 1, 2, []
        for cross, outputs in sizes:
            self.enc_blocks.append(Block(target, support, cross, outputs))
            target = support = outputs
            skips.append(outputs)
        for (cross, outputs), skip in zip(sizes[-2::-1], skips[-2::-1]):
            self.dec_blocks.append(Block(target + skip, target + skip, cross, outputs))
            target = outputs
        self.out_conv = Out(target)

    def forward(self, target, support):
        """target [1, 1, H, W], support [S, 2, H, W]: image, label. -> logits and every block's results"""
        out, skips = {}, []
        for i, block in enumerate(self.enc_blocks):
            if i:
                target, support = F.max_pool2d(target, 2), F.max_pool2d(support, 2)
            target, support = block(target, support)
            out[f"enc{i}_target_sub"], out[f"enc{i}_support_s0_sub"] = target[None], support[None, :1]
            skips.append((target, support))
        for i, block in enumerate(self.dec_blocks):
            joined = [torch.cat([F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True), skip], 1)
                      for x, skip in zip((target, support), skips[-2 - i])]
            target, support = block(*joined)
            out[f"dec{i}_target_sub"], out[f"dec{i}_support_s0_sub"] = target[None], support[None, :1]
        out["logits"] = self.out_conv(target)
        out["mask"] = (out["logits"] > 0).to(torch.uint8)
        return out


def rounded(model):
    half = half_copy(model)
    half._forward_hooks.clear()        # what the whole returns is a dictionary of what its parts have rounded
    return half


def run(model, target, images, labels, dtype):
    support = torch.stack([torch.from_numpy(images).to(dtype) / 255, torch.from_numpy(labels).to(dtype)], 1)
    with torch.no_grad():
        return model.to(dtype)(torch.from_numpy(target)[None, None].to(dtype) / 255, support)


def make(folder):
    model = UniverSeg(CONFIG["encoder_blocks"])
    load(model, table_rows(model, SEEDS))
    side = CONFIG["image_size"]
    picture = draw_grey(side * 2, side * (SUPPORTS + 1) + 40)
    images = np.stack([picture[i:i + side, i * side:(i + 1) * side] for i in range(SUPPORTS)])
    labels = (images > np.median(images)).astype(np.uint8)
    target = np.ascontiguousarray(picture[side // 2:side // 2 + side, 20:20 + side])
    runs = [run(one, target, images, labels, dtype) for dtype, one in
            ((torch.float32, copy.deepcopy(model)), (torch.float64, copy.deepcopy(model)),
             (torch.float32, rounded(model)))]
    os.makedirs(folder, exist_ok=True)
    for old in os.listdir(folder):
        os.remove(os.path.join(folder, old))
    for name, value in (("target", target), ("support_images", images), ("support_labels", labels)):
        np.save(os.path.join(folder, name + ".npy"), value)
    for name in runs[0]:
        np.save(os.path.join(folder, name + ".npy"), runs[0][name].numpy())
    write_table(os.path.join(folder, "weights.tsv"), model, SEEDS)
    case = {"case": os.path.basename(os.path.abspath(folder)), "family": "universeg", "config": CONFIG,
            "title": "tiny UniverSeg, by tools/python/golden_universeg.py (PyTorch, our own definition)",
            "prompts": [], "arrays": [describe(name, *(r[name] for r in runs)) for name in runs[0]]}
    with open(os.path.join(folder, "case.json"), "w", encoding="utf-8") as out:
        json.dump(case, out, indent=1)
        out.write("\n")
    print(f"{len(runs[0])} arrays, foreground {runs[0]['mask'].float().mean().item():.3f}")


def check(folder):
    with open(os.path.join(folder, "case.json"), encoding="utf-8") as text:
        case = json.load(text)
    model = load(UniverSeg(case["config"]["encoder_blocks"]), read_table(os.path.join(folder, "weights.tsv")))
    got = run(model, *(np.load(os.path.join(folder, n + ".npy"))
                       for n in ("target", "support_images", "support_labels")), torch.float32)
    bad = 0
    for entry in case["arrays"]:
        name = entry["file"][:-4]
        want = np.load(os.path.join(folder, entry["file"]))
        mine = got[name].numpy()
        step = mine.shape[-1] // want.shape[-1]
        mine = mine[..., ::step, ::step].reshape(want.shape)
        limit = entry["tol_fp32"].get("max_abs")
        error = np.abs(mine.astype(np.float64) - want).max()
        good = error <= limit if limit is not None else (mine == want).mean() > 0.999
        bad += not good
        print(f"{name:28} {error:.3g} {'ok' if good else 'FAILED'}")
    return bad


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("make", "check"):
        sys.exit(__doc__)
    torch.set_num_threads(1)
    sys.exit(check(sys.argv[2]) if sys.argv[1] == "check" else make(sys.argv[2]))


if __name__ == "__main__":
    main()
