#!/usr/bin/env python3
"""The image encoders of all families in vkseg and in eager PyTorch, in one run: same generated weights and image, each
family's two sides alternately. MobileSAM, LiteMedSAM, SAM-Med2D, MedSAM2 at 512,
UniverSeg with 16 examples.

  tools/python/compare_families.py                     # build/ beside tools/; a few minutes
  tools/python/compare_families.py universeg -r 9

Both sides start from the same bytes, as large as the model wants them, and prepare them. No time is printed of a family
whose outputs differ: the embedding (of UniverSeg the logits) is compared first. Wall clocks lie on a machine that others
use, so CPU seconds of the process stand beside them; "ratio" is vkseg / PyTorch (below 1: vkseg is faster), the median of
the ratios of neighbours. Every family has a process of its own, as users have: what the C library's allocator learned
from the largest blocks of other models decides whether PyTorch's tensors are fresh pages each time, and MobileSAM takes
PyTorch 0.75 or 1.3 s with it. "faults" says how many pages an image was. PyTorch's models are our own definitions (toy_families.py, hiera_torch.py, golden_universeg.py),
which goldens of the official code prove. UniverSeg's examples are shown before: vkseg keeps what they say without an
image, PyTorch's definition, as the official one, computes it anew for every image. Needs torch and numpy."""
import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile

import numpy as np
import torch

import golden_universeg
import vkseg_c
from hiera_torch import Hiera
from measure import test_image, timed
from sam_torch import MEAN, STD, read_safetensors
from toy_families import AdaptedEncoder, TinyVit

EXAMPLES = 16
TINY_VIT = {"embed_dims": [64, 128, 160, 320], "depths": [2, 2, 6, 2], "num_heads": [0, 4, 5, 10],
            "window_sizes": [0, 7, 14, 7], "out_chans": 256}
ADAPTED = {"img_size": 256, "patch": 16, "embed_dim": 768, "depth": 12, "num_heads": 12, "mlp_ratio": 4,
           "window_size": 14, "global_attn_indexes": [2, 5, 8, 11], "out_chans": 256}


def imagenet(pixels):
    x = (torch.from_numpy(pixels).float() - torch.tensor(MEAN)) / torch.tensor(STD)
    return x.permute(2, 0, 1)[None]


def spanned(pixels):
    x = torch.from_numpy(pixels).float()
    x = (x - x.min()) / (x.max() - x.min())
    return x.permute(2, 0, 1)[None] if x.dim() == 3 else x[None, None]


class Examples(torch.nn.Module):
    def __init__(self, side):
        super().__init__()
        self.net = golden_universeg.UniverSeg([64, 64, 64, 64])
        picture = test_image(2 * side)[..., 0]
        self.images = np.stack([picture[i:i + side, 5 * i:5 * i + side] for i in range(EXAMPLES)])
        self.labels = (self.images > 128).astype(np.uint8)
        self.support = torch.stack([torch.cat([spanned(a)[0], torch.from_numpy(b).float()[None]])
                                    for a, b in zip(self.images, self.labels)])

    def load_state_dict(self, state, **_):
        return self.net.load_state_dict(state)

    def forward(self, x):
        return self.net(x, self.support)["logits"]


# name: side; the PyTorch side; its prefix in the checkpoint; preparation; what the ratio must be at most (issue 5's)
FAMILIES = {
    "mobile_sam": (1024, lambda side: TinyVit(TINY_VIT), "image_encoder.", imagenet, 1.5),
    "lite_medsam": (256, lambda side: TinyVit({**TINY_VIT, "stem_kernel": 1}), "image_encoder.", spanned, 1.9),
    "sam_med2d": (256, lambda side: AdaptedEncoder(ADAPTED), "image_encoder.", imagenet, 1.9),
    "medsam2": (512, lambda side: Hiera(), "", imagenet, 1.9),
    "universeg": (128, Examples, "", spanned, 1.9),
}


class Pair:
    """One family on both sides, shown to be equal when it is made."""

    def __init__(self, name, args, folder):
        self.name, self.times, self.faults = name, [], []
        side, build, prefix, self.prepare, self.most = FAMILIES[name]
        path = os.path.join(folder, name + ".safetensors")
        subprocess.run([os.path.join(args.build, "bin/vksegdev"), "synth", "synthetic:" + name, "-o", path], check=True,
                       stderr=subprocess.DEVNULL)
        tensors = {n.removeprefix(prefix): t for n, t in read_safetensors(path).items() if n.startswith(prefix)}
        self.model = build(side).eval()
        mine = self.model.net.state_dict() if name == "universeg" else self.model.state_dict()
        self.model.load_state_dict({n: tensors[n] for n in mine})
        self.session = vkseg_c.Session(os.path.join(args.build, "libvkseg.so"), path, args.device, family=name)
        os.remove(path)
        self.image = np.ascontiguousarray(test_image(side * 3 // 2)[:side, :side])
        if name == "universeg":
            self.image = np.ascontiguousarray(self.image[..., 0])
            self.session.show(self.model.images, self.model.labels)
        self.check()

    def peer(self):
        return self.model(self.prepare(self.image))

    def check(self):
        self.session.encode(self.image)
        got = self.session.decode() if self.name == "universeg" else self.session.embedding()
        want = self.peer()
        want = (want[0] if isinstance(want, tuple) else want).numpy().reshape(got.shape)
        error = float(np.abs(got - want).max() / np.abs(want).max())
        print(f"{self.name}: largest difference {error:.1e} of the largest value (at most 1e-04)", flush=True)
        if not error <= 1e-4:
            raise SystemExit(f"{self.name}: the outputs differ: no times are printed")

    def round(self):
        ours = timed(lambda: self.session.encode(self.image))[1:]
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        self.times.append((ours, timed(self.peer)[1:]))
        self.faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

    def show(self):
        line = f"{self.name:12}"
        for at, what in enumerate(("wall", "CPU")):
            ours, theirs = ([pair[side][at] for pair in self.times] for side in (0, 1))
            ratio = statistics.median(a / b for a, b in zip(ours, theirs))
            line += f"  {what} {statistics.median(ours) * 1e3:8.1f} {statistics.median(theirs) * 1e3:8.1f} ms, ratio {ratio:5.2f}"
        print(f"{line}  (at most {self.most}); PyTorch's faults {statistics.median(self.faults):.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="*", metavar="FAMILY", help=f"of {', '.join(FAMILIES)}; default: all")
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    parser.add_argument("--build", default=os.path.join(root, "build"), help="default: build/")
    parser.add_argument("-d", "--device", default="cpu")
    parser.add_argument("-r", "--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch")
    args = parser.parse_args()
    unknown = set(args.families) - set(FAMILIES)
    if unknown:
        sys.exit(f"no family called {', '.join(unknown)}; there are {', '.join(FAMILIES)}")
    names = args.families or list(FAMILIES)
    if len(names) > 1:
        options = ["--build", args.build, "-d", args.device, "-r", str(args.repeats), "--threads", str(args.threads)]
        sys.exit(max(subprocess.run([sys.executable, __file__, name, *options]).returncode for name in names))
    torch.set_num_threads(args.threads)
    torch.set_grad_enabled(False)
    with tempfile.TemporaryDirectory() as folder:
        pair = Pair(names[0], args, folder)
    print(f"{pair.session.device()}; PyTorch {torch.__version__}, {args.threads} threads, "
          f"{torch.backends.cpu.get_cpu_capability()}; n = {args.repeats}; image encoder, vkseg and torch, medians:", flush=True)
    for _ in range(args.repeats):
        pair.round()
    pair.show()


if __name__ == "__main__":
    main()
