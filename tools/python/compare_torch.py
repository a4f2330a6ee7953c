#!/usr/bin/env python3
"""SAM in vkseg and in eager PyTorch: same checkpoint, image and box, in one process, alternately; prints the ratios.

Before a time is printed, vkseg's outputs are compared with those of the same model in PyTorch in float64, run once:
that yardstick does not move, whereas PyTorch's float32 outputs were seen to differ between runs. What is timed is
PyTorch's usual float32 path; how far its own outputs are from float64 is printed beside ours. Wall clocks lie on a
machine that others use, so CPU seconds of the process stand beside them; "ratio" is vkseg / PyTorch (below 1: vkseg is
faster), the median of the ratios of neighbours. Whole stages run without time stamps. Two operators are timed where
they are used, by the device's stamps, in encodes of their own: the matmul of [grid^2, C] x [C, C] behind the first
global attention (its neighbours: PyTorch's, and the BLAS of numpy, OpenBLAS in its wheels), and that attention.

  vksegdev synth TABLE.tsv -o sam.safetensors      # or any SAM checkpoint in f32
  tools/python/compare_torch.py -m sam.safetensors
"""
import argparse

import numpy as np
import torch

import sam_torch
import vkseg_c
from measure import Profile, row, test_image, timed


def difference(what, got, peer, wanted, tolerance):
    """got: vkseg's, which must be right; peer: PyTorch's in float32; wanted: PyTorch's in float64."""
    error, its_error = (float(np.abs(x - wanted).max() / np.abs(wanted).max()) for x in (got, peer))
    print(f"{what}: largest difference from PyTorch in float64 {error:.1e} of the largest value (at most "
          f"{tolerance:.0e}); PyTorch's timed float32 path: {its_error:.1e}", flush=True)
    if not error <= tolerance:
        raise SystemExit(f"the {what}s differ: no times are printed")


def check(session, model, image, box):
    """Returns PyTorch's embedding in float32; both decoders start from their own embedding."""
    session.encode(image)
    embedding = model.encode(image)
    exact = sam_torch.Sam(sam_torch.double_of(model.t))
    wanted = exact.encode(image)
    difference("embedding", session.embedding(), embedding.numpy(), wanted.numpy(), 1e-4)
    difference("mask", session.decode(box), model.decode(embedding, box).numpy(), exact.decode(wanted, box).numpy(),
               1e-3)
    return embedding


def compare_encode(args, session, watched, profile, model, image):
    ours, theirs, matmul, blas, attention = [], [], ([], []), ([], []), ([], [])
    name = next(f"blocks.{i}" for i in range(model.depth)
                if model.t[f"image_encoder.blocks.{i}.attn.rel_pos_h"].shape[0] == 2 * model.grid - 1)
    tokens, width = model.grid ** 2, model.width
    x, w, b = torch.randn(tokens, width), torch.randn(width, width), torch.randn(width)
    x_np, w_np = x.numpy(), w.numpy()
    q, k, v = (torch.randn(model.heads, tokens, model.head_width) for _ in range(3))
    rel = [sam_torch.relative(torch.randn(2 * model.grid - 1, model.head_width), model.grid) for _ in range(2)]
    for _ in range(args.repeats):
        ours.append(timed(lambda: session.encode(image))[1:])
        theirs.append(timed(lambda: model.encode(image))[1:])
        profile.nodes.clear()
        watched.encode(image)
        for lists, pattern, call in ((matmul, rf"{name}\.attn\.proj\.", lambda: torch.addmm(b, x, w.T)),
                                     (blas, rf"{name}\.attn\.proj\.", lambda: x_np @ w_np.T),
                                     (attention, rf"{name}\.attn\.attention",
                                      lambda: sam_torch.attend_relative(q, k, v, *rel, model.grid, model.grid))):
            call()                                  # pages and threads are awake
            spent = profile.of(pattern)
            lists[0].append((spent, None))
            lists[1].append(timed(call)[1:])
    row("image encoder", ours, theirs)
    row(f"matmul {tokens} x {width} x {width}", *matmul, flops=2 * tokens * width * width)
    row("the same against numpy's BLAS", *blas, flops=2 * tokens * width * width)
    row(f"global attention, {tokens} tokens", *attention, flops=4 * model.heads * tokens * tokens * model.head_width)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", "--model", required=True, help="SAM checkpoint in .safetensors, f32")
    parser.add_argument("--library", default="build/libvkseg.so", help="default: build/libvkseg.so")
    parser.add_argument("-d", "--device", default="cpu")
    parser.add_argument("-r", "--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.set_grad_enabled(False)
    profile = Profile()
    model = sam_torch.Sam(sam_torch.read_safetensors(args.model))
    session = vkseg_c.Session(args.library, args.model, args.device)
    watched = vkseg_c.Session(args.library, args.model, args.device, "profile=1", profile)
    print(f"{session.device()}; PyTorch {torch.__version__}, {args.threads} threads, "
          f"{torch.backends.cpu.get_cpu_capability()}")
    image, box = test_image(model.side), (0.2 * model.side, 0.15 * model.side, 0.6 * model.side, 0.5 * model.side)
    wanted = check(session, model, image, box)
    decodes = [(timed(lambda: session.decode(box))[1:], timed(lambda: model.predict(wanted, box, *image.shape[:2]))[1:])
               for _ in range(5 * args.repeats)]
    row("prompt and decoder, one box, to the image's mask", [a for a, _ in decodes], [b for _, b in decodes])
    compare_encode(args, session, watched, profile, model, image)


if __name__ == "__main__":
    main()
