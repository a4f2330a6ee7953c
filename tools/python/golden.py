#!/usr/bin/env python3
"""golden.py: goldens of a tiny SAM, and MedSAM with the same weights, from our own PyTorch definition (toy_sam.py).

    golden.py make FOLDER          writes case.json, weights.tsv and the arrays (assets/golden/sam_toy is made so)
    golden.py check CASE_FOLDER    runs the definition on a case of the official code (../shared/oracle/01m_sam_mini) and
                                   compares every array it can make: what proves the definition

The layout of a case is that of ../shared/oracle, and so is the rule for tolerances: fp32 ten times the difference between
float32 and float64 (at least 1e-6 of the maximum, 2e-5, and 1e-4 of the rms); fp16 three times what rounding every
weight and every module's output to float16 gives (at least twice the fp32 tolerance; 0.02 for scores, 0.004 for prompt
tokens). Needs torch, numpy, Pillow and scipy; never needed to build or to test."""

import copy
import json
import os
import sys
import zlib

import numpy as np
import scipy.ndimage
import torch
import torch.nn.functional as F
from PIL import Image

from toy_sam import Sam

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)

# Grid 5 in windows of 3 (padded to 6); the global block's table was made for another grid and is interpolated.
CONFIG = {
    "img_size": 80, "patch": 16, "embed_dim": 32, "depth": 3, "num_heads": 2, "mlp_ratio": 4, "window_size": 3,
    "global_attn_indexes": [1], "global_table": 11, "out_chans": 64, "decoder_depth": 2, "decoder_heads": 8,
    "decoder_mlp_dim": 96, "iou_head_depth": 3, "iou_head_hidden": 48, "mask_in_chans": 8,
}
SEEDS = (311, 413)      # encoder; the rest. Chosen so that masks have foreground and background.
BOX = [14, 9, 66, 48]
PROMPTS = [
    {"points": [[45, 30]], "labels": [1], "multimask": True},
    {"points": [[45, 30]], "labels": [1], "multimask": False},
    {"points": [[12, 50], [70.25, 8.75], [80, 55], [30, 31]], "labels": [1, 0, 1, 0], "multimask": True},
    {"box": BOX, "multimask": False},
    {"box": BOX, "points": [[40, 25], [20, 15]], "labels": [1, 0], "multimask": False},
    {"points": [[30, 40]], "labels": [1], "mask_input": "mask_input_from_p1.npy", "multimask": False},
    {"mask_input": "mask_input_from_p1.npy", "multimask": True},
    {"none": True, "multimask": True},
    {"batched_boxes": [BOX, [0, 0, 90, 60], [50.5, 30.5, 85.0, 55.0]], "multimask": False},
]
MEDSAM_BOX = [20, 15, 75, 58]


# ---- weights: drawn from a counter, so that a table is all that is stored ----


def draw(name, seed, c, a, count):
    mask = (1 << 64) - 1
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = ((h ^ byte) * 0x100000001B3) & mask
    state = np.uint64(h ^ ((seed * 0x9E3779B97F4A7C15) & mask))
    with np.errstate(over="ignore"):
        z = state + np.uint64(0x9E3779B97F4A7C15) * np.arange(1, count + 1, dtype=np.uint64)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    u = ((z >> np.uint64(40)).astype(np.int64) - (1 << 23)) / float(1 << 23)
    return (np.float64(np.float32(c)) + np.float64(np.float32(a)) * u).astype(np.float32)


def spread(name, shape):
    """(c, a) of a tensor, by what it is."""
    if name.endswith("gaussian_matrix"):
        return 0.0, 3**0.5
    if "rel_pos" in name:
        return 0.0, 0.3
    if "pos_embed" in name:
        return 0.0, 0.5
    if "embed" in name and len(shape) == 2 and shape[0] == 1 or "token.weight" in name or "tokens.weight" in name:
        return 0.0, 1.0
    if len(shape) == 1:
        return (1.0, 0.3) if name.endswith("weight") else (0.0, 0.2)
    fan_in = int(np.prod(shape[1:])) if "output_upscaling" not in name else shape[0]
    gain = 3.0 if "hypernetworks" in name else 1.5 if "output_upscaling" in name else 1.0
    return 0.0, gain * (3.0 / fan_in) ** 0.5


