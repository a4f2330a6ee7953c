#!/usr/bin/env python3
"""golden_sam2_package.py FOLDER KIND [SIDE]: goldens of SAM 2.1 from Meta's package sam2 (PyPI) with generated weights.

KIND tiny, small, base_plus or large: the published configuration at SIDE (1024): patches, every block, the three maps,
a still image (SAM2ImagePredictor) with points and with a box, and two frames (SAM2VideoPredictor). KIND objects: a
network of two million parameters at 128 x 128 that follows two objects through eight frames in both directions, with a
correction click on a frame that was followed (assets/golden/sam2_objects_toy).

Tolerances as in golden_sam2.py; of the overlap masks may lose three times what the reference's own masks lose with
weights rounded to float16 (`iou_fp16`, mask by mask), and 0.015 at least. Needs what that needs, and sam2 with
hydra-core, iopath and tqdm; never needed to build or to test. torchvision is not needed: what sam2 takes from it is
three lines of torch below."""

import copy
import json
import os
import sys
import types

import numpy as np
import torch
import torch.nn.functional as F

from golden import draw, draw_grey, overlap
from golden_sam2 import MEAN, STD, describe, write_table


class Resize(torch.nn.Module):
    def __init__(self, size):
        super().__init__()
        self.height, self.width = size

    def forward(self, x):
        size = (self.height, self.width)
        return F.interpolate(x[None], size, mode="bilinear", align_corners=False, antialias=True)[0]


class Normalize(torch.nn.Module):
    def __init__(self, mean, std):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None])

    def forward(self, x):
        return (x - self.mean) / self.std


class ToTensor:
    def __call__(self, image):
        return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255


for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.functional"):
    sys.modules[name] = types.ModuleType(name)
for part in (Resize, Normalize, ToTensor):
    setattr(sys.modules["torchvision.transforms"], part.__name__, part)
sys.modules["torchvision.transforms.functional"].to_tensor = ToTensor()

import sam2.sam2_video_predictor as video                                                  # noqa: E402
from hydra import compose                                                                   # noqa: E402
from hydra.utils import instantiate                                                         # noqa: E402
from omegaconf import OmegaConf                                                             # noqa: E402
from sam2.sam2_image_predictor import SAM2ImagePredictor                                    # noqa: E402

CONFIGS = {"tiny": "t", "small": "s", "base_plus": "b+", "large": "l", "objects": "t"}
SEEDS = (731, 843)
STACK_BOX = [16, 11, 45, 40]
STILLS = [
    {"id": "p0", "points": [[30, 27]], "labels": [1], "multimask": True},
    {"id": "p1", "points": [[30, 27], [8, 50]], "labels": [1, 0], "multimask": False},
    {"id": "p2", "box": STACK_BOX, "multimask": False},
]
# Frame by frame: hints, or everything is followed. A correction makes its frame one that is attended to as prompted:
# add_all_frames_to_correct_as_cond, as in training; the package's default would follow it again and lose the click.
STEPS = [
    {"frame": 2, "hints": [{"object": 0, "box": STACK_BOX}, {"object": 1, "points": [[47, 14]], "labels": [1]}]},
    {"follow": [3, 4, 5, 6, 7]},
    {"frame": 5, "hints": [{"object": 1, "points": [[44.5, 20], [20, 40]], "labels": [1, 0]}]},
    {"follow": [6, 7]},
    {"follow": [1, 0], "reverse": True},
]


def build(kind, side):
    extra = ["++model._target_=sam2.sam2_video_predictor.SAM2VideoPredictor", f"++model.image_size={side}",
             "++model.sam_mask_decoder_extra_args.dynamic_multimask_via_stability=true",
             "++model.sam_mask_decoder_extra_args.dynamic_multimask_stability_delta=0.05",
             "++model.sam_mask_decoder_extra_args.dynamic_multimask_stability_thresh=0.98",
             "++model.binarize_mask_from_pts_for_mem_enc=true", "++model.add_all_frames_to_correct_as_cond=true"]
    cells = side // 16
    for attention in ("self_attention", "cross_attention"):
        extra.append(f"++model.memory_attention.layer.{attention}.feat_sizes=[{cells},{cells}]")
    if kind == "objects":
        trunk, neck = "++model.image_encoder.trunk.", "++model.image_encoder.neck."
        memory = "++model.memory_attention."
        extra += [trunk + "embed_dim=16", trunk + "stages=[1,1,2,1]", trunk + "window_spec=[8,4,6,4]",
                  trunk + "global_att_blocks=[3]", neck + "d_model=128", neck + "backbone_channel_list=[128,64,32,16]",
                  neck + "position_encoding.num_pos_feats=128", memory + "d_model=128", memory + "num_layers=2",
                  memory + "layer.d_model=128", memory + "layer.dim_feedforward=96",
                  memory + "layer.self_attention.embedding_dim=128",
                  memory + "layer.cross_attention.embedding_dim=128",
                  "++model.memory_encoder.mask_downsampler.embed_dim=128",
                  "++model.memory_encoder.fuser.layer.dim=128", "++model.memory_encoder.in_dim=128"]
    config = compose(config_name=f"configs/sam2.1/sam2.1_hiera_{CONFIGS[kind]}.yaml", overrides=extra)
    OmegaConf.resolve(config)
    return instantiate(config.model, _recursive_=True).eval()


