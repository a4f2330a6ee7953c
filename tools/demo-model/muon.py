"""Muon (Keller Jordan et al., 2024, https://kellerjordan.github.io/posts/muon): momentum whose matrix is replaced by
the nearest orthogonal one, which learns in fewer steps than Adam where steps are what is scarce.

Invariant: only matrices that map tokens to tokens are given to it; embeddings, norms and last layers stay with AdamW.
"""
import torch


@torch.no_grad()
def orthogonal(x, rounds=5):
    """[N, rows, columns] -> about U V^T of each, by the quintic Newton-Schulz iteration in bfloat16."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = x.bfloat16()
    tall = x.shape[1] > x.shape[2]
    x = x.transpose(1, 2) if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(rounds):
        square = x @ x.transpose(1, 2)
        x = a * x + (b * square + c * (square @ square)) @ x
    return (x.transpose(1, 2) if tall else x).float()


class Muon(torch.optim.Optimizer):
    """`pieces(name)` matrices of a parameter are treated on their own (q, k and v of one projection)."""

    def __init__(self, named, lr=0.02, momentum=0.95, weight_decay=0.0):
        named = list(named)
        self.pieces = [3 if ".qkv." in name else 1 for name, _ in named]
        super().__init__([{"params": [p for _, p in named]}],
                         {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None):
        group = self.param_groups[0]
        by_shape = {}
        for p, pieces in zip(group["params"], self.pieces):
            state = self.state[p]
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(p)
            state["momentum"].lerp_(p.grad, 1 - group["momentum"])
            update = p.grad.lerp(state["momentum"], group["momentum"]).flatten(1)
            for target, part in zip(p.flatten(1).chunk(pieces), update.chunk(pieces)):
                by_shape.setdefault(tuple(part.shape), []).append((target, part))
        for (rows, columns), pairs in by_shape.items():
            turned = orthogonal(torch.stack([part for _, part in pairs]))
            scale = group["lr"] * max(1, rows / columns) ** 0.5
            for (target, _), part in zip(pairs, turned):
                target.mul_(1 - group["lr"] * group["weight_decay"]).add_(part, alpha=-scale)
