#!/usr/bin/env python3
"""families.py: goldens of tiny MobileSAM, LiteMedSAM and SAM-Med2D from our own PyTorch definitions (toy_families.py).

    families.py make FAMILY FOLDER   writes a case (assets/golden/FAMILY_toy is made so)
    families.py check CASE_FOLDER    compares the definition with a case of the official code (../shared/oracle/05_..., 06_...)

Layout and tolerances are those of golden.py. sam_med2d_plain is SAM-Med2D without its adapters (--model-option
adapters=off). LiteMedSAM has no golden of its official code: what it shares with MobileSAM is proved by MobileSAM's, the
rest (a stem without strides, OpenCV's INTER_AREA, whole coordinates, crop before the enlargement) follows CVPR24_LiteMedSAM_infer.py of its repository. Needs torch, numpy, Pillow, scipy and, for LiteMedSAM,
opencv-python-headless; never needed to build or to test."""

import copy
import json
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

import golden
from golden import MEAN, STD, Watch, describe, draw, draw_rgb, full_size, half_copy, normalise, overlap, resize_pillow
from toy_families import AdaptedEncoder, TinyVit
from toy_sam import Sam

TINY = {"embed_dims": [16, 32, 40, 320], "depths": [1, 2, 1, 1], "num_heads": [0, 4, 2, 10], "window_sizes": [0, 3, 5, 4],
        "hidden": [64, 64, 80, 320], "out_chans": 64, "decoder_depth": 2, "decoder_heads": 8, "decoder_mlp_dim": 96,
        "iou_head_depth": 3, "iou_head_hidden": 48, "mask_in_chans": 8}
CONFIGS = {
    "mobile_sam": {**TINY, "img_size": 80, "patch": 16},
    "lite_medsam": {**TINY, "img_size": 40, "patch": 4, "stem_kernel": 1},
    "sam_med2d": {"img_size": 96, "patch": 16, "embed_dim": 32, "depth": 2, "num_heads": 2, "mlp_ratio": 4,
                  "window_size": 4, "global_attn_indexes": [1], "out_chans": 64, "decoder_depth": 2, "decoder_heads": 8,
                  "decoder_mlp_dim": 96, "iou_head_depth": 3, "iou_head_hidden": 48, "mask_in_chans": 8},
}
CONFIGS["sam_med2d_plain"] = {
    **CONFIGS["sam_med2d"], "adapters": False,
    "model_options": "encoder_heads=2,decoder_heads=8,window_size=4,global_blocks=1,adapters=off"}
SEEDS = (521, 613)
LEFT_OUT = {    # what would only make the folders larger: LiteMedSAM's blocks are MobileSAM's
    "mobile_sam": ["layer3"], "sam_med2d": [],
    "sam_med2d_plain": ["preprocessed", "p0_logits", "p0_mask", "p1_logits", "p1_mask", "p1_lowres_all", "p1_iou_all"],
    "lite_medsam": ["patch_embed", "layer0_block0", "layer1_block0", "layer1_block1", "layer2_block0", "layer2",
                    "layer3_block0", "layer3"],
}
POINT, BOX = {"points": [[45, 30]], "labels": [1]}, {"box": [14, 9, 66, 48]}
PROMPTS = {
    "mobile_sam": [{**POINT, "multimask": True}, {**BOX, "multimask": False}],
    "lite_medsam": [{**BOX, "multimask": False}, {"box": [33, 21, 89, 59], "multimask": False}],
    "sam_med2d": [{**POINT, "multimask": True}, {**BOX, "multimask": False}],
    "sam_med2d_plain": [{**POINT, "multimask": True}],
}


def spread(name, shape):
    if name.endswith("running_var"):
        return 1.0, 0.5
    if name.endswith("running_mean"):
        return 0.0, 0.25
    if name.endswith("attention_biases"):
        return 0.0, 1.0
    return old_spread(name, shape)


old_spread, golden.spread = golden.spread, spread


def build(family, config):
    return Sam(config, AdaptedEncoder if family == "sam_med2d" else TinyVit)


def load(model, rows):
    wanted = model.state_dict()
    state = {name: torch.from_numpy(draw(name, seed, c, a, int(np.prod(shape))).reshape(shape))
             for name, shape, seed, c, a in rows if name in wanted}
    model.load_state_dict(state)
    return model.eval()


def read_table(path):
    for line in open(path, encoding="utf-8"):
        name, dtype, shape, seed, c, a = line.split("\t")[:6]
        if not line.startswith("#") and dtype == "F32":
            yield name, tuple(int(s) for s in shape.split(",")), int(seed), float(c), float(a)


