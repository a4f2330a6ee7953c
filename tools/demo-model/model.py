"""The network in PyTorch: Segment Anything (arXiv 2304.02643) with small widths, parameters named as published.

Invariant: a state_dict of `Sam` is what the family `sam` of vkseg loads; sizes are told by shapes, heads and windows by
`metadata()`.
"""
import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import nn

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


@dataclasses.dataclass
class Config:
    side: int = 256
    patch: int = 8
    width: int = 192
    depth: int = 6
    heads: int = 3
    window: int = 8
    whole: tuple = (2, 5)               # blocks with global attention
    channels: int = 128
    decoder_heads: int = 4
    decoder_depth: int = 2
    decoder_hidden: int = 512
    mask_channels: int = 16
    iou_hidden: int = 128

    @property
    def grid(self):
        return self.side // self.patch

    def metadata(self):
        return {"vkseg.encoder_heads": str(self.heads), "vkseg.decoder_heads": str(self.decoder_heads),
                "vkseg.window_size": str(self.window), "vkseg.global_blocks": "+".join(map(str, self.whole))}


class LayerNorm2d(nn.LayerNorm):
    """Over the channels of [B, C, H, W]."""

    def __init__(self, channels):
        super().__init__(channels, eps=1e-6)

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Mlp(nn.Module):
    def __init__(self, width, hidden, act):
        super().__init__()
        self.lin1, self.lin2, self.act = nn.Linear(width, hidden), nn.Linear(hidden, width), act

    def forward(self, x):
        return self.lin2(self.act(self.lin1(x)))


class RelativeAttention(nn.Module):
    """`span`: cells along a side of the table of relative positions; a smaller square uses the middle of it."""

    def __init__(self, width, heads, span):
        super().__init__()
        self.heads, self.span = heads, span
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * span - 1, width // heads))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * span - 1, width // heads))

    def forward(self, x, s):                                  # [B, s * s, width]
        b, n, width = x.shape
        h, d = self.heads, width // self.heads
        q, k, v = self.qkv(x).view(b, n, 3, h, d).permute(2, 0, 3, 1, 4).reshape(3, b * h, n, d)
        grid = q.view(b * h, s, s, d)
        at = torch.arange(s, device=x.device)
        index = at[:, None] - at[None, :] + self.span - 1
        table_h, table_w = self.rel_pos_h[index].to(q.dtype), self.rel_pos_w[index].to(q.dtype)
        rows = torch.einsum("byxd,ykd->byxk", grid, table_h).reshape(b * h, n, s)
        columns = torch.einsum("byxd,xkd->byxk", grid, table_w).reshape(b * h, n, s)
        # A key carries its row and column as unit vectors: one product adds the three terms.
        unit = torch.eye(s, dtype=k.dtype, device=x.device)
        place = torch.cat([unit.repeat_interleave(s, 0), unit.repeat(s, 1)], 1).expand(b * h, -1, -1)
        score = torch.cat([q * d ** -0.5, rows, columns], 2) @ torch.cat([k, place], 2).transpose(1, 2)
        out = score.softmax(-1).to(v.dtype) @ v
        return self.proj(out.view(b, h, n, d).transpose(1, 2).reshape(b, n, width))


class Block(nn.Module):
    def __init__(self, c, whole):
        super().__init__()
        self.window = None if whole else c.window
        self.norm1, self.norm2 = nn.LayerNorm(c.width, eps=1e-6), nn.LayerNorm(c.width, eps=1e-6)
        self.attn = RelativeAttention(c.width, c.heads, self.window or c.grid)
        self.mlp = Mlp(c.width, 4 * c.width, nn.GELU())

    def forward(self, x):                                     # [B, grid, grid, width]
        b, g, _, width = x.shape
        s = self.window or g
        m = g // s
        y = self.norm1(x).view(b, m, s, m, s, width).transpose(2, 3).reshape(b * m * m, s * s, width)
        y = self.attn(y, s).view(b, m, m, s, s, width).transpose(2, 3).reshape(b, g, g, width)
        x = x + y
        return x + self.mlp(self.norm2(x))


def cut(field, at, side):
    """field [grid, grid, C], at [B, 2] -> [B, side, side, C]: the squares whose first cells are `at`."""
    steps = torch.arange(side, device=field.device)
    return field[(at[:, :1] + steps)[:, :, None], (at[:, 1:] + steps)[:, None, :]]


