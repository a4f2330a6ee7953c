"""Ultrasound-like and microscopy-like images.

Invariant: as everywhere in this folder, the picture is made from the same shapes as the label map.
"""
import numpy as np
from scipy import ndimage

from shapes import SIDE, Outline, Scene, blob, cover, smooth_noise

GREY = np.array([[0, 0, 0], [255, 255, 255]], np.uint8)


# ---- ultrasound -------------------------------------------------------------------------------------------------

def sector(rng):
    """Coverage of the beam, and depth 0..1 below the probe."""
    yy, xx = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    if rng.uniform() < 0.45:
        margin = rng.uniform(0, 20)
        inside = (np.abs(xx - 127.5) < 127 - margin) & (yy > rng.uniform(0, 8)) & (yy < 255 - rng.uniform(0, 12))
        return inside, yy / 255
    apex = -rng.uniform(5, 90)
    near, far = -apex + rng.uniform(2, 15), 255 - apex - rng.uniform(0, 10)
    rho = np.hypot(yy - apex, xx - 127.5)
    angle = np.arctan2(xx - 127.5, yy - apex)
    inside = (rho > near) & (rho < far) & (np.abs(angle) < rng.uniform(0.5, 0.85))
    return inside, np.clip((rho - near) / (far - near), 0, 1)


def ultrasound(rng):
    scene = Scene(rng, rng.uniform(0.15, 0.45))
    inside, depth = sector(rng)
    rows = np.arange(SIDE, dtype=np.float32)[:, None] + 8 * smooth_noise(rng, 30)
    for edge in np.sort(rng.uniform(5, 250, rng.integers(0, 6))):
        band = np.clip((rows - edge) / 2, 0, 1)
        scene.value = scene.value * (1 - band) + rng.uniform(0.1, 0.6) * band
    scene.value += 0.25 * scene.value * smooth_noise(rng, rng.uniform(4, 12))
    echo = np.ones((SIDE, SIDE), np.float32)
    for _ in range(rng.choice([1, 1, 2, 2, 3, 4, 6])):
        x, y = 128 + rng.normal(0, 45), rng.uniform(45, 215)
        rx = rng.uniform(9, 62) if rng.uniform() < 0.7 else rng.uniform(7, 20)
        ry = rx * rng.uniform(0.45, 1.0)
        outline = Outline(rng, rng.uniform(0.02, 0.13))
        angle = rng.normal(0, 0.5)
        shape = cover(outline, x, y, rx, ry, angle)
        look = rng.uniform()
        if look < 0.45:
            value = rng.uniform(0.0, 0.07)
        elif look < 0.75:
            value = rng.uniform(0.08, 0.22)
        else:
            value = rng.uniform(0.5, 0.9)
        wall = rng.uniform(0, 3) if rng.uniform() < 0.5 else 0
        if wall:
            scene.paint(cover(outline, x, y, rx + wall, ry + wall, angle), rng.uniform(0.5, 1.0), labelled=False)
        full = scene.paint(shape, value, texture=value * 0.2)
        columns = full.max(0)[None, :] * (np.arange(SIDE)[:, None] > y + ry * 0.6)
        if look < 0.45 and rng.uniform() < 0.6:
            echo *= 1 + rng.uniform(0.2, 0.7) * ndimage.gaussian_filter(columns, 3)
        elif look > 0.75 and rng.uniform() < 0.6:
            echo *= 1 - rng.uniform(0.4, 0.85) * ndimage.gaussian_filter(columns, 3)
    value = ndimage.gaussian_filter(scene.value, rng.uniform(0.5, 1.6))
    sy, sx = rng.uniform(0.5, 1.2), rng.uniform(0.8, 2.6)
    field = [ndimage.gaussian_filter(rng.standard_normal((SIDE, SIDE)).astype(np.float32), (sy, sx)) for _ in range(2)]
    speckle = np.hypot(*field)
    speckle /= speckle.mean()
    mix = rng.uniform(0.35, 0.95)
    gain = echo * np.exp(-depth * rng.uniform(0, 0.9))
    shown = value * gain
    noisy = shown * (1 - mix + mix * speckle) + 0.01 * rng.standard_normal(value.shape)
    top, power = rng.uniform(0.5, 1.0), rng.uniform(0.45, 0.75)

    def show(v):
        return np.where(inside, 255 * np.clip(v / top, 0, 1) ** power, 0)

    scene.label[~inside] = 0
    return show(shown), show(noisy), scene.label, GREY