# ---- each family's own pixels, places and masks ----


def prepare(family, image, side):
    """Pixels [1, 3, side, side] and the size of the part that shows the image."""
    height, width = image.shape[:2]
    if family == "mobile_sam":
        resized = resize_pillow(image, side)
        return normalise(resized, side), resized.shape[:2]
    if family == "sam_med2d":
        rows, columns = np.arange(side) * height // side, np.arange(side) * width // side
        pixels = (image.astype(np.float32) - np.float32(MEAN)) / np.float32(STD)
        return torch.from_numpy(pixels[rows][:, columns]).permute(2, 0, 1)[None], (side, side)
    import cv2
    scale = side / max(height, width)
    size = (int(width * scale + 0.5), int(height * scale + 0.5))
    resized = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    span = max(int(resized.max()) - int(resized.min()), 1e-8)
    whole = np.zeros((side, side, 3))
    whole[:size[1], :size[0]] = (resized.astype(np.float64) - resized.min()) / span
    return torch.from_numpy(whole).float().permute(2, 0, 1)[None], (size[1], size[0])


def place(family, values, side, resized, original):
    places = torch.tensor(values, dtype=torch.float64).reshape(-1, 2)
    if family == "lite_medsam":
        return (places * (side / max(original))).trunc()
    return places * torch.tensor([resized[1] / original[1], resized[0] / original[0]], dtype=torch.float64)


def finish(family, logits, side, resized, original):
    if family == "lite_medsam":
        return F.interpolate(logits[..., :resized[0], :resized[1]], original, mode="bilinear", align_corners=False)
    return full_size(logits, side, resized, original)


# ---- one run ----


def run_encoder(family, model, watch, pixels, out):
    embedding = model.image_encoder(pixels)
    if family == "sam_med2d":
        for i in range(len(model.image_encoder.blocks)):
            out[f"block{i}"] = watch.seen[f"image_encoder.blocks.{i}"]
            out[f"block{i}_norm2"] = watch.seen[f"image_encoder.blocks.{i}.norm2"]
            if model.image_encoder.blocks[i].adapted:
                out[f"block{i}_adapter"] = watch.seen[f"image_encoder.blocks.{i}.Adapter"]
        out["embedding"] = embedding
        return embedding
    out["patch_embed"] = watch.seen["image_encoder.patch_embed"]
    for i, layer in enumerate(model.image_encoder.layers):
        for k in range(len(layer.blocks)):
            out[f"layer{i}_block{k}"] = watch.seen[f"image_encoder.layers.{i}.blocks.{k}"]
        out[f"layer{i}"] = watch.seen[f"image_encoder.layers.{i}"]
    out["image_embedding"] = embedding
    return embedding


def run_prompt(family, model, prompt, embedding, frame, mask, prefix, out):
    side, resized, original = frame

    def places(values, shape):
        return place(family, values, side, resized, original).reshape(shape).to(embedding.dtype)

    points = places(prompt["points"], (1, -1, 2)) if "points" in prompt else None
    labels = torch.tensor([prompt["labels"]]) if "points" in prompt else None
    box = places(prompt["box"], (1, 4)) if "box" in prompt else None
    sparse = model.prompt_encoder.sparse(points, labels, box)
    dense = model.prompt_encoder.dense(mask, 1)
    masks, iou = model.mask_decoder(embedding, model.prompt_encoder.dense_pe(), sparse, dense)
    keep = slice(1, None) if prompt["multimask"] else slice(0, 1)
    masks, iou = masks[:, keep], iou[:, keep]
    choice = family == "sam_med2d"
    out[prefix + ("lowres_all" if choice else "lowres")] = masks[0]
    out[prefix + ("iou_all" if choice else "iou")] = iou[0]
    if choice:
        best = int(iou[0].argmax())
        masks = masks[:, best:best + 1]
    else:
        out[prefix + "sparse"] = sparse
    values = finish(family, masks, side, resized, original)[0]
    out[prefix + "logits"], out[prefix + "mask"] = values, (values > 0).to(torch.uint8)


def run(family, model, config, image, prompts, mask_input, dtype):
    watch, side, out = Watch(model), config["img_size"], {}
    pixels, resized = prepare(family, image, side)
    out["preprocessed"] = pixels
    embedding = run_encoder(family, model, watch, pixels.to(dtype), out)
    for i, prompt in enumerate(prompts):
        mask = mask_input.to(dtype)[None] if "mask_input" in prompt else None
        run_prompt(family, model, prompt, embedding, (side, resized, image.shape[:2]), mask, f"p{i}_", out)
    return {name: value.detach().clone() for name, value in out.items()}


