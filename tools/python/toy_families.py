"""toy_families.py: encoders of families around SAM's decoder in PyTorch, of any size, written from the papers and the names
of the published checkpoints: TinyViT (arXiv 2207.10666) as MobileSAM and LiteMedSAM have it, and SAM-Med2D's adapters
(arXiv 2308.16184). Used by families.py alone; never needed to build or to test."""

import torch
import torch.nn.functional as F
from torch import nn

from toy_sam import Block, ImageEncoder, LayerNorm2d

# ---- TinyViT ----


class Normed(nn.Module):
    """Convolution without bias, then the mean and variance of the training."""

    def __init__(self, inputs, outputs, kernel, stride=1, groups=1):
        super().__init__()
        self.c = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.Module()
        for name in ("weight", "bias"):
            self.bn.register_parameter(name, nn.Parameter(torch.ones(outputs)))
        for name in ("running_mean", "running_var"):
            self.bn.register_buffer(name, torch.ones(outputs))

    def forward(self, x):
        bn = self.bn
        return F.batch_norm(self.c(x), bn.running_mean, bn.running_var, bn.weight, bn.bias, eps=1e-5)


class Stem(nn.Module):
    def __init__(self, width, kernel):
        super().__init__()
        stride = 2 if kernel == 3 else 1
        self.seq = nn.Sequential(Normed(3, width // 2, kernel, stride), nn.GELU(), Normed(width // 2, width, kernel, stride))

    def forward(self, x):
        return self.seq(x)


class Bottleneck(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = Normed(width, 4 * width, 1)
        self.conv2 = Normed(4 * width, 4 * width, 3, groups=4 * width)
        self.conv3 = Normed(4 * width, width, 1)

    def forward(self, x):
        return F.gelu(x + self.conv3(F.gelu(self.conv2(F.gelu(self.conv1(x))))))


class WindowAttention(nn.Module):
    """Its norm comes after the padding. q, k and v of a head lie side by side; one bias per head and offset."""

    def __init__(self, width, heads, window):
        super().__init__()
        self.heads, self.window = heads, window
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.attention_biases = nn.Parameter(torch.zeros(heads, window * window))

    def forward(self, x):
        batch, tokens, width = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(batch, tokens, self.heads, 3, -1).permute(3, 0, 2, 1, 4)
        places = torch.stack(torch.meshgrid(torch.arange(self.window), torch.arange(self.window), indexing="ij"), -1)
        apart = (places.reshape(-1, 1, 2) - places.reshape(1, -1, 2)).abs()
        bias = self.attention_biases[:, apart[..., 0] * self.window + apart[..., 1]]
        scores = q @ k.transpose(-1, -2) * (q.shape[-1] ** -0.5) + bias
        return self.proj((torch.softmax(scores, -1) @ v).transpose(1, 2).reshape(batch, tokens, width))


class NormedMlp(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(self.norm(x))))


class WindowBlock(nn.Module):
    def __init__(self, width, heads, window, hidden):
        super().__init__()
        self.window = window
        self.attn = WindowAttention(width, heads, window)
        self.local_conv = Normed(width, width, 3, groups=width)
        self.mlp = NormedMlp(width, hidden)

    def forward(self, x):
        batch, channels, height, width = x.shape
        size = self.window
        y = F.pad(x.permute(0, 2, 3, 1), (0, 0, 0, -width % size, 0, -height % size))
        rows, columns = y.shape[1] // size, y.shape[2] // size
        y = y.reshape(batch, rows, size, columns, size, channels).transpose(2, 3).reshape(-1, size * size, channels)
        y = self.attn(y).reshape(batch, rows, columns, size, size, channels).transpose(2, 3)
        y = y.reshape(batch, rows * size, columns * size, channels)[:, :height, :width]
        x = self.local_conv(x + y.permute(0, 3, 1, 2))
        return x + self.mlp(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Merging(nn.Module):
    """The grid stays in front of a stage of width 320: the published code knows its last stage by that."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv1 = Normed(inputs, outputs, 1)
        self.conv2 = Normed(outputs, outputs, 3, 1 if outputs == 320 else 2, groups=outputs)
        self.conv3 = Normed(outputs, outputs, 1)

    def forward(self, x):
        return self.conv3(F.gelu(self.conv2(F.gelu(self.conv1(x)))))


class Stage(nn.Module):
    def __init__(self, blocks, downsample):
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample = downsample

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.downsample(x) if self.downsample else x


class TinyVit(nn.Module):
    def __init__(self, config):
        super().__init__()
        widths, channels = config["embed_dims"], config["out_chans"]
        hidden = config.get("hidden") or [4 * w for w in widths]
        self.patch_embed = Stem(widths[0], config.get("stem_kernel", 3))
        self.layers = nn.ModuleList()
        for i, width in enumerate(widths):
            blocks = [WindowBlock(width, config["num_heads"][i], config["window_sizes"][i], hidden[i]) if i else
                      Bottleneck(width) for _ in range(config["depths"][i])]
            self.layers.append(Stage(blocks, Merging(width, widths[i + 1]) if i + 1 < len(widths) else None))
        self.neck = nn.Sequential(nn.Conv2d(widths[-1], channels, 1, bias=False), LayerNorm2d(channels),
                                  nn.Conv2d(channels, channels, 3, padding=1, bias=False), LayerNorm2d(channels))

    def forward(self, x):
        x = self.patch_embed(x)
        for layer in self.layers:
            x = layer(x)
        return self.neck(x)


# ---- SAM-Med2D ----


class Adapter(nn.Module):
    """Of [B, H, W, C]: a gate per channel, then down and up by two."""

    def __init__(self, width):
        super().__init__()
        hidden = width // 4
        self.norm = nn.LayerNorm(width)
        self.channel = nn.Sequential(nn.Linear(width, hidden, bias=False), nn.ReLU(),
                                     nn.Linear(hidden, width, bias=False), nn.Sigmoid())
        self.spatial = nn.Sequential(nn.Conv2d(width, width, 3, stride=2, padding=1, bias=False), nn.ReLU(),
                                     nn.ConvTranspose2d(width, width, 4, stride=2, padding=1, bias=False), nn.ReLU())

    def forward(self, x):
        gated = x * self.channel(x.mean(dim=(1, 2), keepdim=True))
        return self.norm(x + self.spatial(gated.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))


class AdaptedBlock(Block):
    def __init__(self, width, *rest):
        super().__init__(width, *rest)
        self.Adapter = Adapter(width)
        self.adapted = True

    def forward(self, x):
        x = self.attend(x)
        y = self.norm2(x)
        return x + self.mlp(y) + self.Adapter(y) if self.adapted else x + self.mlp(y)


class AdaptedEncoder(ImageEncoder):
    """config["adapters"] false: they are in the checkpoint, and left out."""

    def __init__(self, config):
        super().__init__(config, AdaptedBlock)
        for block in self.blocks:
            block.adapted = config.get("adapters", True)
