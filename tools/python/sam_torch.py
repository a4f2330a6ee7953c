"""SAM (arXiv 2304.02643) in plain PyTorch, eager, from the tensors of a .safetensors checkpoint: the yardstick of
compare_torch.py. Sizes come from the tensors; the decoder has eight heads. All arithmetic is in the tensors' type; in
float64 (double_of) rounding by whatever kernels PyTorch picks is far below what float32 resolves."""
import json
import math
import struct

import numpy as np
import torch
import torch.nn.functional as F

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def read_safetensors(path):
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
    data = np.memmap(path, np.uint8, "r", 8 + size)
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] != "F32":
            raise SystemExit(f"{path}: {name} is {entry['dtype']}; this comparison wants F32")
        first, last = entry["data_offsets"]
        tensors[name] = torch.from_numpy(np.array(data[first:last]).view(np.float32).reshape(entry["shape"]))
    return tensors


def relative(table, size):
    """[size, size, width]: the row of `table` for every pair of positions."""
    wanted = 2 * size - 1
    if table.shape[0] != wanted:
        table = F.interpolate(table.T[None], size=wanted, mode="linear")[0].T
    at = torch.arange(size)
    return table[at[:, None] - at[None, :] + size - 1]


def attend_relative(q, k, v, rel_h, rel_w, height, width):
    """q, k, v [batch, tokens, head width]; decomposed relative positions from the unscaled q."""
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
    grid = q.reshape(-1, height, width, q.shape[-1])
    rows = torch.einsum("bhwc,hkc->bhwk", grid, rel_h)
    columns = torch.einsum("bhwc,wkc->bhwk", grid, rel_w)
    scores = scores.view(-1, height, width, height, width) + rows[..., :, None] + columns[..., None, :]
    return scores.view(-1, height * width, height * width).softmax(-1) @ v


def double_of(tensors):
    return {name: tensor.double() for name, tensor in tensors.items()}