def spread(name, shape, soft):
    """(c, a) of a tensor, by what it is. soft: so that an error does not grow from frame to frame. The projections
    between tokens and image are drawn as other projections are: as large as tokens, their softmax would be saturated,
    and rounding the weights to float16 would change the reference's own masks (the toy, soft, bears that)."""
    token = "token" in name if soft else name.endswith(("token.weight", "tokens.weight"))
    if name.endswith("gaussian_matrix"):
        return 0.0, 3**0.5
    if name.endswith("pred_obj_score_head.layers.2.bias"):
        return 2.0, 0.2
    if name.endswith(".gamma"):
        return 0.3, 0.2
    if "pos_embed" in name:
        return 0.0, 0.5
    if len(shape) == 1:
        return (1.0, 0.3) if name.endswith("weight") else (0.0, 0.2)
    if "embed.weight" in name or token or "point_embeddings" in name or name.startswith(("no_", "maskmem")):
        return 0.0, 1.0
    fan_in = int(np.prod(shape[1:])) if "output_upscaling" not in name else shape[0]
    gain = 1.0
    if "hypernetworks" in name:
        gain = 0.9 if soft else 1.6
    elif not soft and ("upscaling" in name or "q_proj" in name or "k_proj" in name):
        gain = 1.5
    if soft and name.startswith("memory_attention") and "cross_attn_image.out_proj" in name:
        gain = 0.25
    return 0.0, gain * (3.0 / fan_in) ** 0.5


def load(model, soft):
    rows, state = [], model.state_dict()
    for name in sorted(state, key=lambda n: n.encode()):
        shape = tuple(state[name].shape)
        seed = SEEDS[0] if name.startswith("image_encoder") else SEEDS[1]
        c, a = (float(np.float32(v)) for v in spread(name, shape, soft))
        values = draw(name, seed, c, a, int(np.prod(shape)))
        state[name] = torch.from_numpy(values.reshape(shape))
        rows.append((name, shape, seed, c, a, values))
    model.load_state_dict(state)
    return rows


def make_stack(frames):
    return np.stack([np.roll(draw_grey(56, 66), (2 * i, 3 * i), (0, 1)) for i in range(frames)])


def colour(grey):
    return np.repeat(grey[..., None], 3, axis=2)


def prepare(stack, side):
    steps = torch.nn.Sequential(Resize((side, side)), Normalize(MEAN, STD))
    return torch.stack([steps(ToTensor()(colour(image))) for image in stack])


# ---- one run, as name -> array ----


