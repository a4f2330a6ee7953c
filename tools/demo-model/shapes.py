"""Shapes with exact coverage, and the canvas they are painted on.

Invariant: `Scene.value` and `Scene.label` are painted together, so the label map is exact: a pixel belongs to the last
shape that covers more than half of it.
"""
import numpy as np
from scipy import ndimage

SIDE = 256


class Outline:
    """A closed curve around the origin: radius(angle) = 1 + a short Fourier series."""

    def __init__(self, rng, rough, harmonics=7):
        k = np.arange(2, 2 + harmonics)
        self.k = k
        self.size = rng.normal(0, rough, harmonics) / (k - 1) ** 1.2
        self.phase = rng.uniform(0, 2 * np.pi, harmonics)

    def radius(self, angle):
        r = np.ones_like(angle)
        for k, size, phase in zip(self.k, self.size, self.phase):
            r += size * np.cos(k * angle + phase)
        return np.maximum(r, 0.15)

    def reach(self):
        return 1 + np.abs(self.size).sum()


class Cover:
    """How much of each pixel of a box a shape covers, 0..1."""

    def __init__(self, y0, x0, amount):
        self.y0, self.x0, self.amount = y0, x0, amount

    @property
    def box(self):
        return (slice(self.y0, self.y0 + self.amount.shape[0]), slice(self.x0, self.x0 + self.amount.shape[1]))

    def full(self, shape=(SIDE, SIDE)):
        out = np.zeros(shape, np.float32)
        out[self.box] = self.amount
        return out


def cover(outline, x, y, rx, ry, angle=0.0):
    """The shape of half axes rx, ry (pixels) around (x, y), turned by `angle`."""
    reach = max(rx, ry) * outline.reach() + 2
    y0, y1 = int(max(0, y - reach)), int(min(SIDE, y + reach + 1))
    x0, x1 = int(max(0, x - reach)), int(min(SIDE, x + reach + 1))
    if y1 <= y0 or x1 <= x0:
        return Cover(0, 0, np.zeros((0, 0), np.float32))
    yy, xx = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    c, s = np.cos(angle), np.sin(angle)
    u = ((xx - x) * c + (yy - y) * s) / rx
    v = (-(xx - x) * s + (yy - y) * c) / ry
    rho = np.sqrt(u * u + v * v)
    edge = outline.radius(np.arctan2(v, u))
    scale = np.sqrt(rx * ry)
    return Cover(y0, x0, np.clip((edge - rho) * scale + 0.5, 0, 1).astype(np.float32))


def blob(rng, x, y, rx, ry=None, angle=None, rough=0.08):
    ry = rx if ry is None else ry
    angle = rng.uniform(0, np.pi) if angle is None else angle
    return cover(Outline(rng, rough), x, y, max(rx, 0.8), max(ry, 0.8), angle)


def smooth_noise(rng, sigma, shape=(SIDE, SIDE)):
    """Gaussian noise of unit deviation and correlation length `sigma`; long lengths are made small and enlarged."""
    step = max(1, int(sigma // 3))
    small = [max(4, -(-n // step) + 2) for n in shape]
    field = ndimage.gaussian_filter(rng.standard_normal(small).astype(np.float32), sigma / step, mode="wrap")
    if step > 1:
        field = ndimage.zoom(field, step, order=1)
    field = field[:shape[0], :shape[1]]
    return (field - field.mean()) / (field.std() + 1e-6)


class Scene:
    def __init__(self, rng, background):
        self.rng = rng
        self.value = np.full((SIDE, SIDE), background, np.float32)
        self.label = np.zeros((SIDE, SIDE), np.uint8)
        self.count = 0

    def paint(self, shape, value, labelled=True, within=None, texture=0.0):
        """Returns the full coverage of what was painted. `within`: a full coverage that clips. `value`: a number, or a
        full map. Painting without a label erases what was there."""
        box = shape.box
        amount = shape.amount if within is None else np.minimum(shape.amount, within[box])
        if amount.size == 0 or amount.max() <= 0.5:
            return np.zeros_like(self.value)
        paint = value[box] if isinstance(value, np.ndarray) else value
        if texture:
            paint = paint + texture * smooth_noise(self.rng, self.rng.uniform(1.5, 6), amount.shape)
        self.value[box] = self.value[box] * (1 - amount) + paint * amount
        ident = 0
        if labelled and self.count < 250:
            self.count += 1
            ident = self.count
        self.label[box][amount > 0.5] = ident
        full = np.zeros_like(self.value)
        full[box] = amount
        return full

    def cells(self, region, seeds, gap, value_of, gap_value):
        """Divides `region` into cells around random seeds, separated by gaps of `gap` pixels; each is an object."""
        rng = self.rng
        inside = np.argwhere(region > 0.5)
        if len(inside) < 50 * seeds:
            return
        at = inside[rng.choice(len(inside), seeds, replace=False)].astype(np.float32)
        yy, xx = np.mgrid[:SIDE, :SIDE].astype(np.float32)
        wy = yy + 4 * smooth_noise(rng, 9)
        wx = xx + 4 * smooth_noise(rng, 9)
        stretch = rng.uniform(0.6, 1.6)
        d = np.sqrt((wy[None] - at[:, 0, None, None]) ** 2 + (stretch * (wx[None] - at[:, 1, None, None])) ** 2)
        order = np.sort(np.partition(d, 1, axis=0)[:2], axis=0)
        nearest = d.argmin(0)
        wall = np.clip(gap - (order[1] - order[0]) + 0.5, 0, 1)
        for i in range(seeds):
            amount = np.where(nearest == i, region, 0).astype(np.float32)
            self.paint(Cover(0, 0, amount), value_of(), texture=0)
        self.paint(Cover(0, 0, np.minimum(wall, region).astype(np.float32)), gap_value, labelled=False)


def tidy(label):
    """One connected piece per number: crumbs become 0, large second pieces a number of their own."""
    out = np.zeros_like(label)
    count = 0
    for ident, box in enumerate(ndimage.find_objects(label), 1):
        if box is None:
            continue
        pieces, n = ndimage.label(label[box] == ident)
        sizes = np.bincount(pieces.ravel())[1:]
        for piece, size in enumerate(sizes, 1):
            if size >= max(20, 0.2 * sizes.max()) and count < 255:
                count += 1
                out[box][pieces == piece] = count
    return out
