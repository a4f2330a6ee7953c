#!/usr/bin/env python3
"""transformers_keys.py CASE_FOLDER: the names that Hugging Face transformers gives to the tensors of a SAM checkpoint.

Renames the case's weights, loads them into transformers' own SamModel, and writes CASE_FOLDER/keys_transformers.tsv (our
name, their name) only if the names are exactly those of its state_dict and its image embedding, low-res masks and scores
equal the case's. Needs torch and transformers; never needed to build or to test."""

import json
import os
import re
import sys

import numpy as np
import torch
from transformers import SamConfig, SamMaskDecoderConfig, SamModel, SamPromptEncoderConfig, SamVisionConfig

from golden import draw, read_table

RULES = [
    (r"^image_encoder\.patch_embed\.proj\.", "vision_encoder.patch_embed.projection."),
    (r"^image_encoder\.neck\.0\.", "vision_encoder.neck.conv1."),
    (r"^image_encoder\.neck\.1\.", "vision_encoder.neck.layer_norm1."),
    (r"^image_encoder\.neck\.2\.", "vision_encoder.neck.conv2."),
    (r"^image_encoder\.neck\.3\.", "vision_encoder.neck.layer_norm2."),
    (r"^image_encoder\.blocks\.(\d+)\.norm", r"vision_encoder.layers.\1.layer_norm"),
    (r"^image_encoder\.blocks\.", "vision_encoder.layers."),
    (r"^image_encoder\.", "vision_encoder."),
    (r"^prompt_encoder\.pe_layer\.positional_encoding_gaussian_matrix$", "shared_image_embedding.positional_embedding"),
    (r"^prompt_encoder\.point_embeddings\.", "prompt_encoder.point_embed."),
    (r"^prompt_encoder\.mask_downscaling\.0\.", "prompt_encoder.mask_embed.conv1."),
    (r"^prompt_encoder\.mask_downscaling\.1\.", "prompt_encoder.mask_embed.layer_norm1."),
    (r"^prompt_encoder\.mask_downscaling\.3\.", "prompt_encoder.mask_embed.conv2."),
    (r"^prompt_encoder\.mask_downscaling\.4\.", "prompt_encoder.mask_embed.layer_norm2."),
    (r"^prompt_encoder\.mask_downscaling\.6\.", "prompt_encoder.mask_embed.conv3."),
    (r"^mask_decoder\.output_upscaling\.0\.", "mask_decoder.upscale_conv1."),
    (r"^mask_decoder\.output_upscaling\.1\.", "mask_decoder.upscale_layer_norm."),
    (r"^mask_decoder\.output_upscaling\.3\.", "mask_decoder.upscale_conv2."),
    (r"^(mask_decoder\.transformer\.layers\.\d+)\.norm", r"\1.layer_norm"),
    (r"^mask_decoder\.transformer\.norm_final_attn\.", "mask_decoder.transformer.layer_norm_final_attn."),
    (r"^(mask_decoder\.output_hypernetworks_mlps\.\d+|mask_decoder\.iou_prediction_head)\.layers\.0\.", r"\1.proj_in."),
    (r"^(mask_decoder\.output_hypernetworks_mlps\.\d+|mask_decoder\.iou_prediction_head)\.layers\.2\.", r"\1.proj_out."),
    (r"^(mask_decoder\.output_hypernetworks_mlps\.\d+|mask_decoder\.iou_prediction_head)\.layers\.1\.", r"\1.layers.0."),
]


def rename(name):
    for pattern, replacement in RULES:
        new, count = re.subn(pattern, replacement, name)
        if count:
            return new
    return name


def build(c):
    vision = SamVisionConfig(
        hidden_size=c["embed_dim"], output_channels=c["out_chans"], num_hidden_layers=c["depth"],
        num_attention_heads=c["num_heads"], image_size=c["img_size"], patch_size=c["patch"], window_size=c["window_size"],
        global_attn_indexes=c["global_attn_indexes"], mlp_dim=c["embed_dim"] * c["mlp_ratio"],
        num_pos_feats=c["out_chans"] // 2)
    prompt = SamPromptEncoderConfig(hidden_size=c["out_chans"], image_size=c["img_size"], patch_size=c["patch"],
                                    mask_input_channels=c["mask_in_chans"])
    mask = SamMaskDecoderConfig(
        hidden_size=c["out_chans"], mlp_dim=c["decoder_mlp_dim"], num_hidden_layers=c["decoder_depth"],
        num_attention_heads=c["decoder_heads"], iou_head_hidden_dim=c["iou_head_hidden"], iou_head_depth=c["iou_head_depth"])
    return SamModel(SamConfig(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=mask)).eval()


def main(folder):
    case = json.load(open(os.path.join(folder, "case.json"), encoding="utf-8"))
    config, names, tensors = case["config"], {}, {}
    for name, shape, seed, c, a in read_table(os.path.join(folder, "weights.tsv")):
        names[name] = rename(name)
        tensors[names[name]] = torch.from_numpy(draw(name, seed, c, a, int(np.prod(shape))).reshape(shape))
    model = build(config)
    twice = "prompt_encoder.shared_embedding.positional_embedding"        # the same tensor under a second name
    wanted = set(model.state_dict()) - {twice}
    assert set(tensors) == wanted, sorted(set(tensors) ^ wanted)
    tensors[twice] = tensors["shared_image_embedding.positional_embedding"]
    for i in config["global_attn_indexes"]:                                # a table of another length is interpolated
        for axis in ("rel_pos_h", "rel_pos_w"):
            table = tensors[f"vision_encoder.layers.{i}.attn.{axis}"]
            setattr(model.vision_encoder.layers[i].attn, axis, torch.nn.Parameter(table))
    model.load_state_dict(tensors)

    def read(name):
        return torch.from_numpy(np.load(os.path.join(folder, name + ".npy")))

    embedding = model.get_image_embeddings(read("preprocessed"))
    height, width = case["input"]["original_size_hw"]
    resized = read("resized_u8").shape
    scale = torch.tensor([resized[1] / width, resized[0] / height])
    box = (torch.tensor(case["prompts"][3]["box"]).reshape(2, 2) * scale).reshape(1, 1, 4)
    result = model(image_embeddings=embedding, input_boxes=box, multimask_output=False)
    for name, got in (("image_embedding", embedding), ("p3_lowres", result.pred_masks[0, 0]), ("p3_iou", result.iou_scores[0, 0])):
        error = (got - read(name)).abs().max().item()
        limit = next(a for a in case["arrays"] if a["file"] == name + ".npy")["tol_fp32"]["max_abs"]
        print(f"{name}: {error:.3g}, tolerance {limit}")
        assert error <= limit
    with open(os.path.join(folder, "keys_transformers.tsv"), "w", encoding="utf-8") as out:
        for name in names:
            out.write(f"{name}\t{names[name]}\n")
    print(f"{len(names)} names")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with torch.no_grad():
        main(sys.argv[1])
