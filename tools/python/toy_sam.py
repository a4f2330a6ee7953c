"""toy_sam.py: SAM (arXiv 2304.02643) of any size in PyTorch, written from the paper and the names of the published
checkpoints. Module paths are those names, so that a state_dict is a checkpoint. Used by golden.py alone; never needed to
build or to test."""

import math

import torch
import torch.nn.functional as F
from torch import nn


class LayerNorm2d(nn.Module):
    """Over the channels of [B, C, H, W]."""

    def __init__(self, channels, eps=1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x):
        x = x.permute(0, 2, 3, 1)
        return F.layer_norm(x, x.shape[-1:], self.weight, self.bias, self.eps).permute(0, 3, 1, 2)


# ---- image encoder ----


def relative(table, size):
    """[size, size, width]: row q - k + size - 1 of the table, first stretched to 2 * size - 1 rows."""
    wanted = 2 * size - 1
    if table.shape[0] != wanted:
        table = F.interpolate(table.T[None], size=wanted, mode="linear")[0].T
    places = torch.arange(size)
    return table[places[:, None] - places[None, :] + size - 1]


class Attention(nn.Module):
    """Within one grid; the position terms use the query before it is scaled."""

    def __init__(self, width, heads, table):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.rel_pos_h = nn.Parameter(torch.zeros(table, width // heads))
        self.rel_pos_w = nn.Parameter(torch.zeros(table, width // heads))

    def forward(self, x):
        batch, height, width, channels = x.shape
        qkv = self.qkv(x).reshape(batch, height * width, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k, v = qkv
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        grid = q.reshape(batch, self.heads, height, width, -1)
        rows = torch.einsum("bnhwc,hkc->bnhwk", grid, relative(self.rel_pos_h, height))
        columns = torch.einsum("bnhwc,wkc->bnhwk", grid, relative(self.rel_pos_w, width))
        terms = rows[..., :, None] + columns[..., None, :]
        scores = scores + terms.reshape(batch, self.heads, height * width, height * width)
        y = torch.softmax(scores, dim=-1) @ v
        return self.proj(y.transpose(1, 2).reshape(batch, height, width, channels))


class Mlp(nn.Module):
    def __init__(self, width, hidden, act):
        super().__init__()
        self.lin1 = nn.Linear(width, hidden)
        self.lin2 = nn.Linear(hidden, width)
        self.act = act

    def forward(self, x):
        return self.lin2(self.act(self.lin1(x)))


class Block(nn.Module):
    """window 0: the whole grid. Windows are padded with zeros after norm1, right and below."""

    def __init__(self, width, heads, hidden, window, table):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads, table)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width, hidden, F.gelu)
        self.window = window

    def attend(self, x):
        y = self.norm1(x)
        if self.window == 0:
            y = self.attn(y)
        else:
            batch, height, width, channels = y.shape
            size = self.window
            y = F.pad(y, (0, 0, 0, -width % size, 0, -height % size))
            rows, columns = y.shape[1] // size, y.shape[2] // size
            y = y.reshape(batch, rows, size, columns, size, channels).transpose(2, 3).reshape(-1, size, size, channels)
            y = self.attn(y).reshape(batch, rows, columns, size, size, channels).transpose(2, 3)
            y = y.reshape(batch, rows * size, columns * size, channels)[:, :height, :width]
        return x + y

    def forward(self, x):
        x = self.attend(x)
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    def __init__(self, width, patch):
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, stride=patch)

    def forward(self, x):
        return self.proj(x).permute(0, 2, 3, 1)


class ImageEncoder(nn.Module):
    def __init__(self, config, block=Block):
        super().__init__()
        width, grid, depth = config["embed_dim"], config["img_size"] // config["patch"], config["depth"]
        self.patch_embed = PatchEmbed(width, config["patch"])
        self.pos_embed = nn.Parameter(torch.zeros(1, grid, grid, width))
        self.blocks = nn.ModuleList()
        for i in range(depth):
            window = 0 if i in config["global_attn_indexes"] else config["window_size"]
            table = config.get("global_table", 2 * grid - 1) if window == 0 else 2 * window - 1
            self.blocks.append(block(width, config["num_heads"], width * config["mlp_ratio"], window, table))
        channels = config["out_chans"]
        self.neck = nn.Sequential(nn.Conv2d(width, channels, 1, bias=False), LayerNorm2d(channels),
                                  nn.Conv2d(channels, channels, 3, padding=1, bias=False), LayerNorm2d(channels))

    def forward(self, x):
        x = self.patch_embed(x) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.neck(x.permute(0, 3, 1, 2))


# ---- prompt encoder ----


class Positions(nn.Module):
    """Random Fourier features of positions in 0..1, x first."""

    def __init__(self, channels):
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.zeros(2, channels // 2))

    def forward(self, places):
        angles = 2 * math.pi * ((2 * places - 1) @ self.positional_encoding_gaussian_matrix)
        return torch.cat([angles.sin(), angles.cos()], dim=-1)


class PromptEncoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        channels, masks = config["out_chans"], config["mask_in_chans"]
        self.side, self.grid = config["img_size"], config["img_size"] // config["patch"]
        self.pe_layer = Positions(channels)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, channels) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, channels)
        self.no_mask_embed = nn.Embedding(1, channels)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, masks // 4, 2, stride=2), LayerNorm2d(masks // 4), nn.GELU(),
            nn.Conv2d(masks // 4, masks, 2, stride=2), LayerNorm2d(masks), nn.GELU(), nn.Conv2d(masks, channels, 1))

    def dense_pe(self):
        centres = (torch.arange(self.grid, dtype=self.no_mask_embed.weight.dtype) + 0.5) / self.grid
        y, x = torch.meshgrid(centres, centres, indexing="ij")
        return self.pe_layer(torch.stack([x, y], dim=-1)).permute(2, 0, 1)[None]

    def sparse(self, points, labels, boxes):
        """points [B, N, 2], labels [B, N], boxes [B, 4] in pixels of the model's square; each may be None."""
        rows = []
        if points is not None:
            places = self.pe_layer((points + 0.5) / self.side)
            kinds = torch.cat([self.point_embeddings[0].weight, self.point_embeddings[1].weight])
            rows.append(places + kinds[labels])
            if boxes is None:
                rows.append(self.not_a_point_embed.weight.expand(len(points), 1, -1))
        if boxes is not None:
            corners = self.pe_layer((boxes.reshape(-1, 2, 2) + 0.5) / self.side)
            kinds = torch.cat([self.point_embeddings[2].weight, self.point_embeddings[3].weight])
            rows.append(corners + kinds)
        return torch.cat(rows, dim=1) if rows else None

    def dense(self, masks, batch):
        if masks is not None:
            return self.mask_downscaling(masks)
        return self.no_mask_embed.weight.reshape(1, -1, 1, 1).expand(batch, -1, self.grid, self.grid)


# ---- mask decoder ----


class DecoderAttention(nn.Module):
    def __init__(self, channels, inner, heads):
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(channels, inner)
        self.k_proj = nn.Linear(channels, inner)
        self.v_proj = nn.Linear(channels, inner)
        self.out_proj = nn.Linear(inner, channels)

    def forward(self, q, k, v):
        def split(x):
            return x.reshape(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

        q, k, v = split(self.q_proj(q)), split(self.k_proj(k)), split(self.v_proj(v))
        y = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), dim=-1) @ v
        return self.out_proj(y.transpose(1, 2).flatten(2))


class TwoWayLayer(nn.Module):
    """The first layer's self-attention has neither positions nor a residual."""

    def __init__(self, channels, heads, hidden, first):
        super().__init__()
        self.self_attn = DecoderAttention(channels, channels, heads)
        self.cross_attn_token_to_image = DecoderAttention(channels, channels // 2, heads)
        self.cross_attn_image_to_token = DecoderAttention(channels, channels // 2, heads)
        self.mlp = Mlp(channels, hidden, F.relu)
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.norm3, self.norm4 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.first = first

    def forward(self, queries, keys, query_pe, key_pe):
        if self.first:
            queries = self.self_attn(queries, queries, queries)
        else:
            q = queries + query_pe
            queries = queries + self.self_attn(q, q, queries)
        queries = self.norm1(queries)
        queries = self.norm2(queries + self.cross_attn_token_to_image(queries + query_pe, keys + key_pe, keys))
        queries = self.norm3(queries + self.mlp(queries))
        keys = self.norm4(keys + self.cross_attn_image_to_token(keys + key_pe, queries + query_pe, queries))
        return queries, keys


class TwoWayTransformer(nn.Module):
    def __init__(self, channels, depth, heads, hidden):
        super().__init__()
        self.layers = nn.ModuleList(TwoWayLayer(channels, heads, hidden, i == 0) for i in range(depth))
        self.final_attn_token_to_image = DecoderAttention(channels, channels // 2, heads)
        self.norm_final_attn = nn.LayerNorm(channels)

    def forward(self, keys, key_pe, tokens):
        queries = tokens
        for layer in self.layers:
            queries, keys = layer(queries, keys, tokens, key_pe)
        y = self.final_attn_token_to_image(queries + tokens, keys + key_pe, keys)
        return self.norm_final_attn(queries + y), keys


class Head(nn.Module):
    def __init__(self, inputs, hidden, outputs, depth):
        super().__init__()
        sizes = [inputs] + [hidden] * (depth - 1) + [outputs]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x)


class MaskDecoder(nn.Module):
    masks = 4

    def __init__(self, config):
        super().__init__()
        c = config["out_chans"]
        self.transformer = TwoWayTransformer(c, config["decoder_depth"], config["decoder_heads"],
                                             config["decoder_mlp_dim"])
        self.iou_token = nn.Embedding(1, c)
        self.mask_tokens = nn.Embedding(self.masks, c)
        self.output_upscaling = nn.Sequential(nn.ConvTranspose2d(c, c // 4, 2, stride=2), LayerNorm2d(c // 4),
                                              nn.GELU(), nn.ConvTranspose2d(c // 4, c // 8, 2, stride=2), nn.GELU())
        self.output_hypernetworks_mlps = nn.ModuleList(Head(c, c, c // 8, 3) for _ in range(self.masks))
        self.iou_prediction_head = Head(c, config["iou_head_hidden"], self.masks, config["iou_head_depth"])

    def forward(self, image, image_pe, sparse, dense):
        """image [1, C, g, g], sparse [B, N, C] or None, dense [B, C, g, g] -> low-res logits [B, 4, 4 g, 4 g] and
        predicted IoU [B, 4]."""
        batch = len(dense)
        tokens = torch.cat([self.iou_token.weight, self.mask_tokens.weight]).expand(batch, -1, -1)
        if sparse is not None:
            tokens = torch.cat([tokens, sparse], dim=1)
        keys = (image + dense).flatten(2).transpose(1, 2)
        queries, keys = self.transformer(keys, image_pe.flatten(2).transpose(1, 2), tokens)
        grid = keys.transpose(1, 2).reshape(batch, -1, *image.shape[2:])
        upscaled = self.output_upscaling(grid)
        weights = torch.stack([head(queries[:, 1 + i]) for i, head in enumerate(self.output_hypernetworks_mlps)], dim=1)
        self.shown = {"hyper_in": weights}
        masks = torch.einsum("bmc,bchw->bmhw", weights, upscaled)
        return masks, self.iou_prediction_head(queries[:, 0])


class Sam(nn.Module):
    def __init__(self, config, encoder=ImageEncoder):
        super().__init__()
        self.image_encoder = encoder(config)
        self.prompt_encoder = PromptEncoder(config)
        self.mask_decoder = MaskDecoder(config)
