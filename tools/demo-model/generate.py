#!/usr/bin/env python3
"""Synthetic medical images with exact label maps, each a pure function of (kind, seed).

Invariant: nothing but a random generator goes in; no picture that anybody took is read.

    generate.py --sheet sheet.png                    a contact sheet to look at
    generate.py --out DIR --split train --count 4000 shards for train.py
    generate.py --bundle ../../assets/images         the few images that vkseg ships
    generate.py --png DIR --split test --count 300   images and label maps for evaluate.py
"""
import argparse
import json
import pathlib

import numpy as np
from scipy import ndimage

from body import ct, mr
from sights import microscopy, ultrasound
from prompts import box_of, centre_of
from shapes import SIDE, tidy

KINDS = ("ct", "mr", "ultrasound", "microscopy")
MAKERS = {"ct": ct, "mr": mr, "ultrasound": ultrasound, "microscopy": microscopy}
# Seeds of the splits never meet: image i of a split has the seed SPLITS[split] + i.
SPLITS = {"train": 0, "validation": 10_000_000, "test": 20_000_000, "bundle": 30_000_000}
# In training, CT gets the largest share; the judged splits take the kinds in turn.
TRAIN_SHARE = (0.46, 0.2, 0.14, 0.2)
SMALLEST = 120


def visible(clean, noisy, label):
    """Numbers of the objects that an eye could outline: large enough, whole enough, and of a brightness that differs
    from what lies around at most of the border."""
    good = []
    noise = float(np.median(np.abs(ndimage.laplace(noisy.astype(np.float32)))) / 3.0)
    for ident, box in enumerate(ndimage.find_objects(label), 1):
        if box is None:
            continue
        grown = tuple(slice(max(0, s.start - 5), s.stop + 5) for s in box)
        mask = label[grown] == ident
        area = int(mask.sum())
        if area < SMALLEST or area > 0.6 * SIDE * SIDE:
            continue
        core = ndimage.binary_erosion(mask, iterations=2)
        if core.sum() < 25:
            continue
        ring = ndimage.binary_dilation(mask, iterations=4) & ~ndimage.binary_dilation(mask, iterations=2)
        values = clean[grown]
        inside = values[core]
        spread = float(inside.std())
        step = np.abs(values[ring] - np.median(inside))
        need = max(2.5, 0.9 * noise, 0.8 * spread)
        if step.size and (step > need).mean() >= 0.75:
            good.append(ident)
    return good


def make(kind, seed):
    """-> grey image uint8 [256, 256], label map uint8, numbers of the objects to prompt for, and the two colours that
    grey 0 and 255 stand for, uint8 [2, 3]."""
    rng = np.random.default_rng([KINDS.index(kind), seed])
    while True:
        clean, noisy, label, colours = MAKERS[kind](rng)
        label = tidy(label)
        objects = visible(clean, noisy, label)
        if objects:
            return np.clip(noisy + 0.5, 0, 255).astype(np.uint8), label, objects, colours


def kind_of(split, index):
    if split == "train":
        return KINDS[int(np.searchsorted(np.cumsum(TRAIN_SHARE), np.random.default_rng([7, index]).uniform()))]
    return KINDS[index % len(KINDS)]


def colour(grey, colours):
    low, high = colours.astype(np.float32)
    return np.clip(low + grey[..., None] / 255.0 * (high - low) + 0.5, 0, 255).astype(np.uint8)


def write_shards(out, split, first, count, per_shard=250):
    out.mkdir(parents=True, exist_ok=True)
    for start in range(first, first + count, per_shard):
        path = out / f"{split}-{start:06d}.npz"
        if path.exists():
            continue
        greys, labels, colours, objects = [], [], [], []
        for i in range(start, min(start + per_shard, first + count)):
            grey, label, good, pair = make(kind_of(split, i), SPLITS[split] + i)
            flags = np.zeros(256, bool)
            flags[good] = True
            greys.append(grey), labels.append(label), colours.append(pair), objects.append(flags)
        partial = path.with_suffix(".tmp.npz")
        np.savez_compressed(partial, grey=np.stack(greys), label=np.stack(labels), colours=np.stack(colours),
                            objects=np.stack(objects))
        partial.rename(path)


def write_pngs(out, split, count):
    from PIL import Image
    out.mkdir(parents=True, exist_ok=True)
    index = []
    for i in range(count):
        kind = kind_of(split, i)
        grey, label, good, colours = make(kind, SPLITS[split] + i)
        name = f"{i:04d}-{kind}"
        plain = (colours == [[0, 0, 0], [255, 255, 255]]).all()
        Image.fromarray(grey if plain else colour(grey, colours)).save(out / f"{name}.png")
        Image.fromarray(label).save(out / f"{name}-label.png")
        index.append({"name": name, "kind": kind, "objects": [int(g) for g in good]})
    (out / "index.json").write_text(json.dumps(index))


# What assets/images holds: name, kind, number in the split `bundle`.
BUNDLE = (("ct_slice", "ct", 14), ("mr_slice", "mr", 4), ("ultrasound", "ultrasound", 2), ("cells", "microscopy", 3))


def write_bundle(out):
    """The bundled images with their label maps; prints the prompts of the largest object of each."""
    from PIL import Image
    out.mkdir(parents=True, exist_ok=True)
    for name, kind, number in BUNDLE:
        grey, label, good, colours = make(kind, SPLITS["bundle"] + number)
        Image.fromarray(grey).save(out / f"{name}.png", optimize=True)
        Image.fromarray(label).save(out / f"{name}_label.png", optimize=True)
        largest = max(good, key=lambda k: (label == k).sum())
        box, (x, y) = box_of(label == largest), centre_of(label == largest)
        print(f"{name}: object {largest} --box {','.join(str(int(v)) for v in box)} --point {int(x)},{int(y)}")


def sheet(path, first, rows=6):
    from PIL import Image
    tiles = []
    for k, kind in enumerate(KINDS):
        line = []
        for i in range(rows):
            grey, label, good, colours = make(kind, SPLITS["validation"] + first + i)
            edge = ndimage.grey_dilation(label, 3) != ndimage.grey_erosion(label, 3)
            edge &= np.isin(ndimage.grey_dilation(label, 3), good)
            rgb = colour(grey, colours)
            marked = rgb.copy()
            marked[edge] = (255, 210, 0)
            line.append(np.concatenate([rgb, marked], 0))
        tiles.append(np.concatenate(line, 1))
    Image.fromarray(np.concatenate(tiles, 0)).save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sheet", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--png", type=pathlib.Path)
    parser.add_argument("--bundle", type=pathlib.Path)
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=300)
    args = parser.parse_args()
    if args.sheet:
        sheet(args.sheet, args.first)
    if args.out:
        write_shards(args.out, args.split, args.first, args.count)
    if args.bundle:
        write_bundle(args.bundle)
    if args.png:
        write_pngs(args.png, args.split, args.count)


if __name__ == "__main__":
    main()