# ---- microscopy -------------------------------------------------------------------------------------------------

def cell_positions(rng, count, radius):
    """Centres that keep some distance, some of them touching."""
    kept = []
    spacing = radius * rng.uniform(1.3, 2.4)
    for _ in range(count * 8):
        p = rng.uniform(-radius * 0.3, SIDE + radius * 0.3, 2)
        if all((p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2 > spacing ** 2 for q in kept):
            kept.append(p)
            if len(kept) == count:
                break
    return kept


def paint_cells(scene, radius, dark, level, rough):
    rng = scene.rng
    count = int(np.clip(rng.uniform(0.15, 0.8) * SIDE * SIDE / (3.1 * radius ** 2), 3, 160))
    long = rng.uniform(1.0, 1.8)
    nucleus = radius > 11 and rng.uniform() < 0.4
    halo = rng.uniform(0.3, 1.0) if rng.uniform() < 0.35 else 0
    for x, y in cell_positions(rng, count, radius):
        r = radius * rng.lognormal(0, 0.16)
        stretch = rng.uniform(1.0, long)
        outline, angle = Outline(rng, rough), rng.uniform(0, np.pi)
        rx, ry = r * np.sqrt(stretch), r / np.sqrt(stretch)
        value = level * rng.uniform(0.75, 1.25)
        if halo:
            ring = cover(outline, x, y, rx + 1.5, ry + 1.5, angle)
            scene.paint(ring, scene.value[ring.box].mean() * (1 - halo) + halo * (0.95 if dark else 0.02),
                        labelled=False)
        shape = cover(outline, x, y, rx, ry, angle)
        full = scene.paint(shape, value, texture=level * rng.uniform(0.02, 0.15))
        if nucleus:
            ident = scene.count
            spot = cover(Outline(rng, 0.05), x + rng.normal(0, r * 0.12), y + rng.normal(0, r * 0.12), rx * 0.4,
                         ry * 0.4, angle)
            scene.paint(spot, value * (0.6 if dark else 1.35), labelled=False, within=full)
            scene.label[spot.box][np.minimum(spot.amount, full[spot.box]) > 0.5] = ident


def microscopy(rng):
    radius = float(np.exp(rng.uniform(np.log(6.8), np.log(30))))
    rough = rng.uniform(0.02, 0.12)
    dark = rng.uniform() < 0.5
    scene = Scene(rng, rng.uniform(0.6, 0.9) if dark else rng.uniform(0.02, 0.3))
    scene.value *= 1 + rng.uniform(0, 0.12) * smooth_noise(rng, rng.uniform(4, 40))
    if rng.uniform() < 0.15:
        cells = int(rng.integers(12, 70))
        level = rng.uniform(0.3, 0.7)
        scene.cells(np.ones((SIDE, SIDE), np.float32), cells, rng.uniform(0.8, 3),
                    lambda: level * rng.uniform(0.8, 1.2), rng.choice([0.05, 0.95]))
    else:
        level = rng.uniform(0.12, 0.5) if dark else rng.uniform(0.4, 0.9)
        paint_cells(scene, radius, dark, level, rough)
    value = ndimage.gaussian_filter(scene.value, rng.uniform(0.4, 1.6))
    value = value * np.exp(smooth_noise(rng, 70) * rng.uniform(0, 0.15))
    shot = rng.uniform(0.005, 0.06)
    noise = rng.standard_normal(value.shape) * np.sqrt(np.maximum(value, 0)) * shot
    noisy = value + ndimage.gaussian_filter(noise, rng.choice([0, 0.5])) + shot * 0.3 * rng.standard_normal(value.shape)
    colours = GREY
    if rng.uniform() < 0.4:
        if dark:
            colours = np.array([rng.integers([40, 10, 70], [120, 80, 150]), rng.integers([225, 200, 220], 256)], np.uint8)
        else:
            colours = np.array([rng.integers(0, 20, 3), rng.choice([[60, 120, 255], [80, 255, 110], [255, 90, 80]])],
                               np.uint8)

    def show(v):
        return 255 * np.clip(v, 0, 1)

    return show(value), show(noisy), scene.label, colours
