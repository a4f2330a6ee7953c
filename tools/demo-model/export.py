#!/usr/bin/env python3
"""From a state of train.py to the file that vkseg bundles: the averaged weights in fp16, with what shapes cannot tell.

    export.py WORK/state.pt assets/demo/vkseg-demo.safetensors
"""
import argparse
import pathlib

import torch
from safetensors.torch import save_file

from model import Config, Sam


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("state", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--earlier", type=pathlib.Path, help="a state of the same run whose weights are mixed in")
    parser.add_argument("--share", type=float, default=0.2, help="of the earlier weights (default: %(default)s)")
    args = parser.parse_args()
    state = torch.load(args.state, weights_only=True)
    config = Config()
    model = Sam(config)
    weights = state["average"]
    if args.earlier:
        earlier = torch.load(args.earlier, weights_only=True)["average"]
        weights = {name: args.share * earlier[name] + (1 - args.share) * value for name, value in weights.items()}
    model.load_state_dict(weights)
    tensors = {name: value.to(torch.float16).contiguous() for name, value in model.state_dict().items()}
    # Positions reach tens of radians: 16 bits would move every prompt.
    matrix = "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
    tensors[matrix] = model.state_dict()[matrix].float().contiguous()
    count = sum(t.numel() for t in tensors.values())
    metadata = {
        "vkseg.family": "sam",
        **config.metadata(),
        "name": "vkseg-demo",
        "description": f"a small promptable segmentation model trained on generated images, {count} parameters",
        "licence": "Apache-2.0",
        "preprocessing": f"Pillow bilinear, longest side to {config.side}, ImageNet mean and deviation, zeros right and "
                         "below",
        "training": f"{state['steps']} steps in {state['spent'] / 60:.0f} minutes on synthetic CT-like, MR-like, "
                    "ultrasound-like and microscopy-like images of tools/demo-model; no other image was used",
        "use": "demonstration and research only, not a medical device",
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, args.out, metadata=metadata)
    print(f"{args.out}: {count} parameters, {args.out.stat().st_size} bytes, after {state['steps']} steps")


if __name__ == "__main__":
    main()
