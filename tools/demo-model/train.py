#!/usr/bin/env python3
"""Trains the demo model on shards of generate.py. Stops by the clock: the learning rate follows the share of --minutes
that is over, so that a slower machine ends with fewer steps and not with a higher rate. Run again to go on.

    train.py --data DIR --work DIR --minutes 80
"""
import argparse
import copy
import math
import pathlib
import re
import time

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

from generate import KINDS, SMALLEST, kind_of
from model import Config, Sam, normalise, whiten_patches
from muon import Muon
from prompts import box_of, centre_of, jitter, some_error


PATCH = Config().patch

# ---- data -------------------------------------------------------------------------------------------------------

class Shards:
    """All shards in memory; new ones are picked up as the generator writes them. `shares`: how often an image of each
    kind is picked; None: as they come."""

    def __init__(self, folder, split, shares=None):
        self.folder, self.split, self.names, self.parts = folder, split, set(), []
        self.shares, self.of_kind = shares, [[] for _ in KINDS]

    def refresh(self):
        for path in sorted(self.folder.glob(f"{self.split}-*.npz")):
            if path.name not in self.names and not path.name.endswith(".tmp.npz"):
                with np.load(path) as z:
                    self.parts.append({k: z[k] for k in z.files})
                self.names.add(path.name)
                for i in range(len(self.parts[-1]["grey"])):
                    kind = kind_of(self.split, int(path.stem.split("-")[1]) + i)
                    self.of_kind[KINDS.index(kind)].append((len(self.parts) - 1, i))
        return sum(len(p["grey"]) for p in self.parts)

    def pick(self, rng):
        if self.shares:
            of = self.of_kind[rng.choice(len(KINDS), p=np.array(self.shares) / sum(self.shares))]
            part, i = of[rng.integers(len(of))]
            return self.parts[part], i
        part = self.parts[rng.integers(len(self.parts))]
        return part, int(rng.integers(len(part["grey"])))


def warp(rng, grey, label, good, side):
    """Flips, quarter turns, and mostly a zoom, shift and turn; a `side` below the image's is a part of it around one of
    the objects, sometimes all of it made small."""
    if rng.uniform() < 0.5:
        grey, label = grey[:, ::-1], label[:, ::-1]
    turns = int(rng.integers(4)) if rng.uniform() < 0.6 else 0
    grey, label = np.rot90(grey, turns), np.rot90(label, turns)
    share = side / grey.shape[0]
    if share == 1 and rng.uniform() < 0.3:
        return np.ascontiguousarray(grey, np.float32), np.ascontiguousarray(label), 1.0
    angle = rng.uniform(-0.5, 0.5) if rng.uniform() < 0.5 else 0.0
    zoom = math.exp(rng.uniform(-0.5, 0.35))
    middle = np.zeros(2)
    if share < 1:
        zoom = share * math.exp(rng.uniform(-0.4, 0.3)) if rng.uniform() < 0.75 else math.exp(rng.uniform(-0.5, 0.1))
        ys, xs = np.nonzero(label == rng.choice(good))
        middle = np.array([xs.mean(), ys.mean()]) / (grey.shape[0] / 2) - 1
        middle = middle * max(0.0, 1 - zoom * 0.7)            # a large part stays on the image
    stretch = math.exp(rng.normal(0, 0.1))
    c, s = math.cos(angle) * zoom, math.sin(angle) * zoom
    shift = middle + rng.uniform(-0.25, 0.25, 2) * zoom
    theta = torch.tensor([[[c * stretch, -s, shift[0]], [s, c / stretch, shift[1]]]], dtype=torch.float32)
    at = F.affine_grid(theta, (1, 1, side, side), align_corners=False)

    def taken(x, mode):
        x = torch.from_numpy(np.ascontiguousarray(x, np.float32))[None, None]
        return F.grid_sample(x, at, mode=mode, align_corners=False)[0, 0].numpy()
    return taken(grey, "bilinear"), taken(label, "nearest").astype(np.uint8), (share / zoom) ** 2