def table_rows(model, seeds):
    for name, tensor in sorted(model.state_dict().items(), key=lambda item: item[0].encode()):
        shape = tuple(tensor.shape)
        c, a = (float(np.float32(v)) for v in spread(name, shape))
        yield name, shape, seeds[0] if name.startswith("image_encoder") else seeds[1], c, a


def write_table(path, model, seeds):
    with open(path, "w", encoding="utf-8") as out:
        out.write("#name\tdtype\tshape\tseed\tc\ta\tcrc32\tfirst\tlast\n")
        for name, shape, seed, c, a in table_rows(model, seeds):
            values = draw(name, seed, c, a, int(np.prod(shape)))
            c, a, first, last = (str(np.float32(v)) for v in (c, a, values[0], values[-1]))
            out.write(f"{name}\tF32\t{','.join(map(str, shape))}\t{seed}\t{c}\t{a}\t"
                      f"{zlib.crc32(values.astype('<f4').tobytes()):08x}\t{first}\t{last}\n")


def load(model, rows):
    model.load_state_dict({name: torch.from_numpy(draw(name, seed, c, a, int(np.prod(shape))).reshape(shape))
                           for name, shape, seed, c, a in rows})
    return model.eval()


def read_table(path):
    for line in open(path, encoding="utf-8"):
        if not line.startswith("#"):
            name, _, shape, seed, c, a = line.split("\t")[:6]
            yield name, tuple(int(s) for s in shape.split(",")), int(seed), float(c), float(a)


# ---- images ----


def draw_rgb(height, width):
    """Smooth shapes with edges: an ellipse, a bar and a gradient."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    image = np.stack([x * 2 + y, 200 - y * 2 + 20 * np.sin(x / 5), 90 + 60 * np.cos((x + 2 * y) / 11)], axis=-1)
    inside = ((x - 0.45 * width) / (0.3 * width)) ** 2 + ((y - 0.5 * height) / (0.32 * height)) ** 2 < 1
    image[inside] = image[inside] * 0.3 + [150, 40, 90]
    image[int(0.1 * height):int(0.2 * height), int(0.5 * width):] = [240, 230, 20]
    return np.clip(image, 0, 255).astype(np.uint8)


def draw_grey(height, width):
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    body = ((x - 0.5 * width) / (0.45 * width)) ** 2 + ((y - 0.5 * height) / (0.4 * height)) ** 2 < 1
    organ = ((x - 0.6 * width) / (0.15 * width)) ** 2 + ((y - 0.45 * height) / (0.2 * height)) ** 2 < 1
    return np.clip(10 + 95 * body + 80 * organ + 12 * np.sin(x / 2.3) * np.cos(y / 3.1), 0, 255).astype(np.uint8)


def resize_pillow(image, side):
    """Longest side to `side`; columns before rows, as Pillow did up to version 9."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    new_height, new_width = int(height * scale + 0.5), int(width * scale + 0.5)
    across = Image.fromarray(image).resize((new_width, height), Image.BILINEAR)
    return np.asarray(across.resize((new_width, new_height), Image.BILINEAR))


def resize_cubic(image, side):
    """skimage.transform.resize(order=3, anti_aliasing=True, preserve_range=True) before .astype(uint8)."""
    source = image.astype(np.float64)
    factors = [n / side for n in image.shape]
    sigma = [max(0.0, (f - 1) / 2) for f in factors]
    smooth = scipy.ndimage.gaussian_filter(source, sigma, mode="mirror")
    result = scipy.ndimage.zoom(smooth, [1 / f for f in factors], order=3, mode="mirror", grid_mode=True)
    return np.clip(result, source.min(), source.max())


def normalise(resized, side):
    x = (torch.from_numpy(resized.copy()).float() - torch.tensor(MEAN)) / torch.tensor(STD)
    x = x.permute(2, 0, 1)
    return F.pad(x, (0, side - x.shape[2], 0, side - x.shape[1]))[None]


# ---- one run, as name -> array ----


class Watch:
    """Outputs of modules by path, of the last forward."""

    def __init__(self, model):
        self.seen = {}
        for path, module in model.named_modules():
            module.register_forward_hook(lambda m, i, o, path=path: self.seen.__setitem__(path, o))


def full_size(logits, side, resized, original):
    x = F.interpolate(logits, (side, side), mode="bilinear", align_corners=False)
    return F.interpolate(x[..., :resized[0], :resized[1]], original, mode="bilinear", align_corners=False)


