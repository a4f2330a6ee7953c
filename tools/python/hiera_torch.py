"""hiera_torch.py: the image encoder of SAM 2.1 (arXiv 2408.00714; Hiera, 2306.00989) in PyTorch, eager with fused attention
as the published code has it. Module paths are those of the published checkpoints. For comparisons and goldens; never needed
to build or to test."""

import torch
import torch.nn.functional as F
from torch import nn


def halve(x):
    return F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)


class Attention(nn.Module):
    def __init__(self, inputs, outputs, heads, pool):
        super().__init__()
        self.heads, self.pool = heads, pool
        self.qkv = nn.Linear(inputs, 3 * outputs)
        self.proj = nn.Linear(outputs, outputs)

    def forward(self, x):
        batch, height, width, _ = x.shape
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        if self.pool:
            q = halve(q)
            height, width = height // 2, width // 2
        q, k, v = (y.flatten(1, 2).unflatten(2, (self.heads, -1)).transpose(1, 2) for y in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2)
        return self.proj(y.reshape(batch, height, width, -1))


class Mlp(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(width, 4 * width), nn.Linear(4 * width, width)])

    def forward(self, x):
        return self.layers[1](F.gelu(self.layers[0](x)))


class Block(nn.Module):
    """window 0: the whole grid. A block that pools halves the grid; it is padded to windows before and cut behind."""

    def __init__(self, inputs, outputs, heads, window, pool):
        super().__init__()
        self.window, self.pool = window, pool
        self.norm1 = nn.LayerNorm(inputs, eps=1e-6)
        self.attn = Attention(inputs, outputs, heads, pool)
        self.norm2 = nn.LayerNorm(outputs, eps=1e-6)
        self.mlp = Mlp(outputs)
        if inputs != outputs:
            self.proj = nn.Linear(inputs, outputs)

    def forward(self, x):
        y, size = self.norm1(x), self.window
        if self.pool:
            x = halve(self.proj(y))
        if not size:
            x = x + self.attn(y)
        else:
            batch, height, width, channels = y.shape
            y = F.pad(y, (0, 0, 0, -width % size, 0, -height % size))
            rows, columns = y.shape[1] // size, y.shape[2] // size
            y = y.reshape(batch, rows, size, columns, size, channels).transpose(2, 3).reshape(-1, size, size, channels)
            y = self.attn(y)
            size = y.shape[1]
            y = y.reshape(batch, rows, columns, size, size, -1).transpose(2, 3).reshape(batch, rows * size, columns * size, -1)
            x = x + y[:, :x.shape[1], :x.shape[2]]
        return x + self.mlp(self.norm2(x))


class Trunk(nn.Module):
    """The window of a stage's first block is still that of the stage before."""

    def __init__(self, width, heads, stages, windows, whole, background):
        super().__init__()
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(3, width, 7, stride=4, padding=3)
        self.pos_embed = nn.Parameter(torch.zeros(1, width, background, background))
        self.pos_embed_window = nn.Parameter(torch.zeros(1, width, windows[0], windows[0]))
        self.blocks, self.ends = nn.ModuleList(), []
        for stage, depth in enumerate(stages):
            for i in range(depth):
                pool = stage > 0 and i == 0
                window = 0 if len(self.blocks) in whole else windows[stage - 1 if pool else stage]
                inputs = width
                width, heads = width * (1 + pool), heads * (1 + pool)
                self.blocks.append(Block(inputs, width, heads, window, pool))
            self.ends.append(len(self.blocks) - 1)

    def forward(self, x):
        x = self.patch_embed.proj(x)
        size = x.shape[-2:]
        fine = self.pos_embed_window
        fine = fine.tile([1, 1, size[0] // fine.shape[2], size[1] // fine.shape[3]])
        x = (x + F.interpolate(self.pos_embed, size, mode="bicubic") + fine).permute(0, 2, 3, 1)
        levels = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.ends:
                levels.append(x.permute(0, 3, 1, 2))
        return levels


class Neck(nn.Module):
    """The coarsest first; only it is added to the next."""

    def __init__(self, widths, channels):
        super().__init__()
        self.convs = nn.ModuleList(nn.Module() for _ in widths)
        for module, width in zip(self.convs, widths):
            module.conv = nn.Conv2d(width, channels, 1)

    def forward(self, levels):
        top, middle, *fine = (module.conv(x) for module, x in zip(self.convs, levels[::-1]))
        return [middle + F.interpolate(top, scale_factor=2.0, mode="nearest"), *fine]


class Hiera(nn.Module):
    """-> the embedding and the two finer levels as the mask decoder wants them; of the sizes t, s, b (B+) and l."""

    SIZES = {"t": (96, 1, (1, 2, 7, 2), (8, 4, 14, 7), (5, 7, 9), 7),
             "s": (96, 1, (1, 2, 11, 2), (8, 4, 14, 7), (7, 10, 13), 7),
             "b": (112, 2, (2, 3, 16, 3), (8, 4, 14, 7), (12, 16, 20), 14),
             "l": (144, 2, (2, 6, 36, 4), (8, 4, 16, 8), (23, 33, 43), 7)}

    def __init__(self, size="t"):
        super().__init__()
        width = self.SIZES[size][0]
        self.image_encoder = nn.Module()
        self.image_encoder.trunk = Trunk(*self.SIZES[size])
        self.image_encoder.neck = Neck([width << i for i in (3, 2, 1, 0)], 256)
        self.sam_mask_decoder = nn.Module()
        self.sam_mask_decoder.conv_s0 = nn.Conv2d(256, 32, 1)
        self.sam_mask_decoder.conv_s1 = nn.Conv2d(256, 64, 1)

    def forward(self, x):
        embedding, middle, fine = self.image_encoder.neck(self.image_encoder.trunk(x))
        return embedding, self.sam_mask_decoder.conv_s1(middle), self.sam_mask_decoder.conv_s0(fine)
