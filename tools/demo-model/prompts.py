"""What a person would draw for an object, given its exact mask.

Invariant: coordinates are (x, y) of pixel centres, as in the vkseg command line.
"""
import numpy as np
from scipy import ndimage


def box_of(mask):
    """x0, y0, x1, y1 of the outermost pixels."""
    ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return np.array([xs[0], ys[0], xs[-1], ys[-1]], np.float32)


def jitter(rng, box, side):
    size = np.array([box[2] - box[0], box[3] - box[1]] * 2) + 1
    moved = box + rng.uniform(-0.06, 0.06, 4) * size + rng.uniform(-1, 1, 4) + np.array([-1, -1, 1, 1]) * (
        rng.uniform(0, 0.08) * size)
    return np.clip(moved, 0, side - 1).astype(np.float32)


def centre_of(mask):
    """The pixel farthest from the border of the mask; the border of the image counts as one."""
    ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    crop = np.pad(mask[ys[0]:ys[-1] + 1, xs[0]:xs[-1] + 1], 1)
    y, x = np.unravel_index(ndimage.distance_transform_edt(crop).argmax(), crop.shape)
    return np.array([xs[0] + x - 1, ys[0] + y - 1], np.float32)


def correction(truth, got):
    """The click that a careful user makes next: the middle of the largest wrong piece. -> (x, y), label."""
    best, at, label = 0, centre_of(truth), 1
    for wrong, kind in ((truth & ~got, 1), (got & ~truth, 0)):
        pieces, count = ndimage.label(wrong)
        if count == 0:
            continue
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        if sizes.max() > best:
            best, label = sizes.max(), kind
            at = centre_of(pieces == sizes.argmax())
    return at, label


def some_error(rng, truth, got):
    """As `correction`, but any wrong pixel: quick and varied, for training."""
    wrong = truth ^ got
    inner = ndimage.binary_erosion(wrong)
    at = np.flatnonzero(inner if inner.any() else wrong)
    if len(at) == 0:
        at = np.flatnonzero(truth)
    y, x = divmod(int(at[rng.integers(len(at))]), truth.shape[1])
    return np.array([x, y], np.float32), int(truth[y, x])
