#!/usr/bin/env python3
"""Writes tests/src/score_cases.h: what surface-distance and plain numpy say of pairs of blobs. Needs surface-distance,
numpy and scipy. volume_score.c makes the same blobs from the same integers."""
import numpy as np
import scipy.ndimage as ndimage

# The package is older than numpy 2 and scipy 1.15.
np.Inf, np.NaN = np.inf, np.nan
ndimage.filters = ndimage.morphology = ndimage
from surface_distance import metrics  # noqa: E402


def blob(size, centre, weight, radius, noise):
    """Doubled coordinates; a voxel whose hash is a multiple of `noise` is flipped (0: none)."""
    i, j, k = np.meshgrid(*(np.arange(n, dtype=np.int64) for n in size), indexing='ij')
    out = sum(w * (2 * x - c) ** 2 for x, c, w in zip((i, j, k), centre, weight)) <= radius
    if noise:
        out = out ^ ((i * 7919 + j * 104729 + k * 1299709 + i * j * 31 + j * k * 17) % noise == 0)
    return out


#        size         centre, weight, radius, noise of the prediction and of the truth            spacing      tolerance
cases = [
    ((20, 18, 16), ((20, 18, 15), (1, 1, 1), 120, 0), ((22, 17, 16), (1, 1, 1), 100, 0), (1, 1, 1), 1),
    ((20, 18, 16), ((20, 18, 15), (1, 2, 1), 150, 0), ((14, 20, 16), (2, 1, 1), 130, 0), (0.7, 0.9, 3.0), 2),
    ((20, 18, 16), ((20, 18, 15), (1, 2, 1), 150, 37), ((14, 20, 16), (2, 1, 1), 130, 41), (0.7, 0.9, 3.0), 1.5),
    ((14, 15, 13), ((10, 8, 9), (1, 1, 1), 400, 3), ((14, 20, 16), (1, 1, 1), 300, 2), (1.25, 0.5, 2.0), 0.6),
    ((9, 9, 9), ((0, 0, 0), (1, 1, 1), 90, 0), ((18, 18, 18), (1, 1, 1), 90, 0), (2, 2, 2), 2),
    ((9, 9, 9), ((8, 8, 8), (1, 1, 1), 50, 0), ((8, 8, 8), (1, 1, 1), -1, 0), (1, 1, 1), 2),
    ((9, 9, 9), ((8, 8, 8), (1, 1, 1), -1, 0), ((8, 8, 8), (1, 1, 1), -1, 0), (1, 1, 1), 2),
    ((9, 9, 9), ((8, 8, 8), (1, 1, 1), 60, 0), ((8, 8, 8), (1, 1, 1), 60, 0), (1, 1, 1), 2),
    ((31, 27, 1), ((30, 26, 0), (1, 1, 1), 300, 0), ((36, 22, 0), (1, 1, 1), 250, 0), (1, 1, 1), 2),
    ((31, 27, 1), ((30, 26, 0), (1, 1, 1), 300, 7), ((36, 22, 0), (1, 2, 1), 350, 5), (1, 1, 1), 1),
]


def text(value):
    if np.isnan(value):
        return 'NAN'
    return 'INFINITY' if np.isinf(value) else repr(float(value))


lines = []
for size, prediction, truth, spacing, tolerance in cases:
    a, b = blob(size, *prediction), blob(size, *truth)
    flat = size[2] == 1
    x, y, s = (a[..., 0], b[..., 0], spacing[:2]) if flat else (a, b, spacing)
    with np.errstate(invalid='ignore', divide='ignore'):
        distances = metrics.compute_surface_distances(y, x, s)
        hd95 = metrics.compute_robust_hausdorff(distances, 95) if (a | b).any() else np.nan
        surface = metrics.compute_surface_dice_at_tolerance(distances, tolerance)
        both, either = (a & b).sum(), (a | b).sum()
        dice = 2 * both / np.float64(a.sum() + b.sum())
        iou = both / np.float64(either)
        weights = np.concatenate([distances['surfel_areas_gt'], distances['surfel_areas_pred']])
        every = np.concatenate([distances['distances_gt_to_pred'], distances['distances_pred_to_gt']])
        mean = (weights * every).sum() / np.float64(weights.sum())

    def one(parts):
        centre, weight, radius, noise = parts
        return '{ { %d, %d, %d }, { %d, %d, %d }, %d, %d }' % (*centre, *weight, radius, noise)
    lines.append('    { { %d, %d, %d }, %s, %s, { %s, %s, %s }, %s,\n      %s, %s, %s, %s, %s },' % (
        *size, one(prediction), one(truth), *spacing, tolerance, text(dice), text(iou), text(hd95), text(surface), text(mean)))
with open('tests/src/score_cases.h', 'w') as file:
    file.write('/* score_cases.h: written by make_scores.py. size; prediction; truth; spacing; tolerance; Dice, IoU, HD95, surface\n'
               ' * Dice, mean distance. */\n' + '\n'.join(lines) + '\n')