def run_encoder(model, watch, pixels, config, out):
    embedding = model.image_encoder(pixels)
    out["patch_embed"] = watch.seen["image_encoder.patch_embed"]
    for i in range(config["depth"]):
        out[f"block{i}"] = watch.seen[f"image_encoder.blocks.{i}"]
    out["block0_norm1"] = watch.seen["image_encoder.blocks.0.norm1"]
    out["block0_attn_windows"] = watch.seen["image_encoder.blocks.0.attn"]
    out["neck_ln1"] = watch.seen["image_encoder.neck.1"]
    out["image_embedding"] = embedding
    return embedding


def show_decoder(watch, decoder, prefix, out):
    for i in range(len(decoder.transformer.layers)):
        queries, keys = watch.seen[f"mask_decoder.transformer.layers.{i}"]
        out[f"{prefix}dec_layer{i}_queries"], out[f"{prefix}dec_layer{i}_keys"] = queries, keys
    out[f"{prefix}dec_final_tokens"] = watch.seen["mask_decoder.transformer"][0]
    out[f"{prefix}upscaled_embedding"] = watch.seen["mask_decoder.output_upscaling"]
    out[f"{prefix}hyper_in"] = decoder.shown["hyper_in"]


def run_prompt(model, watch, prompt, frame, embedding, mask, prefix, out):
    dtype = embedding.dtype
    scale = torch.tensor([frame["resized"][1] / frame["original"][1], frame["resized"][0] / frame["original"][0]],
                         dtype=torch.float64)

    def place(values, shape):
        return (torch.tensor(values, dtype=torch.float64).reshape(-1, 2) * scale).reshape(shape).to(dtype)

    points = place(prompt["points"], (1, -1, 2)) if "points" in prompt else None
    labels = torch.tensor([prompt["labels"]]) if "points" in prompt else None
    boxes = prompt.get("batched_boxes") or ([prompt["box"]] if "box" in prompt else None)
    boxes = place(boxes, (-1, 4)) if boxes else None
    sparse = model.prompt_encoder.sparse(points, labels, boxes)
    dense = model.prompt_encoder.dense(mask, 1 if sparse is None else len(sparse))
    masks, iou = model.mask_decoder(embedding, model.prompt_encoder.dense_pe(), sparse, dense)
    keep = slice(1, None) if prompt["multimask"] else slice(0, 1)
    masks, iou = masks[:, keep], iou[:, keep]
    batch = "batched_boxes" in prompt
    if sparse is not None:
        out[prefix + "sparse"] = sparse
    if mask is not None:
        out[prefix + "dense"] = dense
    out[prefix + "lowres"] = masks if batch else masks[0]
    out[prefix + "iou"] = iou if batch else iou[0]
    show_decoder(watch, model.mask_decoder, prefix, out)
    return masks


def run_sam(model, config, image, prompts, mask_input, dtype):
    watch, side, out = Watch(model), config["img_size"], {}
    resized = resize_pillow(image, side)
    pixels = normalise(resized, side).to(dtype)
    frame = {"original": image.shape[:2], "resized": resized.shape[:2]}
    out["resized_u8"], out["preprocessed"] = torch.from_numpy(resized.copy()), pixels
    embedding = run_encoder(model, watch, pixels, config, out)
    out["dense_pe"] = model.prompt_encoder.dense_pe()
    out["no_mask_dense"] = model.prompt_encoder.no_mask_embed.weight
    for i, prompt in enumerate(prompts):
        prefix = f"p{i}_"
        mask = mask_input.to(dtype)[None] if "mask_input" in prompt else None
        logits = full_size(run_prompt(model, watch, prompt, frame, embedding, mask, prefix, out), side,
                           frame["resized"], frame["original"])
        out[prefix + "logits"] = logits[0]
        out[prefix + "mask"] = (logits[0] > 0).to(torch.uint8)
    return {name: value.detach().clone() for name, value in out.items()}