def thin(grid, most):
    """Every so many rows and columns of [1, C, H, W], so that at most `most` of each stay."""
    every = max(1, grid.shape[-1] // most)
    return grid[..., ::every, ::every]


class Recorder:
    def __init__(self, model, stack, frames, dtype):
        self.model, self.stack, self.dtype, self.out = model, stack, dtype, {}
        video.load_video_frames = lambda **_: (frames.to(dtype), stack.shape[1], stack.shape[2])
        model._get_image_feature = lambda *_, **__: None      # or init_state would encode the first frame
        self.state = model.init_state(video_path="")
        del model._get_image_feature

    def encoder(self, blocks):
        seen, trunk = {}, self.model.image_encoder.trunk
        hooks = [trunk.patch_embed.register_forward_hook(lambda m, i, o: seen.__setitem__("patch_embed", o))]
        for i, block in enumerate(trunk.blocks):
            hooks.append(block.register_forward_hook(lambda m, _, o, i=i: seen.__setitem__(f"block{i}", o)))
        image = self.state["images"][1:2]
        self.state["cached_features"] = {1: (image, self.model.forward_image(image))}
        for hook in hooks:
            hook.remove()
        for i, level in enumerate(self.state["cached_features"][1][1]["backbone_fpn"]):
            self.out[f"fpn{i}_sub"] = thin(level, 8 if i < 2 else 4)
        for name, x in seen.items() if blocks else ():
            kept = thin(x.permute(0, 3, 1, 2), 4 if x.shape[-1] < 400 else 2)
            self.out[f"{name}_sub"] = kept.permute(0, 2, 3, 1)

    def stills(self):
        predictor, side = SAM2ImagePredictor(self.model), self.model.image_size
        predictor._bb_feat_sizes = [(side // n, side // n) for n in (4, 8, 16)]
        predictor._orig_hw, predictor._is_image_set = [self.stack.shape[1:]], True
        _, features, _, _ = self.model._prepare_backbone_features(self.state["cached_features"][1][1])
        features[-1] = features[-1] + self.model.no_mem_embed
        maps = [f.permute(1, 2, 0).view(1, -1, *s) for f, s in zip(features, predictor._bb_feat_sizes)]
        predictor._features = {"image_embed": maps[-1], "high_res_feats": maps[:-1]}
        seen = {}
        hook = self.model.sam_mask_decoder.register_forward_hook(lambda m, i, o: seen.__setitem__("decoder", o))
        for still in STILLS:
            mask, labels, points, box = None, None, None, None
            scale = torch.tensor([side / self.stack.shape[2], side / self.stack.shape[1]], dtype=torch.float64)
            if "points" in still:
                points = (torch.tensor(still["points"], dtype=torch.float64)[None] * scale).to(self.dtype)
                labels = torch.tensor(still["labels"], dtype=torch.int32)[None]
            if "box" in still:
                box = (torch.tensor(still["box"], dtype=torch.float64).reshape(1, 2, 2) * scale).to(self.dtype)
            masks, _, _ = predictor._predict(points, labels, box, mask, still["multimask"])
            low, iou = seen["decoder"][:2]
            self.out[f"{still['id']}_lowres_sub"] = thin(low, 32)
            self.out[f"{still['id']}_iou"] = iou
            self.out[f"{still['id']}_mask"] = masks[0].float()
        hook.remove()

    def keep(self, prefix, frame, objects):
        for index in objects:
            outputs = self.state["output_dict_per_obj"][index]
            entry = outputs["cond_frame_outputs"].get(frame) or outputs["non_cond_frame_outputs"][frame]
            text = f"o{index}_" if len(self.state["obj_ids"]) > 1 else ""
            self.out[f"{prefix}_f{frame}_{text}lowres"] = thin(entry["pred_masks"], self.model.image_size // 8)
            self.out[f"{prefix}_f{frame}_{text}obj_ptr"] = entry["obj_ptr"]

    def steps(self, steps, prefix=None):
        for number, step in enumerate(steps):
            name = prefix or f"s{number}"
            for hint in step.get("hints", ()):
                prompt = {k: hint[k] for k in ("box", "points", "labels") if k in hint}
                kinds = {"labels": torch.int32}
                prompt = {k: torch.tensor(v, dtype=kinds.get(k, self.dtype)) for k, v in prompt.items()}
                if "points" not in prompt:
                    prompt.update(points=torch.zeros(0, 2, dtype=self.dtype), labels=torch.zeros(0, dtype=torch.int32))
                self.model.add_new_points_or_box(self.state, step["frame"], hint["object"], **prompt)
            if "hints" in step:
                self.model.propagate_in_video_preflight(self.state)
                self.keep(name, step["frame"], [h["object"] for h in step["hints"]])
                continue
            order, reverse = step["follow"], step.get("reverse", False)
            for frame, _, _ in self.model.propagate_in_video(self.state, order[0], len(order) - 1, reverse):
                self.keep(name, frame, range(len(self.state["obj_ids"])))


def run(kind, model, stack, frames, dtype, steps):
    with torch.inference_mode():
        recorder = Recorder(model, stack, frames, dtype)
        recorder.encoder(kind != "objects")
        if kind != "objects":
            recorder.stills()
        recorder.steps(steps, None if kind == "objects" else "A")
    return {name: value.detach().clone() for name, value in recorder.out.items()}


# ---- the case ----


def margin(recorder, step):
    """How far from the threshold the pixel is that lies nearest to it in the masks of `step`, which are cut there
    before they become memories: what differs by more between two drivers makes another memory. 0 where the best of
    the candidates is hardly better than the second. The state stays as it was."""
    least, model, before, close = [], recorder.model, recorder.state, []
    encode, predict = model._encode_new_memory, model.sam_mask_decoder.predict_masks

    def watch(**arguments):
        least.append(arguments["pred_masks_high_res"].abs().min().item())
        return encode(**arguments)

    def compare(**arguments):
        result = predict(**arguments)
        best = result[1][0, 1:].topk(2).values
        close.append((best[0] - best[1]).item() < 0.03)
        return result

    model._encode_new_memory, recorder.state = watch, copy.deepcopy(before)
    model.sam_mask_decoder.predict_masks = compare
    recorder.steps([step])
    model._encode_new_memory, recorder.state = encode, before
    model.sam_mask_decoder.predict_masks = predict
    return 0 if any(close) else min(least)


def choose(model, stack, frames):
    """Of some positions of the hints the ones that keep their masks' pixels farthest from the threshold."""
    with torch.inference_mode():
        recorder, hints, clicks = Recorder(model, stack, frames, torch.float32), [], []
        for i in range(30):
            step = copy.deepcopy(STEPS[0])
            step["hints"][0]["box"] = [16 - i % 5, 11 - i % 3, 45 + i % 7, 40 + i % 4]
            step["hints"][1]["points"] = [[47 - i % 4, 14 + i % 6]]
            hints.append((margin(recorder, step), i, step))
        recorder.steps([max(hints)[2], STEPS[1]])
        for i in range(30):
            step = copy.deepcopy(STEPS[2])
            step["hints"][0]["points"] = [[44.5 - i % 7, 20 + i % 3], [20, 40 - i % 9]]
            clicks.append((margin(recorder, step), i, step))
    print("nearest to the threshold:", max(hints)[0], max(clicks)[0])
    return [max(hints)[2], STEPS[1], max(clicks)[2]] + STEPS[3:]


def follow_dtype(model):
    """Positions and cut masks are made in float32 by the package: modules take them in the type of their weights."""
    for module in model.modules():
        if getattr(module, "weight", None) is not None:
            module.register_forward_pre_hook(lambda m, x: tuple(v.to(m.weight.dtype) for v in x))
    encoding = model.sam_prompt_encoder.pe_layer
    plain = encoding._pe_encoding
    encoding._pe_encoding = lambda x: plain(x.to(encoding.positional_encoding_gaussian_matrix.dtype))


def main(folder, kind, side):
    os.makedirs(folder, exist_ok=True)
    torch.manual_seed(0)
    objects = kind == "objects"
    model = build(kind, side)
    follow_dtype(model)
    rows, stack = load(model, objects), make_stack(8 if objects else 3)
    frames = prepare(stack, side)
    steps = choose(model, stack, frames) if objects else [
        {"frame": 1, "hints": [{"object": 0, "box": STACK_BOX}]}, {"follow": [2]}]
    single = run(kind, model, stack, frames, torch.float32, steps)
    half = build(kind, side)
    half.load_state_dict(model.state_dict())
    with torch.no_grad():
        for tensor in half.parameters():
            tensor.copy_(tensor.half().float())
    half = run(kind, half, stack, frames, torch.float32, steps)
    double = run(kind, model.double(), stack, frames, torch.float64, steps)
    arrays = []
    for name, value in single.items():
        apart = (double[name].double() - value.double()).abs().max().item()
        print(name, tuple(value.shape), "range", value.min().item(), value.max().item(),
              "positive", (value > 0).float().mean().item(), "apart", apart)
        decoded = name[0] in "sA" or name[:2] in ("p0", "p1", "p2")
        entry = describe(name, value.float(), double[name].double(), half[name].float(), decoded)
        if name.endswith("_mask"):
            kept = overlap(value, half[name])
            entry.update(tol_fp32={"min_iou": 0.99}, tol_fp16={"min_iou": round(min(0.985, 1 - 3 * (1 - kept)), 4)},
                         iou_fp16=[round(overlap(*pair), 4) for pair in zip(value, half[name])], dtype="uint8")
            print(name, "with weights in float16:", entry["iou_fp16"], "of", entry["tol_fp16"])
        arrays.append(entry)
        kind_of = np.uint8 if name.endswith("_mask") else np.float32
        np.save(os.path.join(folder, name + ".npy"), value.numpy().astype(kind_of))
    np.save(os.path.join(folder, "volume.npy"), stack)
    write_table(os.path.join(folder, "weights.tsv"), rows)
    options = [] if side == 1024 else [f"image_size={side}"]
    case = {"case": os.path.basename(os.path.normpath(folder)), "family": "sam2",
            "config": {"model_options": ",".join(options + ["window_spec=8+4+6+4", "global_blocks=3"] * objects)},
            "reference": "the package sam2 1.1.0, SAM2ImagePredictor and SAM2VideoPredictor",
            "input": {"file": "volume.npy"},
            "arrays": arrays}
    if objects:
        case["steps"] = steps
    else:
        case["stills"] = STILLS
        case["prompts"] = [{"id": "A", "kind": "box", "frame": 1, "box": STACK_BOX, "frames_in_order": [1, 2]}]
    with open(os.path.join(folder, "case.json"), "w", encoding="utf-8") as out:
        json.dump(case, out, indent=1)


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[2] not in CONFIGS:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 128 if sys.argv[2] == "objects" else 1024)
