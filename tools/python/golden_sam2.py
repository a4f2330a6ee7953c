#!/usr/bin/env python3
"""golden_sam2.py FOLDER [tiny]: goldens of SAM 2.1 from the package transformers (Sam2VideoModel) with generated weights.

Without a second word: a network of two million parameters at 128 x 128, whose windows need padding
(assets/golden/sam2_toy is made so): encoder, box hint, one slice followed. tiny: Hiera-T at 1024 x 1024 as published, with the preprocessing of SAM 2; one slice and one followed.

Tolerances as in golden.py, but 0.002 of the maximum at least for what the decoder makes, since memories are rounded to
bfloat16. Needs torch, numpy, Pillow and transformers; never needed to build or to test."""

import copy
import json
import os
import sys
import zlib

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from transformers import Sam2VideoConfig, Sam2VideoModel
from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

from golden import draw, draw_grey

SEEDS = (517, 2038)     # with the box: no pixel of the hinted mask is near its threshold (check_margin)
BOX = [28, 19, 46, 50]
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def configure(tiny):
    if tiny:
        return Sam2VideoConfig(), "sam2", ""
    backbone = {
        "model_type": "sam2_hiera_det_model", "hidden_size": 16, "image_size": [128, 128], "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [16, 32, 64, 128], "num_attention_heads_per_stage": [1, 2, 4, 8],
        "window_size_per_stage": [8, 4, 6, 4], "global_attention_blocks": [3],
    }
    vision = {"backbone_config": backbone, "backbone_channel_list": [128, 64, 32, 16], "fpn_hidden_size": 128,
              "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]]}
    prompt = {"hidden_size": 128, "image_size": 128, "mask_input_channels": 8}
    decoder = {"hidden_size": 128, "mlp_dim": 96, "iou_head_hidden_dim": 128}
    config = Sam2VideoConfig(
        vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder, image_size=128,
        memory_attention_hidden_size=128, memory_attention_num_layers=2, memory_attention_feed_forward_hidden_size=96,
        memory_attention_rope_feat_sizes=[8, 8], memory_encoder_hidden_size=128, memory_encoder_output_channels=64,
        mask_downsampler_embed_dim=128, memory_fuser_embed_dim=128, memory_fuser_intermediate_dim=96)
    return config, "medsam2", "image_size=128,window_spec=8+4+6+4,global_blocks=3"


def spread(name, shape):
    """(c, a) of a tensor, by what it is."""
    if "positional_embedding" in name:
        return 0.0, 3**0.5
    if name.endswith("pred_obj_score_head.proj_out.bias"):
        return 2.0, 0.2
    if name.endswith(".scale"):
        return 0.3, 0.2
    if "pos_embed" in name:
        return 0.0, 0.5
    if len(shape) == 1:
        return (1.0, 0.3) if name.endswith("weight") else (0.0, 0.2)
    if "embed" in name and shape[0] in (1, 4) and len(shape) == 2 or "token" in name or name.startswith(("no_", "memory_temporal", "occlusion")):
        return 0.0, 1.0
    fan_in = int(np.prod(shape[1:])) if "upscale" not in name else shape[0]
    gain = 2.0 if "hypernetworks" in name else 1.5 if ("upscale" in name or "q_proj" in name or "k_proj" in name) else 1.2
    return 0.0, gain * (3.0 / fan_in) ** 0.5


def load(model):
    rows = []
    state = model.state_dict()
    for name in sorted(state, key=lambda n: n.encode()):
        if name == "prompt_encoder.shared_embedding.positional_embedding":
            state[name] = state["shared_image_embedding.positional_embedding"]
            continue
        shape = tuple(state[name].shape)
        seed = SEEDS[0] if name.startswith("vision_encoder") else SEEDS[1]
        c, a = (float(np.float32(v)) for v in spread(name, shape))
        values = draw(name, seed, c, a, int(np.prod(shape)))
        state[name] = torch.from_numpy(values.reshape(shape))
        rows.append((name, shape, seed, c, a, values))
    state["prompt_encoder.shared_embedding.positional_embedding"] = state["shared_image_embedding.positional_embedding"]
    model.load_state_dict(state)
    return rows


def write_table(path, rows):
    with open(path, "w", encoding="utf-8") as out:
        out.write("#name\tdtype\tshape\tseed\tc\ta\tcrc32\tfirst\tlast\n")
        for name, shape, seed, c, a, values in rows:
            c, a, first, last = (str(np.float32(v)) for v in (c, a, values[0], values[-1]))
            out.write(f"{name}\tF32\t{','.join(map(str, shape))}\t{seed}\t{c}\t{a}\t"
                      f"{zlib.crc32(values.astype('<f4').tobytes()):08x}\t{first}\t{last}\n")


def make_stack():
    slices = [draw_grey(56, 66) for _ in range(4)]
    for i, image in enumerate(slices):
        slices[i] = np.roll(image, (2 * i, 3 * i), (0, 1))
    return np.stack(slices)


def prepare(stack, side, family):
    frames = []
    for image in stack:
        rgb = np.repeat(image[..., None], 3, axis=2)
        if family == "medsam2":
            across = Image.fromarray(rgb).resize((side, rgb.shape[0]), Image.BICUBIC)
            x = torch.from_numpy(np.asarray(across.resize((side, side), Image.BICUBIC)).copy()).permute(2, 0, 1).float() / 255
        else:
            x = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255
            x = F.interpolate(x, (side, side), mode="bilinear", align_corners=False, antialias=True)[0]
        frames.append((x - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None])
    return torch.stack(frames)


def points_of(coordinates, labels, stack, side, dtype):
    scale = torch.tensor([side / stack.shape[2], side / stack.shape[1]], dtype=torch.float64)
    coordinates = (torch.tensor(coordinates, dtype=torch.float64).reshape(1, 1, -1, 2) * scale).to(dtype)
    return {"point_coords": coordinates, "point_labels": torch.tensor(labels, dtype=torch.int32).reshape(1, 1, -1)}


class Follower:
    def __init__(self, model, frames, stack, side, dtype):
        self.model, self.stack, self.side, self.dtype = model, stack, side, dtype
        self.session = Sam2VideoInferenceSession(video=frames, video_height=stack.shape[1], video_width=stack.shape[2],
                                                 dtype=dtype)

    def hint(self, number, frame, coordinates, labels):
        index = self.session.obj_id_to_idx(number)
        self.session.add_point_inputs(index, frame, points_of(coordinates, labels, self.stack, self.side, self.dtype))
        self.session.obj_with_new_inputs = [number]
        return self.model(self.session, frame_idx=frame).pred_masks[index:index + 1]

    def follow(self, frame, reverse=False):
        return self.model(self.session, frame_idx=frame, reverse=reverse).pred_masks

    def entry(self, number, frame):
        outputs = self.session.output_dict_per_obj[number]
        return outputs["cond_frame_outputs"].get(frame) or outputs["non_cond_frame_outputs"][frame]


def run(model, stack, frames, side, dtype, tiny):
    out, corners = {}, [BOX[:2], BOX[2:]]
    with torch.inference_mode():
        features = model.get_image_features(frames[1:2].to(dtype), return_dict=True).fpn_hidden_states
        for i, level in enumerate(features):
            sizes = model.backbone_feature_sizes[i]
            grid = level.permute(1, 2, 0).reshape(1, -1, *sizes)
            every = max(4, sizes[0] // 16)
            out[f"fpn{i}_sub"] = grid[:, :, ::every, ::every]
        a = Follower(model, frames, stack, side, dtype)
        out["A_f1_lowres"] = a.hint(0, 1, corners, [2, 3])
        out["A_f2_lowres"] = a.follow(2)
        for frame in (1, 2):
            out[f"A_f{frame}_obj_ptr"] = a.entry(0, frame)["object_pointer"]
    return {name: value.detach().clone() for name, value in out.items()}


def check_margin(single, double, side):
    """The hinted mask is cut at 0, at the image's side, before it becomes a memory. A pixel nearer to 0 than rounding
    moves it would be a coin's toss, and all that is remembered with it."""
    single, double = (F.interpolate(low.double(), (side, side), mode="bilinear", align_corners=False)
                      for low in (single, double))
    nearest, apart = single.abs().min().item(), (single - double).abs().max().item()
    print(f"nearest to the threshold {nearest:.4f}, float32 and float64 apart by {apart:.4f} at most")
    if nearest < 10 * apart:
        sys.exit("the hinted mask comes too near to its threshold: choose other SEEDS")
    return {"nearest": float(f"{nearest:.2g}"), "rounding": float(f"{apart:.2g}")}


def describe(name, single, double, half, decoded):
    reference = single.double()
    top, rms = reference.abs().max().item(), reference.square().mean().sqrt().item()
    limit = max(10 * (reference - double).abs().max().item(), 1e-6 * top, 2e-5, 1e-4 * rms)
    if decoded:
        limit = max(limit, 0.002 * top)
    apart = (half.double() - reference).abs().max().item()
    return {"file": name + ".npy", "shape": list(single.shape), "dtype": "float32", "meaning": name,
            "tol_fp32": {"max_abs": float(f"{limit:.2g}")},
            "tol_fp16": {"max_abs": float(f"{max(5 * apart, 2 * limit):.2g}")}}


def main(folder, tiny):
    os.makedirs(folder, exist_ok=True)
    config, family, options = configure(tiny)
    config._attn_implementation = "eager"
    model = Sam2VideoModel(config).eval()
    rows = load(model)
    side, stack = config.image_size, make_stack()
    frames = prepare(stack, side, family)
    single = run(model, stack, frames, side, torch.float32, tiny)
    half = copy.deepcopy(model)
    with torch.no_grad():
        for tensor in half.parameters():
            tensor.copy_(tensor.half().float())
    half = run(half, stack, frames, side, torch.float32, tiny)
    double = single if tiny else run(model.double(), stack, frames.double(), side, torch.float64, tiny)
    margin = None if tiny else check_margin(single["A_f1_lowres"], double["A_f1_lowres"], side)
    for name, value in single.items():
        np.save(os.path.join(folder, name + ".npy"), value.float().numpy())
        print(name, tuple(value.shape), value.min().item(), value.max().item(), (value > 0).float().mean().item())
    np.save(os.path.join(folder, "volume.npy"), stack)
    write_table(os.path.join(folder, "weights.tsv"), rows)
    prompts = [{"id": "A", "kind": "box", "frame": 1, "box": BOX, "frames_in_order": [1, 2]}]
    case = {"case": os.path.basename(os.path.normpath(folder)), "family": family, "config": {"model_options": options},
            "reference": "transformers Sam2VideoModel, eager attention", "threshold_margin": margin, "input": {"file": "volume.npy"},
            "arrays": [describe(n, v, double[n], half[n], n[0] == "A") for n, v in single.items()], "prompts": prompts}
    with open(os.path.join(folder, "case.json"), "w", encoding="utf-8") as out:
        json.dump(case, out, indent=1)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:] == ["tiny"])