class Sam:
    def __init__(self, tensors):
        self.t = tensors
        patch = tensors["image_encoder.patch_embed.proj.weight"]
        self.patch, self.width = patch.shape[-1], patch.shape[0]
        self.grid = tensors["image_encoder.pos_embed"].shape[1]
        self.side = self.grid * self.patch
        self.depth = 1 + max(int(n.split(".")[2]) for n in tensors if n.startswith("image_encoder.blocks."))
        self.head_width = tensors["image_encoder.blocks.0.attn.rel_pos_h"].shape[1]
        self.heads = self.width // self.head_width
        self.type = patch.dtype

    def linear(self, name, x):
        return F.linear(x, self.t[name + ".weight"], self.t[name + ".bias"])

    def norm(self, name, x, eps):
        return F.layer_norm(x, x.shape[-1:], self.t[name + ".weight"], self.t[name + ".bias"], eps)

    def norm2d(self, name, x):
        mean = x.mean(1, keepdim=True)
        x = (x - mean) / torch.sqrt((x - mean).pow(2).mean(1, keepdim=True) + 1e-6)
        return x * self.t[name + ".weight"][:, None, None] + self.t[name + ".bias"][:, None, None]

    # ---- encoder

    def attention(self, name, x):
        batch, height, width, channels = x.shape
        qkv = self.linear(name + ".qkv", x).reshape(batch, height * width, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.reshape(3, batch * self.heads, height * width, -1)
        rel_h, rel_w = (relative(self.t[f"{name}.rel_pos_{axis}"], size) for axis, size in (("h", height), ("w", width)))
        if self.type == torch.float64:              # a head at a time: the scores of all would need gigabytes
            y = torch.cat([attend_relative(*one, rel_h, rel_w, height, width)
                           for one in zip(q.split(1), k.split(1), v.split(1))])
        else:
            y = attend_relative(q, k, v, rel_h, rel_w, height, width)
        y = y.view(batch, self.heads, height, width, -1).permute(0, 2, 3, 1, 4).reshape(batch, height, width, channels)
        return self.linear(name + ".proj", y)

    def block(self, index, x):
        name = f"image_encoder.blocks.{index}"
        table = self.t[name + ".attn.rel_pos_h"].shape[0]
        window = 0 if table == 2 * self.grid - 1 else (table + 1) // 2
        y = self.norm(name + ".norm1", x, 1e-6)
        if window:
            batch, height, width, channels = y.shape
            pad_h, pad_w = -height % window, -width % window
            y = F.pad(y, (0, 0, 0, pad_w, 0, pad_h))
            rows, columns = (height + pad_h) // window, (width + pad_w) // window
            y = y.view(batch, rows, window, columns, window, channels).transpose(2, 3).reshape(-1, window, window, channels)
            y = self.attention(name + ".attn", y)
            y = y.view(batch, rows, columns, window, window, channels).transpose(2, 3)
            y = y.reshape(batch, height + pad_h, width + pad_w, channels)[:, :height, :width]
        else:
            y = self.attention(name + ".attn", y)
        x = x + y
        y = self.linear(name + ".mlp.lin1", self.norm(name + ".norm2", x, 1e-6))
        return x + self.linear(name + ".mlp.lin2", F.gelu(y))

    def encode(self, pixels):
        """pixels [height, width, 3], bytes, longest side equal to the model's; returns [C, grid, grid]."""
        mean, std = (torch.tensor(values, dtype=self.type) for values in (MEAN, STD))
        x = (torch.from_numpy(pixels).to(self.type) - mean) / std
        x = F.pad(x.permute(2, 0, 1), (0, self.side - x.shape[1], 0, self.side - x.shape[0]))[None]
        name = "image_encoder."
        x = F.conv2d(x, self.t[name + "patch_embed.proj.weight"], self.t[name + "patch_embed.proj.bias"], self.patch)
        x = x.permute(0, 2, 3, 1) + self.t[name + "pos_embed"]
        for index in range(self.depth):
            x = self.block(index, x)
        x = F.conv2d(x.permute(0, 3, 1, 2), self.t[name + "neck.0.weight"])
        x = F.conv2d(self.norm2d(name + "neck.1", x), self.t[name + "neck.2.weight"], padding=1)
        return self.norm2d(name + "neck.3", x)[0]

    # ---- prompts and decoder

    def positions(self, points):
        """points [..., 2], x and y in 0..1."""
        angles = (2 * points - 1) @ self.t["prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"] * (2 * math.pi)
        return torch.cat([angles.sin(), angles.cos()], -1)

    def decoder_attention(self, name, q, k, v, heads=8):
        q, k, v = (self.linear(f"{name}.{part}_proj", x) for part, x in (("q", q), ("k", k), ("v", v)))
        q, k, v = (x.reshape(x.shape[0], x.shape[1], heads, -1).transpose(1, 2) for x in (q, k, v))
        y = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(-1) @ v
        return self.linear(name + ".out_proj", y.transpose(1, 2).flatten(2))

    def two_way(self, image, position, tokens):
        name, query_position = "mask_decoder.transformer", tokens
        for index in range(2):
            layer = f"{name}.layers.{index}"
            if index == 0:
                tokens = self.decoder_attention(layer + ".self_attn", tokens, tokens, tokens)
            else:
                q = tokens + query_position
                tokens = tokens + self.decoder_attention(layer + ".self_attn", q, q, tokens)
            tokens = self.norm(layer + ".norm1", tokens, 1e-5)
            y = self.decoder_attention(layer + ".cross_attn_token_to_image", tokens + query_position, image + position, image)
            tokens = self.norm(layer + ".norm2", tokens + y, 1e-5)
            y = self.linear(layer + ".mlp.lin2", F.relu(self.linear(layer + ".mlp.lin1", tokens)))
            tokens = self.norm(layer + ".norm3", tokens + y, 1e-5)
            y = self.decoder_attention(layer + ".cross_attn_image_to_token", image + position, tokens + query_position, tokens)
            image = self.norm(layer + ".norm4", image + y, 1e-5)
        y = self.decoder_attention(name + ".final_attn_token_to_image", tokens + query_position, image + position, image)
        return self.norm(name + ".norm_final_attn", tokens + y, 1e-5), image

    def head(self, name, x):
        for index in range(3):
            x = self.linear(f"{name}.layers.{index}", x)
            x = F.relu(x) if index < 2 else x
        return x

    def decode(self, embedding, box):
        """embedding [C, grid, grid], box in the model's pixels; returns the single mask's logits [4 grid, 4 grid]."""
        channels, grid = embedding.shape[0], self.grid
        corners = self.positions((torch.tensor(box, dtype=self.type).view(1, 2, 2) + 0.5) / self.side)
        corners = corners + torch.stack([self.t[f"prompt_encoder.point_embeddings.{i}.weight"][0] for i in (2, 3)])
        centres = (torch.arange(grid, dtype=self.type) + 0.5) / grid
        dense = self.positions(torch.stack(torch.meshgrid(centres, centres, indexing="xy"), -1)).view(1, grid * grid, channels)
        image = (embedding + self.t["prompt_encoder.no_mask_embed.weight"].view(-1, 1, 1)).flatten(1).T[None]
        own = torch.cat([self.t["mask_decoder.iou_token.weight"], self.t["mask_decoder.mask_tokens.weight"]])
        tokens, image = self.two_way(image, dense, torch.cat([own[None], corners], 1))
        x = image.transpose(1, 2).reshape(1, channels, grid, grid)
        name = "mask_decoder.output_upscaling"
        x = F.conv_transpose2d(x, self.t[name + ".0.weight"], self.t[name + ".0.bias"], 2)
        x = F.gelu(self.norm2d(name + ".1", x))
        x = F.gelu(F.conv_transpose2d(x, self.t[name + ".3.weight"], self.t[name + ".3.bias"], 2))
        weights = torch.stack([self.head(f"mask_decoder.output_hypernetworks_mlps.{i}", tokens[:, 1 + i]) for i in range(4)], 1)
        self.head("mask_decoder.iou_prediction_head", tokens[:, 0])
        return (weights @ x.flatten(2)).view(4, 4 * grid, 4 * grid)[0]

    def predict(self, embedding, box, height, width):
        """As decode, then the mask of an image of the model's side in its longer one, as SamPredictor gives it."""
        logits = self.decode(embedding, box)
        full = F.interpolate(logits[None, None], (self.side, self.side), mode="bilinear", align_corners=False)
        return logits, full[..., :height, :width][0, 0] > 0