def run_medsam(model, config, image, box, dtype):
    watch, side, out = Watch(model), config["img_size"], {}
    resized = resize_cubic(image, side).astype(np.uint8)
    whole = np.repeat(resized[..., None], 3, axis=2)
    low, high = resized.min(), resized.max()
    pixels = torch.from_numpy((whole.astype(np.float64) - low) / max(high - low, 1e-8)).to(dtype).permute(2, 0, 1)[None]
    frame = {"original": image.shape, "resized": (side, side)}
    out["medsam_resized_u8"] = torch.from_numpy(resized)
    out["medsam_model_input"] = pixels[:, :1]
    out["medsam_image_embedding"] = embedding = model.image_encoder(pixels)
    shown = {}
    logits = run_prompt(model, watch, {"box": box, "multimask": False}, frame, embedding, None, "", shown)
    out["medsam_sparse"], out["medsam_lowres"] = shown["sparse"], logits
    values = F.interpolate(torch.sigmoid(logits), image.shape, mode="bilinear", align_corners=False)
    out["medsam_logits"] = values[0]
    out["medsam_seg"] = (values[0, 0] > 0.5).to(torch.uint8)
    return {name: value.detach().clone() for name, value in out.items()}, whole


def half_copy(model):
    """Every weight and every module's output rounded to float16, arithmetic in float32."""
    model = copy.deepcopy(model)

    def round_half(value):
        return value.half().float() if isinstance(value, torch.Tensor) else tuple(round_half(v) for v in value)

    with torch.no_grad():
        for tensor in list(model.parameters()) + list(model.buffers()):
            tensor.copy_(tensor.half().float())
    for module in model.modules():
        module.register_forward_hook(lambda m, i, o: round_half(o))
    return model


# ---- tolerances and files ----

KEPT = {     # by prompt: what is stored besides sparse, lowres and iou
    "p0_": ["mask"], "p1_": ["logits", "mask"], "p5_": ["dense", "mask"], "p6_": ["dense", "mask"], "p7_": ["mask"],
    "p3_": ["mask", "dec_layer0_queries", "dec_layer0_keys", "dec_layer1_queries", "dec_layer1_keys",
            "dec_final_tokens", "upscaled_embedding", "hyper_in"],
}


def wanted(name):
    prefix, _, kind = name.partition("_")
    if not (prefix[0] == "p" and prefix[1:].isdigit()):
        return True
    return kind in ["sparse", "lowres", "iou"] + KEPT.get(prefix + "_", [])


def overlap(a, b):
    either = ((a > 0) | (b > 0)).sum().item()
    return ((a > 0) & (b > 0)).sum().item() / either if either else 1.0


def describe(name, single, double, half):
    entry = {"file": name + ".npy", "shape": list(single.shape), "dtype": str(single.dtype).split(".")[1]}
    if single.dtype == torch.uint8:
        if name.endswith("resized_u8"):
            entry["tol_fp32"] = {"max_abs": 1, "fraction_exact_min": 0.999}
        else:
            entry["tol_fp32"] = {"min_iou": 0.999, "rule": "pixels beyond the logit tolerance must agree exactly"}
            entry["tol_fp16"] = {"min_iou": round(min(0.985, 1 - 3 * (1 - overlap(single, half))), 4)}
            if name == "medsam_seg":
                del entry["tol_fp32"]["rule"]
        return entry
    reference = single.double()
    top, rms = reference.abs().max().item(), reference.square().mean().sqrt().item()
    error = (reference - double).abs().max().item()
    limit = max(10 * error, 1e-6 * top, 2e-5, 1e-4 * rms)
    apart = half.double() - reference
    entry["tol_fp32"] = {"max_abs": float(f"{limit:.2g}")}
    least = 0.02 if name.endswith("iou") else 0.004 if name.endswith("sparse") else 2 * limit
    entry["tol_fp16"] = {"max_abs": float(f"{max(3 * apart.abs().max().item(), least):.2g}")}
    if least == 2 * limit:
        entry["tol_fp16"]["rel_rms"] = float(f"{max(3 * apart.norm().item() / reference.norm().item(), 1e-4):.2g}")
    if name in ("preprocessed", "medsam_model_input", "no_mask_dense"):
        del entry["tol_fp16"]           # weights do not touch them
    return entry


