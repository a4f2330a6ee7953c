"""What the comparisons share: clocks, the printed line, an image, and vkseg's times per node."""
import re
import statistics
import time

import numpy as np


def timed(call):
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def row(name, ours, theirs, flops=0, peer="torch"):
    """ours, theirs: lists of (wall, CPU) of neighbours in time; CPU is None for a node, of which only stamps are known."""
    def line(what, at):
        a, b = ([x[at] for x in side] for side in (ours, theirs))
        ratio = statistics.median(x / y for x, y in zip(a, b))
        a, b = statistics.median(a), statistics.median(b)
        rate = f" ({flops / a * 1e-9:.1f} and {flops / b * 1e-9:.1f} GFLOP/s)" if flops else ""
        return f"{what} {a * 1e3:.1f} and {b * 1e3:.1f} ms, ratio {ratio:.2f}{rate}"
    known = all(x[1] is not None for x in ours)
    print(f"{name}, vkseg and {peer}: {line('wall', 0)}{'; ' + line('CPU', 1) if known else ''}", flush=True)


def test_image(side):
    """Smooth shapes and noise, the model's side wide and two thirds as high: no resize on either side."""
    y, x = np.mgrid[0:side * 2 // 3, 0:side] / side
    noise = np.random.default_rng(1).normal(0, 12, y.shape + (3,))
    waves = np.stack([np.sin(9 * x + 3 * y), np.cos(7 * y - 2 * x), np.sin(12 * x * y)], -1)
    return np.clip(128 + 90 * waves + noise, 0, 255).astype(np.uint8)


class Profile:
    """Milliseconds of the encoder's dispatches by node, from the log of options profile=1."""
    line = re.compile(r"profile encode\s+([\d.]+) ms .*\s(\S+)$")

    def __init__(self):
        self.nodes = {}

    def __call__(self, text):
        found = self.line.search(text)
        if found:
            self.nodes[found[2]] = self.nodes.get(found[2], 0) + float(found[1]) * 1e-3

    def of(self, pattern):
        return sum(v for k, v in self.nodes.items() if re.search(pattern, k))