class ImageEncoder(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(3, c.width, c.patch, c.patch)
        self.pos_embed = nn.Parameter(torch.zeros(1, c.grid, c.grid, c.width))
        self.blocks = nn.ModuleList(Block(c, i in c.whole) for i in range(c.depth))
        self.neck = nn.Sequential(nn.Conv2d(c.width, c.channels, 1, bias=False), LayerNorm2d(c.channels),
                                  nn.Conv2d(c.channels, c.channels, 3, padding=1, bias=False), LayerNorm2d(c.channels))

    def forward(self, pixels, at=None):
        """pixels [B, 3, side, side], or a smaller square whose first cell is number `at` [B, 2] (y, x) of the grid."""
        x = self.patch_embed.proj(pixels).permute(0, 2, 3, 1)
        x = x + (self.pos_embed if at is None else cut(self.pos_embed[0], at, x.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.neck(x.permute(0, 3, 1, 2))


class Fourier(nn.Module):
    def __init__(self, half):
        super().__init__()
        # From less than a period across the image to several: the long ones tell coarse places from the first step on.
        scale = torch.logspace(math.log10(0.12), math.log10(1.8), half)
        angle = torch.arange(half) * 2.399963                 # the golden angle: directions never repeat
        self.register_buffer("positional_encoding_gaussian_matrix", torch.stack([angle.cos(), angle.sin()]) * scale)

    def forward(self, at):                                    # [..., 2] in 0..1
        angle = 2 * math.pi * ((2 * at.float() - 1) @ self.positional_encoding_gaussian_matrix)
        return torch.cat([angle.sin(), angle.cos()], -1)


class PromptEncoder(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.side, self.grid = c.side, c.grid
        self.pe_layer = Fourier(c.channels // 2)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, c.channels) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, c.channels)
        self.no_mask_embed = nn.Embedding(1, c.channels)
        m = c.mask_channels
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, m // 4, 2, 2), LayerNorm2d(m // 4), nn.GELU(), nn.Conv2d(m // 4, m, 2, 2), LayerNorm2d(m),
            nn.GELU(), nn.Conv2d(m, c.channels, 1))

    def dense_pe(self):                                       # [grid * grid, C]
        at = (torch.arange(self.grid) + 0.5) / self.grid
        return self.pe_layer(torch.stack(torch.meshgrid(at, at, indexing="xy"), -1)).flatten(0, 1)

    def sparse(self, points, labels):
        """points [P, T, 2] in pixels of the model's square; labels [P, T]: 0 background, 1 foreground, 2 and 3 the
        corners of a box, -1 none."""
        out = self.pe_layer((points + 0.5) / self.side)
        table = torch.cat([self.not_a_point_embed.weight] + [e.weight for e in self.point_embeddings])
        return torch.where(labels[..., None] < 0, 0, out) + table[labels + 1]

    def dense(self, masks, given):
        """masks [P, 1, 4 side, 4 side]; given [P]: whether a prompt has one. -> [P, grid * grid, C]"""
        none = self.no_mask_embed.weight[None]
        if masks is None:
            return none
        some = self.mask_downscaling(masks).flatten(2).transpose(1, 2)
        return torch.where(given[:, None, None], some, none.to(some.dtype))


class Attention(nn.Module):
    def __init__(self, width, inner, heads):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj = nn.Linear(width, inner), nn.Linear(width, inner)
        self.v_proj, self.out_proj = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, q, k, v):
        def split(x):
            return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        q, k, v = split(self.q_proj(q)), split(self.k_proj(k)), split(self.v_proj(v))
        score = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)   # faster here, backwards, than the fused call
        return self.out_proj((score.softmax(-1).to(v.dtype) @ v).transpose(1, 2).flatten(2))


class TwoWayBlock(nn.Module):
    def __init__(self, c, first):
        super().__init__()
        self.first = first
        w, inner = c.channels, c.channels // 2
        self.self_attn = Attention(w, w, c.decoder_heads)
        self.cross_attn_token_to_image = Attention(w, inner, c.decoder_heads)
        self.cross_attn_image_to_token = Attention(w, inner, c.decoder_heads)
        self.mlp = Mlp(w, c.decoder_hidden, nn.ReLU())
        self.norm1, self.norm2, self.norm3, self.norm4 = (nn.LayerNorm(w) for _ in range(4))

    def forward(self, tokens, image, token_pe, image_pe):
        if self.first:
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            q = tokens + token_pe
            tokens = tokens + self.self_attn(q, q, tokens)
        tokens = self.norm1(tokens)
        tokens = self.norm2(tokens + self.cross_attn_token_to_image(tokens + token_pe, image + image_pe, image))
        tokens = self.norm3(tokens + self.mlp(tokens))
        image = self.norm4(image + self.cross_attn_image_to_token(image + image_pe, tokens + token_pe, tokens))
        return tokens, image


class TwoWay(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.layers = nn.ModuleList(TwoWayBlock(c, i == 0) for i in range(c.decoder_depth))
        self.final_attn_token_to_image = Attention(c.channels, c.channels // 2, c.decoder_heads)
        self.norm_final_attn = nn.LayerNorm(c.channels)

    def forward(self, tokens, image, image_pe):
        token_pe = tokens
        for layer in self.layers:
            tokens, image = layer(tokens, image, token_pe, image_pe)
        tokens = tokens + self.final_attn_token_to_image(tokens + token_pe, image + image_pe, image)
        return self.norm_final_attn(tokens), image


class Head(nn.Module):
    def __init__(self, width, hidden, out):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(width, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, out)])

    def forward(self, x):
        return self.layers[2](F.relu(self.layers[1](F.relu(self.layers[0](x)))))


class MaskDecoder(nn.Module):
    masks = 4

    def __init__(self, c):
        super().__init__()
        w = c.channels
        self.transformer = TwoWay(c)
        self.iou_token, self.mask_tokens = nn.Embedding(1, w), nn.Embedding(self.masks, w)
        self.output_upscaling = nn.Sequential(nn.ConvTranspose2d(w, w // 4, 2, 2), LayerNorm2d(w // 4), nn.GELU(),
                                              nn.ConvTranspose2d(w // 4, w // 8, 2, 2), nn.GELU())
        self.output_hypernetworks_mlps = nn.ModuleList(Head(w, w, w // 8) for _ in range(self.masks))
        self.iou_prediction_head = Head(w, c.iou_hidden, self.masks)

    def forward(self, image, image_pe, sparse):               # [P, cells, C], [cells, C] or one each, [P, T, C]
        p, side = sparse.shape[0], math.isqrt(image.shape[1])
        own = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([own.expand(p, -1, -1), sparse], 1)
        tokens, image = self.transformer(tokens, image, image_pe)
        up = self.output_upscaling(image.transpose(1, 2).unflatten(2, (side, side)))
        weights = torch.stack([head(tokens[:, 1 + i]) for i, head in enumerate(self.output_hypernetworks_mlps)], 1)
        low = (weights.to(up.dtype) @ up.flatten(2)).unflatten(2, up.shape[2:])
        return low, self.iou_prediction_head(tokens[:, 0])    # [P, 4, low, low], [P, 4]


def sinusoids(grid, width):
    """Where learning the absolute positions starts: [1, grid, grid, width]."""
    quarter = width // 4
    angle = torch.arange(grid)[:, None] / 10000 ** (torch.arange(quarter) / quarter) * 4
    line = torch.cat([angle.sin(), angle.cos()], 1) * 1.5
    return torch.cat([line[:, None].expand(grid, grid, -1), line[None].expand(grid, grid, -1)], 2)[None]


class Sam(nn.Module):
    def __init__(self, config=None):
        super().__init__()
        self.config = config or Config()
        self.image_encoder = ImageEncoder(self.config)
        self.prompt_encoder = PromptEncoder(self.config)
        self.mask_decoder = MaskDecoder(self.config)
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)) and module.bias is not None:
                nn.init.zeros_(module.bias)
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
        with torch.no_grad():
            self.image_encoder.pos_embed.copy_(sinusoids(self.config.grid, self.config.width))
            for block in self.image_encoder.blocks:       # at first only the patches speak
                block.attn.proj.weight.zero_(), block.mlp.lin2.weight.zero_()
            # Queries and keys alike: tokens and image places that are near each other attend to each other at first.
            for name, module in self.mask_decoder.named_modules():
                if "cross_attn" in name or "final_attn" in name:
                    if isinstance(module, Attention):
                        nn.init.orthogonal_(module.q_proj.weight, gain=1.3)
                        module.k_proj.weight.copy_(module.q_proj.weight)

    def decode(self, image, of, points, labels, masks=None, given=None, at=None):
        """image [B, C, side, side]; of [P]: the image of each prompt; points in pixels of the whole square, in which
        `at` [B, 2] says where a smaller one lies. -> logits [P, 4, low, low], IoU [P, 4]"""
        place = self.prompt_encoder.dense_pe()
        if at is not None:
            place = cut(place.unflatten(0, (self.config.grid, -1)), at, image.shape[2]).flatten(1, 2)[of]
        image = image.flatten(2).transpose(1, 2)[of]
        image = image + self.prompt_encoder.dense(masks, given).to(image.dtype)
        return self.mask_decoder(image, place.to(image.dtype),
                                 self.prompt_encoder.sparse(points, labels).to(image.dtype))


@torch.no_grad()
def whiten_patches(model, greys):
    """Starts the patch embedding at the principal components of grey patches of `greys` [N, H, W] in 0..255, the weak
    ones raised half way to the strong, so that detail is seen from the first step on and noise is not all there is; and
    loud enough that what the blocks add does not drown it."""
    p = model.config.patch
    x = (greys.float() - 127.5) / 57
    x = x.unfold(1, p, p // 2).unfold(2, p, p // 2).reshape(-1, p * p)
    x = x[x.std(1) > 0.05]
    covariance = x.T @ x / len(x)
    values, vectors = torch.linalg.eigh(covariance)
    width = model.config.width
    kernels = (vectors / (values + 3e-3) ** 0.25).flip(1)[:, :width].T
    while len(kernels) < width:                               # further rows are turned mixtures of the components
        mix = torch.nn.init.orthogonal_(torch.empty(p * p, p * p))
        kernels = torch.cat([kernels, (mix @ kernels[:p * p])[:width - len(kernels)]])
    kernels = kernels * (4 / (x @ kernels.T).std())
    model.image_encoder.patch_embed.proj.weight.copy_(kernels.reshape(-1, 1, p, p).expand(-1, 3, -1, -1) / 3)


def normalise(pixels):
    """[B, 3, H, W] in 0..255 -> what the encoder takes."""
    mean, std = (torch.tensor(v, device=pixels.device)[:, None, None] for v in (MEAN, STD))
    return (pixels - mean) / std
