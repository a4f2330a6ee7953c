#!/usr/bin/env python3
"""auto.py FOLDER: goldens of automatic mask generation, by the official generator of the package segment-anything
(PyPI, 1.0) with random weights that golden.py draws: those of assets/models/demo.tsv, some made larger so that masks are
stable and differ from point to point. Writes weights.tsv, input.npy and cases.json (assets/golden/auto_mini is made so). torchvision may be absent: its two functions that the generator uses are then
those below, written from their documentation. Needs torch, numpy, Pillow, opencv-python-headless; never needed to build
or to test."""

import importlib.util
import json
import os
import sys
import types
import zlib

import numpy as np
import torch
from PIL import Image

from golden import draw, draw_rgb


def nms(boxes, scores, threshold):
    """torchvision.ops.nms: highest score first, equal scores in their order."""
    order = torch.sort(scores, stable=True, descending=True)[1].tolist()
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept = []
    for i in order:
        keep = True
        for k in kept:
            width = min(boxes[i, 2], boxes[k, 2]) - max(boxes[i, 0], boxes[k, 0])
            height = min(boxes[i, 3], boxes[k, 3]) - max(boxes[i, 1], boxes[k, 1])
            inside = max(width, 0) * max(height, 0)
            keep = keep and not bool(inside / (area[i] + area[k] - inside) > threshold)
        if keep:
            kept.append(i)
    return torch.tensor(kept, dtype=torch.int64)


def resize(image, size):
    """Of a Pillow image; columns before rows, as Pillow did up to version 9."""
    return image.resize((size[1], image.height), Image.BILINEAR).resize((size[1], size[0]), Image.BILINEAR)


def stand_in_for_torchvision():
    names = ["torchvision", "torchvision.ops", "torchvision.ops.boxes", "torchvision.transforms",
             "torchvision.transforms.functional"]
    modules = {name: types.ModuleType(name) for name in names}
    sys.modules.update(modules)
    boxes = modules["torchvision.ops.boxes"]
    boxes.batched_nms = lambda b, s, i, iou_threshold: nms(b, s, iou_threshold)
    boxes.box_area = lambda b: (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    functional = modules["torchvision.transforms.functional"]
    functional.resize, functional.to_pil_image = resize, Image.fromarray


def build_sam():
    from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
    encoder = ImageEncoderViT(img_size=128, patch_size=16, embed_dim=48, depth=3, num_heads=2, mlp_ratio=4, out_chans=64,
                              qkv_bias=True, norm_layer=lambda n: torch.nn.LayerNorm(n, eps=1e-6), use_rel_pos=True,
                              window_size=5, global_attn_indexes=[2])
    prompt = PromptEncoder(embed_dim=64, image_embedding_size=(8, 8), input_image_size=(128, 128), mask_in_chans=8)
    decoder = MaskDecoder(num_multimask_outputs=3, transformer=TwoWayTransformer(depth=2, embedding_dim=64, mlp_dim=96,
                                                                                num_heads=4),
                          transformer_dim=64, iou_head_depth=3, iou_head_hidden_dim=48)
    return Sam(encoder, prompt, decoder).eval()


def enlarge(name, c, a):
    attention = any(part in name for part in ("cross_attn_", "final_attn_")) and name.endswith(".weight")
    if attention and (".q_proj." in name or ".k_proj." in name):
        a *= 2.5
    elif attention:
        a *= 2
    if "output_hypernetworks_mlps" in name and name.endswith("layers.2.weight"):
        a *= 8
    if name == "mask_decoder.iou_prediction_head.layers.2.bias":
        c = 0.9
    if "mask_tokens.weight" in name:
        a *= 0.5
    return float(np.float32(c)), float(np.float32(a))


def load(model, source, target):
    """Weights of the table `source`, enlarged; their own table goes to `target`."""
    state = {}
    with open(target, "w", encoding="utf-8") as out:
        for line in open(source, encoding="utf-8"):
            if line.startswith("#"):
                out.write(line)
                continue
            name, dtype, text, seed, c, a = line.split("\t")[:6]
            shape = tuple(int(s) for s in text.split(","))
            c, a = enlarge(name, float(c), float(a))
            values = draw(name, int(seed), c, a, int(np.prod(shape)))
            state[name] = torch.from_numpy(values.reshape(shape))
            row = [name, dtype, text, seed, *(str(np.float32(v)) for v in (c, a)),
                   f"{zlib.crc32(values.astype('<f4').tobytes()):08x}", str(values[0]), str(values[-1])]
            out.write("\t".join(row) + "\n")
    model.load_state_dict(state)


# The names are those of the official generator; the defaults are a case. Random masks fill the image, so that their boxes
# are alike: a threshold above 1 lets them all stay.
CASES = [
    {},
    {"points_per_side": 3, "pred_iou_thresh": -1, "stability_score_thresh": -1, "box_nms_thresh": 1.1},
    {"points_per_side": 3, "pred_iou_thresh": 0.5, "stability_score_thresh": 0.9, "box_nms_thresh": 1.1,
     "min_mask_region_area": 12},
    {"points_per_side": 4, "points_per_batch": 7, "pred_iou_thresh": 0.3, "stability_score_thresh": 0.8,
     "stability_score_offset": 0.5, "crop_n_layers": 1, "crop_n_points_downscale_factor": 2, "box_nms_thresh": 1.1,
     "crop_nms_thresh": 1.1},
    {"points_per_side": 3, "pred_iou_thresh": 0.3, "stability_score_thresh": 0.8, "crop_n_layers": 2,
     "crop_overlap_ratio": 0.5},
]
STORED = 4      # masks of a case whose runs are kept; of the others the area is


def entry(a):
    return {"area": int(a["area"]), "bbox": [int(v) for v in a["bbox"]], "predicted_iou": float(a["predicted_iou"]),
            "point_coords": [[float(v) for v in a["point_coords"][0]]], "stability_score": float(a["stability_score"]),
            "crop_box": [int(v) for v in a["crop_box"]], "segmentation": a["segmentation"]}


def main(folder):
    if importlib.util.find_spec("torchvision") is None:
        stand_in_for_torchvision()
    from segment_anything import SamAutomaticMaskGenerator
    model = build_sam()
    os.makedirs(folder, exist_ok=True)
    here = os.path.dirname(os.path.abspath(__file__))
    load(model, os.path.join(here, "..", "..", "assets", "models", "demo.tsv"), os.path.join(folder, "weights.tsv"))
    image = draw_rgb(96, 140)
    np.save(os.path.join(folder, "input.npy"), image)
    cases = []
    for params in CASES:
        found = SamAutomaticMaskGenerator(model, output_mode="uncompressed_rle", **params).generate(image)
        masks = [entry(a) for a in found]
        for mask in masks[STORED:]:
            del mask["segmentation"]
        cases.append({"params": params, "masks": masks})
        print(params, len(found), "masks", [a["area"] for a in found][:12])
    with open(os.path.join(folder, "cases.json"), "w", encoding="utf-8") as out:
        json.dump({"options": "encoder_heads=2,decoder_heads=4,window_size=5,global_blocks=2", "cases": cases}, out,
                  separators=(",", ":"))
        out.write("\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with torch.no_grad():
        main(sys.argv[1])
