#!/usr/bin/env python3
"""Judges the demo model through the vkseg command line, and the command line through PyTorch.

On generated images of the split `test`, whose seeds training never sees: mean Dice with the exact box, with one point
at the centre, and after three corrective points (each at the middle of the largest wrong piece, with the last logits as
mask prompt). With --real, also on the slices and masks of a folder, with boxes and centre points from the masks. Every
mask of vkseg is compared with that of PyTorch for the same weights and prompts.

    evaluate.py --vkseg build/bin/vkseg --model assets/demo/vkseg-demo.safetensors --count 300 --real ../shared/images
"""
import argparse
import collections
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors import safe_open

from generate import SPLITS, colour, kind_of, make
from model import Sam, normalise
from prompts import box_of, centre_of, correction


def load(path):
    with safe_open(path, "pt") as f:
        model = Sam()
        model.load_state_dict({k: f.get_tensor(k).float() for k in f.keys()})
    return model.eval()


class Reference:
    """The published way from an image to masks, in PyTorch."""

    def __init__(self, model, image):
        self.model = model
        side = model.config.side
        self.width, self.height = image.size
        scale = side / max(image.size)
        self.size = tuple(int(n * scale + 0.5) for n in image.size)
        pixels = np.asarray(image.convert("RGB").resize(self.size, Image.BILINEAR), np.float32)
        pixels = normalise(torch.from_numpy(pixels).permute(2, 0, 1)[None])
        pixels = F.pad(pixels, (0, side - self.size[0], 0, side - self.size[1]))
        with torch.no_grad():
            self.image = model.image_encoder(pixels)

    @torch.no_grad()
    def predict(self, points, labels, logits=None):
        """points [T, 2] in image pixels. -> mask, low-res logits, predicted IoU"""
        scale = np.array([self.size[0] / self.width, self.size[1] / self.height])
        points = torch.from_numpy((np.asarray(points, np.float64) * scale).astype(np.float32))[None]
        masks = given = None
        if logits is not None:
            masks, given = logits[None, None], torch.tensor([True])
        low, iou = self.model.decode(self.image, torch.zeros(1, dtype=torch.long), points, torch.tensor([labels]),
                                     masks, given)
        side = self.model.config.side
        full = F.interpolate(low[:, :1], size=(side, side), mode="bilinear", align_corners=False)
        full = F.interpolate(full[..., :self.size[1], :self.size[0]], size=(self.height, self.width), mode="bilinear",
                             align_corners=False)
        return full[0, 0].numpy() > 0, low[0, 0], float(iou[0, 0])


def dice(a, b):
    return 2 * (a & b).sum() / max(a.sum() + b.sum(), 1)


def overlap(a, b):
    return (a & b).sum() / max((a | b).sum(), 1)


def number(x):
    return repr(float(x))


class Case:
    """One prompt: what to tell PyTorch, what to tell vkseg, what is right."""

    def __init__(self, task, truth, points, labels, expected, logits=None):
        self.task, self.truth, self.expected = task, truth, expected
        self.points, self.labels, self.logits = points, labels, logits

    def words(self, folder, index):
        words = ["--object"]
        if self.labels[-1] == 3:
            words += ["--box", ",".join(map(number, np.concatenate(self.points[-2:])))]
        for (x, y), label in zip(self.points, self.labels):
            if label in (0, 1):
                words += ["--point", f"{number(x)},{number(y)}" + ("" if label else ",-")]
        if self.logits is not None:
            path = folder / f"mask{index}.npy"
            np.save(path, self.logits.numpy())
            words += ["--mask-prompt", str(path)]
        return words


def cases_of(reference, masks, corrections):
    cases = []
    for truth in masks:
        box = box_of(truth).reshape(2, 2)
        cases.append(Case("box", truth, list(box), [2, 3], reference.predict(box, [2, 3])[0]))
        points, labels = [centre_of(truth)], [1]
        got, logits, _ = reference.predict(points + [[0, 0]], labels + [-1])
        cases.append(Case("point", truth, points, labels, got))
        for k in range(corrections):
            at, label = correction(truth, got)
            points, labels, before = points + [at], labels + [label], logits
            got, logits, _ = reference.predict(points + [[0, 0]], labels + [-1], before)
        if corrections:
            cases.append(Case("corrected", truth, points, labels, got, before))
    return cases


def run_vkseg(program, model, image, cases, folder, extra):
    out = folder / "masks.npy"
    words = [program, "segment", str(image), "-m", str(model), "-q", "--overwrite", "-o", str(out), *extra]
    for index, case in enumerate(cases):
        words += case.words(folder, index)[0 if index else 1:]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"evaluate: {' '.join(words)}\n{done.stderr}")
    return np.load(out).astype(bool)


def generated(count, first, objects):
    """name, kind, image, masks"""
    for i in range(first, first + count):
        kind = kind_of("test", i)
        grey, label, good, colours = make(kind, SPLITS["test"] + i)
        plain = (colours == [[0, 0, 0], [255, 255, 255]]).all()
        image = Image.fromarray(grey if plain else colour(grey, colours))
        chosen = np.random.default_rng(i).permutation(good)[:objects]
        yield f"{kind}-{i}", kind, image, [label == k for k in chosen]


def real(folder):
    for path in sorted((folder / "masks").glob("*.png")):
        mask = np.asarray(Image.open(path).convert("L")) > 127
        source = next(p for p in folder.glob("*.png") if path.name.startswith(p.stem + "_"))
        yield path.stem, path.stem, Image.open(source).convert("RGB"), [mask]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vkseg", default="build/bin/vkseg")
    parser.add_argument("--model", type=pathlib.Path, default="assets/demo/vkseg-demo.safetensors")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--objects", type=int, default=4, help="at most so many of each image")
    parser.add_argument("--real", type=pathlib.Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--torch-only", action="store_true", help="do not run vkseg: a quick look while training")
    parser.add_argument("--json", type=pathlib.Path, help="write the results there as well")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = load(args.model)
    scores, agreement = collections.defaultdict(list), []

    def judge(images, group, corrections):
        for name, kind, image, masks in images:
            cases = cases_of(Reference(model, image), masks, corrections)
            if args.torch_only:
                got = [case.expected for case in cases]
            else:
                with tempfile.TemporaryDirectory() as folder:
                    folder = pathlib.Path(folder)
                    image.save(folder / "image.png")
                    got = run_vkseg(args.vkseg, args.model, folder / "image.png", cases, folder, ["-d", args.device])
            for mask, case in zip(got, cases):
                agreement.append((overlap(mask, case.expected), name, case.task))
                scores[group, case.task].append(dice(mask, case.truth))
                scores[f"{group} {kind}", case.task].append(dice(mask, case.truth))

    judge(generated(args.count, args.first, args.objects), "generated", 3)
    if args.real:
        judge(real(args.real), "real", 0)
    result = {f"{group}, {task}": {"dice": round(float(np.mean(v)), 4), "masks": len(v)}
              for (group, task), v in sorted(scores.items())}
    for key, value in result.items():
        print(f"{key:52} mean Dice {value['dice']:.4f}  ({value['masks']} masks)")
    if not args.torch_only:
        worst = min(agreement)
        result["agreement"] = {"worst IoU with PyTorch": round(float(worst[0]), 6), "masks": len(agreement)}
        print(f"vkseg and PyTorch: worst IoU {worst[0]:.6f} of {len(agreement)} masks ({worst[1]}, {worst[2]})")
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