# ---- files ----


def make(name, folder):
    config, prompts, family = CONFIGS[name], PROMPTS[name], name.removesuffix("_plain")
    model = build(family, config)
    load(model, golden.table_rows(model, SEEDS))
    image = draw_rgb(60, 90)
    runs = [run(family, one, config, image, prompts, None, dtype)
            for dtype, one in ((torch.float32, model), (torch.float64, copy.deepcopy(model).double()),
                               (torch.float32, half_copy(model)))]
    os.makedirs(folder, exist_ok=True)
    np.save(os.path.join(folder, "input.npy"), image)
    entries = []
    for array in runs[0]:
        if array in LEFT_OUT[name]:
            continue
        np.save(os.path.join(folder, array + ".npy"), np.ascontiguousarray(runs[0][array].numpy()))
        entry = describe(array, *(r[array].float() if array == "preprocessed" else r[array] for r in runs))
        if array.endswith("iou_all"):
            entry["tol_fp16"]["max_abs"] = max(entry["tol_fp16"]["max_abs"], 0.02)
        entries.append(entry)
    golden.write_table(os.path.join(folder, "weights.tsv"), model, SEEDS)
    case = {"case": os.path.basename(os.path.abspath(folder)), "family": family, "config": config,
            "title": f"tiny {family}, by tools/python/families.py (PyTorch, our own definition)",
            "input": {"file": "input.npy", "original_size_hw": list(image.shape[:2])},
            "prompts": [{**p, "id": f"p{i}"} for i, p in enumerate(prompts)], "arrays": entries}
    with open(os.path.join(folder, "case.json"), "w", encoding="utf-8") as out:
        json.dump(case, out, indent=1)
        out.write("\n")
    print(f"{name}: {len(entries)} arrays; foreground "
          f"{[round(runs[0][f'p{i}_mask'].float().mean().item(), 3) for i in range(len(prompts))]}")


def part(case, name, want, got):
    """What a sub-sampled array holds of the whole one; the rules of oracle cases 05 and 06."""
    base = name.removesuffix("_sub").removesuffix("_sub4").removesuffix("_f16").removesuffix("_edge")
    if name == "model_input_crop":
        return got["preprocessed"][:, :, 96:160, 96:160]
    if base not in got:
        return None
    whole = got[base]
    if name.endswith("_sub4"):
        return whole[..., ::4, ::4]
    if name.endswith("_edge"):
        return whole[..., -2:, :]
    if name.endswith("_sub") and want.dim() == 4:
        return whole[..., ::32, ::32]
    if name.endswith("_sub"):
        tokens = whole.flatten(2).transpose(1, 2)
        return tokens[:, [(997 * k + 5) % tokens.shape[1] for k in range(36)]]
    return whole


def check(folder):
    case = json.load(open(os.path.join(folder, "case.json"), encoding="utf-8"))
    family, config = case["family"], {"patch": 16, "iou_head_depth": 3, "iou_head_hidden": 256, "mask_in_chans": 16,
                                      **case["config"]}
    model = build(family, config)
    load(model, read_table(os.path.join(folder, "weights.tsv")))

    def read(name):
        return torch.from_numpy(np.load(os.path.join(folder, name)))

    masks = {p["mask_input"] for p in case["prompts"] if "mask_input" in p}
    got = run(family, model, config, read(case["input"]["file"]).numpy(), case["prompts"],
              read(masks.pop()) if masks else None, torch.float32)
    compared = bad = 0
    for entry in case["arrays"]:
        name, want, limits = entry["file"][:-4], read(entry["file"]), entry["tol_fp32"]
        have = part(case, name, want, got)
        if have is None:
            print(f"{name}: not made here")
            continue
        error = (have.double() - want.double()).abs().max().item()
        good = overlap(have, want) >= limits["min_iou"] if "min_iou" in limits else error <= limits["max_abs"]
        compared, bad = compared + 1, bad + (not good)
        if not good:
            print(f"{name}: differs by {error:.3g}, tolerance {limits}")
    print(f"{folder}: {compared} arrays, {bad} beyond tolerance")
    return bad == 0


if __name__ == "__main__":
    with torch.no_grad():
        if len(sys.argv) == 4 and sys.argv[1] == "make" and sys.argv[2] in CONFIGS:
            make(sys.argv[2], sys.argv[3])
        elif len(sys.argv) == 3 and sys.argv[1] == "check":
            sys.exit(0 if check(sys.argv[2]) else 1)
        else:
            sys.exit(__doc__)