def recolour(rng, grey, colours):
    """-> [3, H, W] in 0..255, whole numbers, as a file would hold."""
    if rng.uniform() < 0.5:
        grey = 255 * np.clip(grey / 255, 0, 1) ** math.exp(rng.normal(0, 0.25))
    if rng.uniform() < 0.4:
        contrast, middle = math.exp(rng.uniform(-1.1, 0.25)), rng.uniform(60, 190)
        grey = (grey - 128) * contrast + (middle if contrast < 0.75 else 128 + rng.normal(0, 12))
    if rng.uniform() < 0.12:
        grey = 255 - grey
    if rng.uniform() < 0.3:
        grey = ndimage.gaussian_filter(grey, rng.uniform(0.3, 1.0))
    if rng.uniform() < 0.25:
        grey = grey + rng.standard_normal(grey.shape) * rng.uniform(1, 9)
    grey = np.clip(grey, 0, 255)[None]
    if rng.uniform() < 0.08:
        colours = np.stack([rng.integers(0, 100, 3), rng.integers(140, 256, 3)])
    low, high = colours.astype(np.float32)[:, :, None, None]
    return np.floor(low + grey / 255 * (high - low) + 0.5)


def sample(rng, shards, prompts, side, boxes=0.5):
    """One image with `prompts` masks and first hints. `at`: the cell of the model's grid that its corner has."""
    while True:
        part, i = shards.pick(rng)
        every = np.flatnonzero(part["objects"][i])
        grey, label, growth = warp(rng, part["grey"][i], part["label"][i], every, side)
        areas = np.bincount(label.ravel(), minlength=256)
        before = np.bincount(part["label"][i].ravel(), minlength=256) * growth
        good = every[(areas >= SMALLEST)[every] & (areas > 0.25 * before)[every] & (areas < 0.8 * side * side)[every]]
        if len(good):
            break
    room = part["grey"].shape[1] - side
    corner = rng.integers(room // PATCH + 1, size=2)
    chosen = rng.choice(good, prompts, replace=len(good) < prompts)
    masks, points, labels = [], [], []
    for ident in chosen:
        mask = label == ident
        masks.append(mask)
        if rng.uniform() < boxes:
            box = box_of(mask)
            box = jitter(rng, box, mask.shape[0]) if rng.uniform() < 0.6 else box
            points.append(box.reshape(2, 2)), labels.append([2, 3])
        else:
            if rng.uniform() < 0.6:
                at = centre_of(mask)
            else:
                spots = np.flatnonzero(ndimage.binary_erosion(mask))
                spots = spots if len(spots) else np.flatnonzero(mask)
                at = np.array(divmod(int(rng.choice(spots)), mask.shape[1])[::-1], np.float32)
            points.append(np.stack([at, [0, 0]])), labels.append([1, -1])
    points = np.stack(points).astype(np.float32) + (corner[::-1] * PATCH).astype(np.float32)
    return {"pixels": recolour(rng, grey, part["colours"][i]).astype(np.float32), "label": label, "at": corner,
            "masks": np.stack(masks), "points": points, "labels": np.array(labels)}


class Batches(torch.utils.data.IterableDataset):
    def __init__(self, args, batch, prompts, side, seed):
        self.args, self.batch, self.prompts, self.side, self.seed = args, batch, prompts, side, seed

    def __iter__(self):
        torch.set_num_threads(1)
        rng = np.random.default_rng(self.seed)
        shards, count = Shards(self.args.data, "train", self.args.shares), 0
        while True:
            if count % 40 == 0:
                shards.refresh()
            count += 1
            samples = [sample(rng, shards, self.prompts, self.side, self.args.boxes) for _ in range(self.batch)]
            out = {k: torch.from_numpy(np.stack([s[k] for s in samples])) for k in ("pixels", "label", "at")}
            for k in ("masks", "points", "labels"):
                out[k] = torch.from_numpy(np.concatenate([s[k] for s in samples]))
            yield out


# ---- losses -----------------------------------------------------------------------------------------------------

def mask_losses(logits, target):
    """Focal and Dice loss of each mask: logits, target [..., H, W], target may be a share of a pixel. Focal is a sum over
    the size of the object: a mean over the image would leave small objects without a voice."""
    p = logits.sigmoid()
    bce = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    cells = target.shape[-1] * target.shape[-2] / 4096
    focal = (bce * (p - target).abs()).sum((-1, -2)) / (2 * target.sum((-1, -2)) + 20 * cells)
    dice = 1 - (2 * (p * target).sum((-1, -2)) + 1) / (p.sum((-1, -2)) + target.sum((-1, -2)) + 1)
    return focal, dice


def edges(label):
    """Share of each cell of a quarter patch that lies at a border of the label map: [B, 1, 4 grid, 4 grid]."""
    x = label.float()[:, None]
    edge = torch.zeros_like(x)
    edge[:, :, 1:] = (x[:, :, 1:] != x[:, :, :-1]).float()
    edge[:, :, :, 1:] = torch.maximum(edge[:, :, :, 1:], (x[:, :, :, 1:] != x[:, :, :, :-1]).float())
    return F.avg_pool2d(edge, PATCH // 4).mul_(PATCH / 8).clamp_(max=1)


def more_hints(rng, batch, low):
    """Adds one more correction to the points; -> the logits as mask prompts and who gets one."""
    scale = batch["masks"].shape[-1] // low.shape[-1]
    got = F.interpolate(low[:, None].float(), scale_factor=scale, mode="bilinear", align_corners=False)[:, 0] > 0
    truth, got = batch["masks"].numpy(), got.numpy()
    points, labels = zip(*(some_error(rng, t, g) for t, g in zip(truth, got)))
    corner = batch["at"].flip(1).repeat_interleave(len(truth) // len(batch["at"]), 0) * PATCH
    points, labels = torch.from_numpy(np.stack(points)) + corner, torch.tensor(labels)
    # A padding row stays last; with a box the corners do.
    batch["points"] = torch.cat([points[:, None], batch["points"]], 1)
    batch["labels"] = torch.cat([labels[:, None], batch["labels"]], 1)
    given = torch.from_numpy(rng.uniform(size=len(truth)) < 0.6)
    return low[:, None].float().clamp(-32, 32), given


def step_loss(parts, batch, rng, progress):
    """`parts`: encoder, decoder and head of the border map, as functions."""
    encode, decode, boundary = parts
    b = batch["pixels"].shape[0]
    prompts = batch["masks"].shape[0] // b
    of = torch.arange(b).repeat_interleave(prompts)
    corrections = int(rng.choice([0, 1, 2, 3], p=[0.6, 0.2, 0.1, 0.1])) if progress > 0.15 else 0
    masks = given = None
    at = batch["at"]
    with torch.autocast("cpu", torch.bfloat16):
        image = encode(normalise(batch["pixels"]), at)
        for _ in range(corrections):
            with torch.no_grad():
                low, _ = decode(image.detach(), of, batch["points"], batch["labels"], masks, given, at)
            masks, given = more_hints(rng, batch, low[:, 0])
        low, iou = decode(image, of, batch["points"], batch["labels"], masks, given, at)
        edge = boundary(image.permute(0, 2, 3, 1))
    low, iou = low.float(), iou.float()
    target = F.avg_pool2d(batch["masks"].float()[:, None], batch["masks"].shape[-1] // low.shape[-1])
    focal, dice = mask_losses(low, target.expand_as(low))
    each = focal + dice
    single, three = each[:, 0].mean(), each[:, 1:].min(1).values.mean()
    with torch.no_grad():
        got, want = low > 0, target > 0.5
        true_iou = (got & want).sum((-1, -2)) / (got | want).sum((-1, -2)).clamp(min=1)
    iou_loss = F.mse_loss(iou, true_iou)
    edge = edge.float().unflatten(-1, (4, 4)).permute(0, 1, 3, 2, 4).flatten(3, 4).flatten(1, 2)
    edge_loss = F.binary_cross_entropy_with_logits(edge, edges(batch["label"])[:, 0])
    loss = single + 0.4 * three + iou_loss + (2 * (1 - progress) + 0.05) * edge_loss
    return loss, {"dice": 1 - dice[:, 0].mean().item(), "iou": true_iou[:, 0].mean().item(),
                  "three": three.item(), "iou_loss": iou_loss.item(), "edge": edge_loss.item()}


# ---- judging while training -------------------------------------------------------------------------------------

@torch.no_grad()
def validate(model, shards, images=80, objects=4):
    """Mean Dice with exact boxes and with centre points, on full-size masks; and per kind of hint the predicted IoU's
    mean error."""
    rng = np.random.default_rng(5)
    scores = {"box": [], "point": []}
    part = shards.parts[0]
    for i in range(min(images, len(part["grey"]))):
        low, high = part["colours"][i].astype(np.float32)[:, :, None, None]
        pixels = np.floor(low + part["grey"][i][None] / 255 * (high - low) + 0.5)
        ids = np.flatnonzero(part["objects"][i])
        masks = [part["label"][i] == k for k in rng.choice(ids, min(objects, len(ids)), replace=False)]
        points = np.stack([box_of(m).reshape(2, 2) for m in masks] + [np.stack([centre_of(m), [0, 0]]) for m in masks])
        labels = torch.tensor([[2, 3]] * len(masks) + [[1, -1]] * len(masks))
        with torch.autocast("cpu", torch.bfloat16):
            image = model.image_encoder(normalise(torch.from_numpy(pixels.astype(np.float32))[None]))
            out, _ = model.decode(image, torch.zeros(len(labels), dtype=torch.long),
                                  torch.from_numpy(points.astype(np.float32)), labels)
        got = F.interpolate(out[:, :1].float(), size=masks[0].shape, mode="bilinear", align_corners=False)[:, 0].numpy() > 0
        for k, mask in enumerate(masks * 2):
            dice = 2 * (got[k] & mask).sum() / (got[k].sum() + mask.sum())
            scores["box" if k < len(masks) else "point"].append(dice)
    return {k: float(np.mean(v)) for k, v in scores.items()}


# ---- the loop ---------------------------------------------------------------------------------------------------

def rate(progress, steps, peak, warmup):
    return peak * min(1, (steps + 1) / warmup) * max(0.01, 1 - progress)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=80)
    parser.add_argument("--parts", type=int, nargs=3, default=(128, 8, 6), metavar=("SIDE", "IMAGES", "PROMPTS"),
                        help="a step of the first stage, on parts of images (default: %(default)s)")
    parser.add_argument("--whole", type=int, nargs=2, default=(3, 8), metavar=("IMAGES", "PROMPTS"),
                        help="a step of the second stage, on whole images (default: %(default)s)")
    parser.add_argument("--whole-from", type=float, default=0.7, help="share of the time after which that begins")
    parser.add_argument("--peak", type=float, default=3e-3, help="of AdamW")
    parser.add_argument("--peak-inner", type=float, default=0.02, help="of Muon")
    parser.add_argument("--warmup", type=int, default=50)
    parser.add_argument("--shares", type=float, nargs=len(KINDS), metavar=tuple(k.upper() for k in KINDS),
                        help="how often an image of each kind is taken (default: as they come)")
    parser.add_argument("--boxes", type=float, default=0.5, help="share of the prompts that are boxes")
    parser.add_argument("--keep", type=float, default=0.99, help="of the running average, at each step")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--no-compile", action="store_true", help="do without torch.compile, which needs a C++ compiler")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    args.work.mkdir(parents=True, exist_ok=True)
    path = args.work / "state.pt"

    shards = Shards(args.data, "validation")
    shards.refresh()
    model = Sam(Config())
    whiten_patches(model, torch.from_numpy(shards.parts[0]["grey"][:100]))
    boundary = torch.nn.Linear(model.config.channels, 16)
    average = copy.deepcopy(model).requires_grad_(False)
    inner = re.compile(r"(blocks|transformer)\..*(qkv|proj|lin1|lin2)\.weight$|neck\.[02]\.weight$")
    mapping = [(n, p) for n, p in model.named_parameters() if inner.search(n)]
    # All pixels of a patch pull the same way: at the common rate its brightness would soon drown all else.
    patches = [model.image_encoder.patch_embed.proj.weight]
    others = [p for n, p in model.named_parameters() if not inner.search(n) and p is not patches[0]]
    others += list(boundary.parameters())
    optimisers = [Muon(mapping, weight_decay=0.02), torch.optim.AdamW(patches, betas=(0.9, 0.98), weight_decay=0),
                  torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.01)]
    peaks = [args.peak_inner, args.peak * 0.02, args.peak]
    steps, spent = 0, 0.0
    if path.exists():
        state = torch.load(path, weights_only=True)
        model.load_state_dict(state["model"]), average.load_state_dict(state["average"])
        boundary.load_state_dict(state["boundary"])
        for optimiser, kept in zip(optimisers, state["optimisers"]):
            optimiser.load_state_dict(kept)
        steps, spent = state["steps"], state["spent"]
        print(f"going on after {steps} steps, {spent / 60:.1f} minutes", flush=True)

    parts = [model.image_encoder, model.decode, boundary]
    if not args.no_compile:
        parts[:2] = [torch.compile(f, dynamic=d) for f, d in zip(parts, (False, None))]

    def batches(stage):
        side, images, prompts = args.parts if stage == 0 else (model.config.side, *args.whole)
        return iter(torch.utils.data.DataLoader(Batches(args, images, prompts, side, args.seed + steps),
                                                batch_size=None, num_workers=1, prefetch_factor=3))

    stage, loader = None, None
    rng = np.random.default_rng(args.seed + 1000 + steps)
    sums, began, last, judged = {}, time.monotonic(), time.monotonic(), time.monotonic()

    def save():
        state = {"model": model.state_dict(), "average": average.state_dict(), "boundary": boundary.state_dict(),
                 "optimisers": [o.state_dict() for o in optimisers], "steps": steps, "spent": spent}
        torch.save(state, path.with_suffix(".tmp"))
        path.with_suffix(".tmp").rename(path)

    while spent < args.minutes * 60:
        progress = spent / (args.minutes * 60)
        for optimiser, peak in zip(optimisers, peaks):
            optimiser.param_groups[0]["lr"] = rate(progress, steps, peak, args.warmup)
        if stage != (progress >= args.whole_from):
            stage = progress >= args.whole_from
            loader = batches(stage)
        loss, shown = step_loss(parts, next(loader), rng, progress)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(others, 1.0)     # Muon takes no notice of the length
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        steps += 1
        keep = min(args.keep, 1 - 1 / (0.05 * steps + 2))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - keep)
        now = time.monotonic()
        spent, last = spent + min(now - last, 60), now        # the machine may have slept
        shown.update(loss=loss.item(), norm=norm.item())
        for k, v in shown.items():
            sums[k] = sums.get(k, 0.0) + v
        if steps % 50 == 0:
            words = " ".join(f"{k} {v / 50:.4f}" for k, v in sums.items())
            print(f"{steps} {spent / 60:.1f}min rate {rate(progress, steps, 1, args.warmup):.3f} {words}", flush=True)
            sums = {}
        if now - judged > 300 or spent >= args.minutes * 60:
            save()
            scores = validate(average.eval(), shards)
            judged = time.monotonic()
            print(f"{steps} {spent / 60:.1f}min validation " + " ".join(f"{k} {v:.4f}" for k, v in scores.items()),
                  flush=True)
    save()
    print(f"done: {steps} steps, {spent / 60:.1f} minutes, this run {(time.monotonic() - began) / 60:.1f}", flush=True)


if __name__ == "__main__":
    main()