def make(folder):
    torch.manual_seed(0)
    model = Sam(CONFIG)
    load(model, table_rows(model, SEEDS))
    image, grey = draw_rgb(60, 90), draw_grey(70, 100)
    side, runs, prompts = CONFIG["img_size"], [], []
    first = run_sam(copy.deepcopy(model), CONFIG, image, PROMPTS[:2], None, torch.float32)
    mask_input = first["p1_lowres"]
    for dtype, one in ((torch.float32, copy.deepcopy(model)), (torch.float64, copy.deepcopy(model).double()),
                       (torch.float32, half_copy(model))):
        arrays = run_sam(one, CONFIG, image, PROMPTS, mask_input, dtype)
        second, whole = run_medsam(one, CONFIG, grey, MEDSAM_BOX, dtype)
        runs.append({**arrays, **second})
    os.makedirs(folder, exist_ok=True)
    for old in os.listdir(folder):
        if old.endswith(".npy"):
            os.remove(os.path.join(folder, old))
    entries = [{"file": "mask_input_from_p1.npy", "shape": list(mask_input.shape), "dtype": "float32",
                "tol_fp32": {"max_abs": 0}}]
    np.save(os.path.join(folder, "mask_input_from_p1.npy"), mask_input.numpy())
    np.save(os.path.join(folder, "input.npy"), image)
    np.save(os.path.join(folder, "medsam_input.npy"), grey)
    for name in runs[0]:
        if wanted(name):
            np.save(os.path.join(folder, name + ".npy"), runs[0][name].numpy())
            entries.append(describe(name, *(run[name] for run in runs)))
    for i, prompt in enumerate(PROMPTS):
        shares = runs[0][f"p{i}_mask"].float().mean(dim=(1, 2)).tolist()
        prompts.append({**prompt, "id": f"p{i}", "foreground_fraction": [round(s, 3) for s in shares]})
    write_table(os.path.join(folder, "weights.tsv"), model, SEEDS)
    case = {
        "case": os.path.basename(os.path.abspath(folder)), "family": "sam", "config": CONFIG,
        "title": "tiny SAM, and MedSAM with the same weights, by tools/python/golden.py (PyTorch, our own definition)",
        "input": {"file": "input.npy", "original_size_hw": list(image.shape[:2]),
                  "resized_u8_crc32": f"{zlib.crc32(runs[0]['resized_u8'].numpy().tobytes()):08x}"},
        "prompts": prompts,
        "medsam": {"input_file": "medsam_input.npy", "box_original_pixels": MEDSAM_BOX,
                   "original_size_hw": list(grey.shape), "resized_u8_crc32_hwc": f"{zlib.crc32(whole.tobytes()):08x}",
                   "foreground_fraction": round(runs[0]["medsam_seg"].float().mean().item(), 3)},
        "arrays": entries,
    }
    with open(os.path.join(folder, "case.json"), "w", encoding="utf-8") as out:
        json.dump(case, out, indent=1)
        out.write("\n")
    size = sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder))
    print(f"{len(entries)} arrays, {size / 1024:.0f} KiB; foreground "
          f"{[p['foreground_fraction'] for p in prompts]}, MedSAM {case['medsam']['foreground_fraction']}")


def check(folder):
    case = json.load(open(os.path.join(folder, "case.json"), encoding="utf-8"))
    config = case["config"]
    model = Sam(config)
    load(model, read_table(os.path.join(folder, "weights.tsv")))

    def read(name):
        return torch.from_numpy(np.load(os.path.join(folder, name)))

    prompts = [dict(p, multimask=p.get("multimask", False)) for p in case["prompts"]]
    masks = {p["mask_input"] for p in prompts if "mask_input" in p}
    mask_input = read(masks.pop()) if masks else None
    got = run_sam(model, config, read(case["input"]["file"]).numpy(), prompts, mask_input, torch.float32)
    compared = bad = 0
    for entry in case["arrays"]:
        name = entry["file"][:-4]
        if name not in got:
            print(f"{name}: not made here")
            continue
        want, limits = read(entry["file"]), entry["tol_fp32"]
        error = (got[name].double() - want.double()).abs().max().item()
        good = overlap(got[name], want) >= limits["min_iou"] if "min_iou" in limits else error <= limits["max_abs"]
        compared, bad = compared + 1, bad + (not good)
        if not good:
            print(f"{name}: differs by {error:.3g}, tolerance {limits}")
    print(f"{folder}: {compared} arrays, {bad} beyond tolerance")
    return bad == 0


if __name__ == "__main__":
    with torch.no_grad():
        if len(sys.argv) == 3 and sys.argv[1] == "make":
            make(sys.argv[2])
        elif len(sys.argv) == 3 and sys.argv[1] == "check":
            sys.exit(0 if check(sys.argv[2]) else 1)
        else:
            sys.exit(__doc__)
