"""CT-like and MR-like slices: one set of anatomy-like scenes, two ways of making a picture of them.

Invariant: a scene knows tissues by name only; `Tissues` gives each a value, in Hounsfield units or in MR signal.
"""
import numpy as np
from scipy import ndimage

from shapes import SIDE, Cover, Outline, Scene, blob, cover, smooth_noise

GREY = np.array([[0, 0, 0], [255, 255, 255]], np.uint8)

CT = {"air": (-1000, 5), "gas": (-950, 60), "lung": (-830, 60), "fat": (-100, 18), "muscle": (48, 14),
      "organ": (70, 35), "brain": (34, 5), "fluid": (8, 8), "blood": (60, 30), "contrast": (220, 90),
      "bone": (750, 280), "marrow": (180, 90), "lesion": (30, 35), "metal": (3000, 100)}
MR = {"air": (0.01, 0.01), "gas": (0.02, 0.02), "lung": (0.08, 0.05), "fat": (0.75, 0.2), "muscle": (0.33, 0.12),
      "organ": (0.45, 0.18), "brain": (0.55, 0.15), "fluid": (0.5, 0.4), "blood": (0.4, 0.3), "contrast": (0.8, 0.25),
      "bone": (0.06, 0.05), "marrow": (0.5, 0.2), "lesion": (0.6, 0.3), "metal": (0.0, 0.01)}


class Tissues:
    def __init__(self, rng, table):
        self.rng, self.table = rng, table
        self.base = {name: rng.normal(mean, spread) for name, (mean, spread) in table.items()}
        self.scale = 1.0 if table is MR else 1000.0

    def __call__(self, name, vary=0.15):
        value = self.base[name] + vary * self.table[name][1] * self.rng.standard_normal()
        return max(value, 0.0) if self.table is MR else value

    def fresh(self, name):
        """A value of its own, not the slice's usual one."""
        mean, spread = self.table[name]
        value = self.rng.normal(mean, spread)
        return max(value, 0.0) if self.table is MR else value

    def texture(self):
        return self.rng.uniform(0, 0.03) if self.table is MR else self.rng.uniform(0, 12)


# ---- parts ------------------------------------------------------------------------------------------------------

def trunk(scene, t, wall_labelled=False):
    """Skin, fat, muscle wall. -> centre, half axes, coverage of the cavity."""
    rng = scene.rng
    a = rng.uniform(72, 122)
    b = min(a * rng.uniform(0.58, 0.9), 112)
    x, y = 128 + rng.normal(0, 7), 128 + rng.normal(0, 9)
    angle = rng.normal(0, 0.06)
    outline = Outline(rng, 0.035)
    skin = rng.uniform(0.8, 2.2)
    scene.paint(cover(outline, x, y, a, b, angle), t("muscle"), labelled=False)
    scene.paint(cover(outline, x, y, a - skin, b - skin, angle), t("fat"), labelled=False, texture=t.texture())
    fat = rng.uniform(2, 0.24 * b)
    scene.paint(cover(outline, x, y, a - skin - fat * rng.uniform(0.6, 1), b - skin - fat, angle), t("muscle"),
                labelled=False, texture=t.texture())
    wall = fat + skin + rng.uniform(4, 10)
    inner = Outline(rng, 0.03)
    cavity = cover(inner, x, y - rng.uniform(0, 4), a - wall, b - wall, angle)
    return x, y, a - wall, b - wall, scene.paint(cavity, t("fat"), labelled=False, texture=t.texture())


def vertebra(scene, t, x, y, r):
    rng = scene.rng
    for side in (-1, 1):
        scene.paint(blob(rng, x + side * r * 1.25, y + r * 1.1, r * 0.75, r * 0.25, side * rng.uniform(-0.5, 0.2), 0.05),
                    t("bone"), labelled=False)
    scene.paint(blob(rng, x, y + r * 2.0, r * 0.22, r * 0.6, 0, 0.05), t("bone"), labelled=False)
    scene.paint(blob(rng, x, y + r * 1.15, r * 0.75, r * 0.62, 0, 0.03), t("bone"), labelled=False)
    outline = Outline(rng, 0.04)
    squash = rng.uniform(0.7, 0.95)
    scene.paint(cover(outline, x, y, r, r * squash), t("bone"))
    rim = rng.uniform(1.0, 2.5)
    ident = scene.count
    inner = cover(outline, x, y, r - rim, r * squash - rim)
    scene.paint(inner, t("marrow"), labelled=False, texture=t.texture() * 2)
    scene.label[inner.box][inner.amount > 0.5] = ident
    scene.paint(blob(rng, x, y + r * 1.12, r * 0.42, r * 0.36, 0, 0.02), t("fluid"))


def ribs(scene, t, x, y, a, b, count):
    rng = scene.rng
    for _ in range(count):
        angle = rng.uniform(0, 2 * np.pi)
        px, py = x + (a + 2) * np.cos(angle), y + (b + 2) * np.sin(angle)
        along = np.arctan2(b * np.cos(angle), -a * np.sin(angle))
        length, thick = rng.uniform(5, 15), rng.uniform(2.2, 4)
        whole = blob(rng, px, py, length, thick, along, 0.05)
        scene.paint(whole, t("bone"))
        ident = scene.count
        inner = blob(rng, px, py, length - 1.4, thick - 1.4, along, 0.03)
        scene.paint(inner, t("marrow"), labelled=False)
        scene.label[inner.box][inner.amount > 0.5] = ident


def organ(scene, t, x, y, rx, ry, within, name="organ", rough=0.1, angle=None, lesions=0.0, vessels=0.0):
    rng = scene.rng
    full = scene.paint(blob(rng, x, y, rx, ry, angle, rough), t.fresh(name), within=within, texture=t.texture())
    size = min(rx, ry)
    for _ in range(rng.poisson(vessels)):
        px, py = x + rng.normal(0, rx * 0.45), y + rng.normal(0, ry * 0.45)
        scene.paint(blob(rng, px, py, rng.uniform(1.2, 3.5), rng.uniform(1.2, 6), None, 0.1), t("blood", 0.5),
                    labelled=False, within=full)
    if rng.uniform() < lesions:
        for _ in range(rng.integers(1, 4)):
            px, py = x + rng.normal(0, rx * 0.4), y + rng.normal(0, ry * 0.4)
            scene.paint(blob(rng, px, py, size * rng.uniform(0.1, 0.4), size * rng.uniform(0.1, 0.4), None, 0.12),
                        t.fresh("lesion"), within=full, texture=t.texture())
    return full


def vessel(scene, t, x, y, r, within=None):
    rng = scene.rng
    scene.paint(blob(rng, x, y, r, r * rng.uniform(0.65, 1.0), None, 0.04),
                t("contrast") if rng.uniform() < 0.5 else t("blood", 0.6), within=within)


# ---- scenes -----------------------------------------------------------------------------------------------------

def abdomen(scene, t):
    rng = scene.rng
    x, y, a, b, cavity = trunk(scene, t)
    r = rng.uniform(0.14, 0.2) * a
    spine_y = y + b * rng.uniform(0.5, 0.72)
    for side in (-1, 1):
        if rng.uniform() < 0.8:
            organ(scene, t, x + side * r * rng.uniform(1.5, 1.9), spine_y + r * rng.uniform(-0.2, 0.6),
                  r * rng.uniform(0.5, 0.95), r * rng.uniform(0.6, 1.2), None, "muscle", 0.06)
    ribs(scene, t, x, y, a, b, rng.integers(0, 11))
    parts = []
    if rng.uniform() < 0.75:
        parts.append(lambda: organ(scene, t, x - a * rng.uniform(0.35, 0.6), y - b * rng.uniform(-0.1, 0.25),
                                   a * rng.uniform(0.35, 0.58), b * rng.uniform(0.5, 0.85), cavity, "organ",
                                   rng.uniform(0.06, 0.18), None, 0.4, 6))
    if rng.uniform() < 0.65:
        parts.append(lambda: organ(scene, t, x + a * rng.uniform(0.55, 0.8), y + b * rng.uniform(-0.1, 0.35),
                                   a * rng.uniform(0.14, 0.24), b * rng.uniform(0.25, 0.45), cavity, "organ",
                                   0.1, rng.uniform(-0.6, 0.6), 0.15))
    for side in (-1, 1):
        if rng.uniform() < 0.6:
            def kidney(side=side):
                kx, ky = x + side * a * rng.uniform(0.4, 0.6), y + b * rng.uniform(0.2, 0.55)
                rx, ry = a * rng.uniform(0.12, 0.2), a * rng.uniform(0.15, 0.26)
                full = organ(scene, t, kx, ky, rx, ry, cavity, "organ", 0.06, side * rng.uniform(-0.5, 0.1), 0.2)
                if rng.uniform() < 0.6:
                    scene.paint(blob(rng, kx - side * rx * 0.55, ky, rx * 0.4, ry * 0.4, None, 0.15), t("fat"),
                                labelled=False, within=full)
            parts.append(kidney)
    if rng.uniform() < 0.6:
        def stomach():
            sx, sy = x + a * rng.uniform(0.1, 0.5), y - b * rng.uniform(0.2, 0.6)
            rx, ry = a * rng.uniform(0.2, 0.38), b * rng.uniform(0.2, 0.36)
            full = organ(scene, t, sx, sy, rx, ry, cavity, "fluid", 0.1)
            if rng.uniform() < 0.6:
                rows = np.arange(SIDE)[:, None] < sy - ry * rng.uniform(-0.3, 0.6)
                gas = np.where(rows, full, 0).astype(np.float32)
                scene.paint(cover(Outline(rng, 0), sx, sy, rx * 0.93, ry * 0.93), t("gas"), within=gas)
        parts.append(stomach)
    for _ in range(rng.integers(0, 13)):
        def loop():
            px, py = x + a * rng.uniform(-0.75, 0.75), y + b * rng.uniform(-0.8, 0.4)
            size = rng.uniform(4.5, 13)
            full = organ(scene, t, px, py, size, size * rng.uniform(0.6, 1.5), cavity, "muscle", 0.12)
            if rng.uniform() < 0.5:
                scene.paint(blob(rng, px, py, size * rng.uniform(0.3, 0.7), None, None, 0.15),
                            t(rng.choice(["gas", "contrast", "fluid"])), labelled=False, within=full)
        parts.append(loop)
    if rng.uniform() < 0.5:
        parts.append(lambda: organ(scene, t, x + a * rng.uniform(-0.2, 0.2), y + b * rng.uniform(-0.2, 0.2),
                                   a * rng.uniform(0.2, 0.4), b * rng.uniform(0.08, 0.14), cavity, "organ", 0.2,
                                   rng.uniform(-0.5, 0.5)))
    for i in rng.permutation(len(parts)):
        parts[i]()
    vessel(scene, t, x + r * rng.uniform(0, 0.7), spine_y - r * rng.uniform(1.2, 1.5), r * rng.uniform(0.4, 0.75))
    vessel(scene, t, x - r * rng.uniform(0.6, 1.1), spine_y - r * rng.uniform(1.1, 1.6), r * rng.uniform(0.4, 0.75))
    vertebra(scene, t, x, spine_y, r)


def chest(scene, t):
    rng = scene.rng
    x, y, a, b, cavity = trunk(scene, t)
    r = rng.uniform(0.13, 0.18) * a
    spine_y = y + b * rng.uniform(0.6, 0.85)
    scene.paint(blob(rng, x, y, a * rng.uniform(0.2, 0.3), b * 0.9, 0, 0.1), t("muscle"), labelled=False,
                within=cavity)
    lungs = np.zeros_like(scene.value)
    for side in (-1, 1):
        if rng.uniform() < 0.06:
            continue
        full = scene.paint(blob(rng, x + side * a * rng.uniform(0.5, 0.58), y - b * rng.uniform(-0.05, 0.1),
                                a * rng.uniform(0.34, 0.48), b * rng.uniform(0.65, 0.92), side * rng.uniform(-0.1, 0.2),
                                0.07), t("lung"), within=cavity, texture=t.texture() * 3)
        lungs = np.maximum(lungs, full)
        ident = scene.count
        for _ in range(rng.integers(5, 45)):
            px, py = x + side * a * rng.uniform(0.15, 0.9), y + b * rng.uniform(-0.8, 0.8)
            size = rng.uniform(0.7, 2.2)
            twig = blob(rng, px, py, size, size * rng.uniform(1, 4), None, 0.1)
            scene.paint(twig, t("muscle", 1), labelled=False, within=full)
            box = twig.box
            inside = (np.minimum(twig.amount, full[box]) > 0.5)
            scene.label[box][inside] = ident
    if rng.uniform() < 0.3:
        at = np.argwhere(lungs > 0.9)
        if len(at):
            py, px = at[rng.integers(len(at))]
            scene.paint(blob(rng, px, py, rng.uniform(5, 16), rng.uniform(5, 16), None, 0.15), t("muscle", 2),
                        within=lungs)
    if rng.uniform() < 0.75:
        hx, hy = x + a * rng.uniform(-0.05, 0.3), y - b * rng.uniform(0.0, 0.35)
        rx, ry = a * rng.uniform(0.26, 0.44), b * rng.uniform(0.3, 0.52)
        full = organ(scene, t, hx, hy, rx, ry, cavity, "muscle", 0.08)
        for _ in range(rng.integers(0, 5)):
            scene.paint(blob(rng, hx + rng.normal(0, rx * 0.4), hy + rng.normal(0, ry * 0.4), rx * rng.uniform(0.2, 0.45),
                             ry * rng.uniform(0.2, 0.5), None, 0.12), t.fresh("contrast") if rng.uniform() < 0.6 else
                        t.fresh("blood"), within=full)
    if rng.uniform() < 0.35:
        organ(scene, t, x - a * rng.uniform(0.3, 0.6), y + b * rng.uniform(-0.4, 0.3), a * rng.uniform(0.15, 0.4),
              b * rng.uniform(0.2, 0.5), cavity, "organ", 0.08)
    for _ in range(rng.integers(1, 5)):
        vessel(scene, t, x + a * rng.uniform(-0.25, 0.25), y + b * rng.uniform(-0.4, 0.5), a * rng.uniform(0.05, 0.13))
    if rng.uniform() < 0.6:
        scene.paint(blob(rng, x + a * rng.normal(0, 0.08), y + b * rng.uniform(-0.2, 0.3), rng.uniform(4, 8), None, None,
                         0.08), t("gas"))
    ribs(scene, t, x, y, a, b, rng.integers(4, 16))
    vertebra(scene, t, x, spine_y, r)


def limb_bone(scene, t, x, y, r):
    rng = scene.rng
    outline = Outline(rng, 0.1)
    squash, angle, wall = rng.uniform(0.6, 1), rng.uniform(0, np.pi), rng.uniform(1.2, max(1.2, 0.4 * r))
    scene.paint(cover(outline, x, y, r, r * squash, angle), t("bone"))
    ident = scene.count
    inner = cover(outline, x, y, max(r - wall, 1), max(r * squash - wall, 1), angle)
    scene.paint(inner, t("marrow"), labelled=False, texture=t.texture() * 3)
    scene.label[inner.box][inner.amount > 0.5] = ident


def pelvis(scene, t):
    rng = scene.rng
    x, y, a, b, cavity = trunk(scene, t)
    region = np.maximum(cavity, 0)
    scene.cells(region, int(rng.integers(4, 12)), rng.uniform(0.8, 2.5), lambda: t("muscle", 0.8), t("fat"))
    if rng.uniform() < 0.6:
        organ(scene, t, x + rng.normal(0, 4), y - b * rng.uniform(0, 0.4), a * rng.uniform(0.15, 0.3),
              b * rng.uniform(0.2, 0.4), cavity, "fluid", 0.07)
    for side in (-1, 1):
        bx, by = x + side * a * rng.uniform(0.45, 0.7), y + b * rng.uniform(-0.3, 0.3)
        limb_bone(scene, t, bx, by, rng.uniform(0.08, 0.2) * a)
        if rng.uniform() < 0.12:
            scene.paint(blob(rng, bx, by, rng.uniform(3, 8), None, None, 0.1), t("metal"))
        for _ in range(rng.integers(0, 3)):
            limb_bone(scene, t, x + side * a * rng.uniform(0.15, 0.8), y + b * rng.uniform(-0.7, 0.7),
                      rng.uniform(0.05, 0.15) * a)
        if rng.uniform() < 0.6:
            vessel(scene, t, bx - side * a * 0.15, by - b * rng.uniform(0.2, 0.5), rng.uniform(4, 8))


def limbs(scene, t):
    rng = scene.rng
    count = rng.integers(1, 3)
    for i in range(count):
        a = rng.uniform(45, 80) if count == 2 else rng.uniform(60, 110)
        a = min(a, 60) if count == 2 else a
        x, y = (128, 128) if count == 1 else (64 + 128 * i, 128 + rng.normal(0, 5))
        b = a * rng.uniform(0.8, 1.1)
        outline = Outline(rng, 0.05)
        scene.paint(cover(outline, x, y, a, b), t("muscle"), labelled=False)
        scene.paint(cover(outline, x, y, a - 1.5, b - 1.5), t("fat"), labelled=False, texture=t.texture())
        fat = rng.uniform(2, 0.25 * a)
        region = cover(Outline(rng, 0.05), x, y, a - 1.5 - fat, b - 1.5 - fat).full()
        scene.cells(region, int(rng.integers(3, 10)), rng.uniform(0.8, 3), lambda: t("muscle", 0.8), t("fat"))
        limb_bone(scene, t, x + rng.normal(0, 6), y + rng.normal(0, 6), rng.uniform(0.13, 0.28) * a)
        if rng.uniform() < 0.4:
            limb_bone(scene, t, x + rng.normal(0, a * 0.35), y + rng.normal(0, a * 0.35), rng.uniform(0.08, 0.15) * a)
        for _ in range(rng.integers(0, 3)):
            vessel(scene, t, x + rng.normal(0, a * 0.3), y + rng.normal(0, a * 0.3), rng.uniform(4, 8))


def head(scene, t):
    rng = scene.rng
    x, y = 128 + rng.normal(0, 5), 128 + rng.normal(0, 5)
    a, b, angle = rng.uniform(66, 95), rng.uniform(82, 114), rng.normal(0, 0.1)
    outline = Outline(rng, 0.02)
    scalp, skull, gap = rng.uniform(3, 8), rng.uniform(3, 8), rng.uniform(0.5, 4)
    scene.paint(cover(outline, x, y, a, b, angle), t("fat"), labelled=False)
    inset = scalp
    scene.paint(cover(outline, x, y, a - inset, b - inset, angle), t("bone"), labelled=False)
    inset += skull
    scene.paint(cover(outline, x, y, a - inset, b - inset, angle), t("fluid"), labelled=False)
    inset += gap
    rx, ry = a - inset, b - inset
    brain = scene.paint(cover(Outline(rng, 0.02), x, y, rx, ry, angle), t("brain"))
    if rng.uniform() < 0.7:
        depth = np.clip(ndimage.distance_transform_edt(brain > 0.5) / rng.uniform(8, 22), 0, 1.5)
        folds = smooth_noise(rng, rng.uniform(3.5, 6)) * rng.uniform(0.3, 0.7)
        white = np.clip((depth + folds - 0.75) * 6 + 0.5, 0, 1).astype(np.float32) * brain
        factor = rng.uniform(0.7, 1.35)
        shade = t("brain") * factor
        scene.value = scene.value * (1 - white) + shade * white
    fluid = t("fluid")
    first = None
    for side in (-1, 1):
        if rng.uniform() < 0.75:
            full = scene.paint(blob(rng, x + side * rx * rng.uniform(0.1, 0.22), y - ry * rng.uniform(-0.15, 0.25),
                             rx * rng.uniform(0.07, 0.2), ry * rng.uniform(0.15, 0.38), side * rng.uniform(-0.1, 0.5),
                             0.12), fluid, within=brain)
            if first is not None and (ndimage.binary_dilation(full > 0.5) & (first > 0.5)).any():
                scene.label[full > 0.5] = ident    # two that touch look like one
            first, ident = full, scene.count
        if rng.uniform() < 0.5:
            scene.paint(blob(rng, x + side * rx * rng.uniform(0.3, 0.45), y + ry * rng.uniform(-0.1, 0.15),
                             rx * rng.uniform(0.1, 0.18), ry * rng.uniform(0.1, 0.2), None, 0.08),
                        t.fresh("brain"), within=brain)
    for _ in range(rng.integers(0, 4)):
        size = rng.uniform(5, 24)
        px, py = x + rng.normal(0, rx * 0.45), y + rng.normal(0, ry * 0.45)
        full = scene.paint(blob(rng, px, py, size, size * rng.uniform(0.6, 1.3), None, 0.14), t.fresh("lesion"),
                           within=brain, texture=t.texture())
        if size > 12 and rng.uniform() < 0.4:
            scene.paint(blob(rng, px, py, size * 0.5, size * 0.4, None, 0.15), t.fresh("fluid"), within=full)


def tissue_map(scene, t):
    """Regions where one of several random fields is the largest: shapes of no anatomy at all."""
    rng = scene.rng
    x, y, a, b, cavity = trunk(scene, t)
    kinds = rng.integers(3, 8)
    sigma = rng.uniform(9, 22)
    winner = np.stack([smooth_noise(rng, sigma) for _ in range(kinds)])
    order = np.sort(winner, axis=0)
    sure = np.clip((order[-1] - order[-2]) * 6, 0, 1)
    names = rng.choice(["organ", "muscle", "fluid", "blood", "fat", "brain", "lesion"], kinds)
    pick = winner.argmax(0)
    for k in range(kinds):
        pieces, n = ndimage.label((pick == k) & (cavity > 0.5))
        value = t.fresh(names[k])
        for piece in range(1, min(n, 25) + 1):
            amount = np.where(pieces == piece, 0.55 + 0.45 * sure, 0).astype(np.float32)
            box = ndimage.find_objects((pieces == piece).astype(np.uint8))[0]
            scene.paint(Cover(box[0].start, box[1].start, amount[box]), value, texture=t.texture())


SCENES = ((abdomen, 0.4), (chest, 0.2), (pelvis, 0.12), (limbs, 0.08), (head, 0.12), (tissue_map, 0.08))


def choose_scene(rng, weights):
    p = np.array(weights, float)
    return SCENES[rng.choice(len(SCENES), p=p / p.sum())][0]


# ---- making pictures --------------------------------------------------------------------------------------------

def table_and_clothes(scene, t):
    rng = scene.rng
    yy, xx = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    outside = scene.value < -700
    base = 128 + rng.uniform(75, 115)
    bend = rng.uniform(-0.0025, 0.001)
    for _ in range(rng.integers(1, 4)):
        line = np.clip(rng.uniform(0.8, 2.5) - np.abs(yy - base - bend * (xx - 128) ** 2), 0, 1)
        scene.value = np.where(outside, scene.value + line * rng.uniform(150, 900), scene.value)
        base += rng.uniform(4, 18)
    if rng.uniform() < 0.4:
        field = smooth_noise(rng, 14)
        wisp = np.exp(-(field / 0.04) ** 2) * outside
        scene.value += (wisp * rng.uniform(40, 250)).astype(np.float32)


def streaks(rng, value):
    """Dark and bright lines from metal and dense bone, and noise that is worse across the long way."""
    out = np.zeros_like(value)
    metal = np.argwhere(value > 2000)
    yy, xx = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    if len(metal):
        cy, cx = metal.mean(0)
        angle = np.arctan2(yy - cy, xx - cx)
        lobes = sum(rng.normal(0, 1) * np.cos(k * angle + rng.uniform(0, 6.3)) for k in (2, 4, 7, 13, 23))
        out += lobes * rng.uniform(60, 200) / (1 + np.hypot(yy - cy, xx - cx) / 40)
    if rng.uniform() < 0.15:
        angle = rng.uniform(0, np.pi)
        line = ndimage.gaussian_filter1d(rng.standard_normal(512), 1.0)
        at = ((xx - 128) * np.sin(angle) + (yy - 128) * np.cos(angle) + 256).astype(int)
        out += line[np.clip(at, 0, 511)] * rng.uniform(5, 25)
    if rng.uniform() < 0.06:
        rings = ndimage.gaussian_filter1d(rng.standard_normal(256), 0.7)
        out += rings[np.clip(np.hypot(yy - 128, xx - 128).astype(int), 0, 255)] * rng.uniform(4, 20)
    return out.astype(np.float32)


def window(rng, value):
    """(level, width) as readers and as data sets choose them."""
    pick = rng.uniform()
    if pick < 0.48:
        return rng.uniform(10, 80), rng.uniform(250, 500)
    if pick < 0.6:
        return rng.uniform(-650, -350), rng.uniform(1200, 1700)
    if pick < 0.68:
        return rng.uniform(200, 500), rng.uniform(1200, 2200)
    low, high = float(value.min()), float(value.max())
    if pick < 0.93:
        low = min(low, -1000) - rng.choice([0, 0, 1000]) * rng.uniform(0.2, 1)
        return (low + high) / 2, high - low
    low, high = np.percentile(value, [rng.uniform(0.5, 30), rng.uniform(98, 99.8)])
    return (low + high) / 2, max(high - low, 100)


def ct(rng):
    t = Tissues(rng, CT)
    scene = Scene(rng, -1000)
    choose_scene(rng, [weight for _, weight in SCENES])(scene, t)
    if rng.uniform() < 0.7:
        table_and_clothes(scene, t)
    value = ndimage.gaussian_filter(scene.value, rng.uniform(0.3, 1.1))
    hidden = None
    if rng.uniform() < 0.3:
        yy, xx = np.mgrid[:SIDE, :SIDE]
        hidden = np.hypot(yy - 127.5, xx - 127.5) > rng.uniform(122, 132)
    level, width = window(rng, value)
    sigma = rng.uniform(0, 1.2)
    noise = rng.standard_normal((SIDE, SIDE)).astype(np.float32)
    noise = ndimage.gaussian_filter(noise, sigma) / max(0.28 / max(sigma, 0.28), 0.05)
    strength = rng.gamma(2.0, 7.0)
    noisy = value + noise * strength + streaks(rng, value)
    scale = 255.0 / width

    def show(v):
        grey = (v - level) * scale + 127.5
        if hidden is not None:
            grey = np.where(hidden, 0, grey)
        return np.clip(grey, 0, 255)

    return show(value), show(noisy), scene.label, GREY


def mr(rng):
    t = Tissues(rng, MR)
    scene = Scene(rng, 0.01)
    choose_scene(rng, [0.25, 0.07, 0.13, 0.15, 0.34, 0.1])(scene, t)
    value = ndimage.gaussian_filter(scene.value, rng.uniform(0.3, 1.2))
    field = smooth_noise(rng, rng.uniform(50, 90)) * rng.uniform(0, 0.35)
    value = value * np.exp(field)
    sigma = rng.uniform(0.002, 0.05)
    real = value + sigma * rng.standard_normal(value.shape)
    imaginary = sigma * rng.standard_normal(value.shape)
    noisy = np.hypot(real, imaginary)
    if rng.uniform() < 0.15:
        noisy = noisy + rng.uniform(0.05, 0.15) * np.roll(value, rng.integers(20, 60), 0)
    top = np.percentile(noisy, rng.uniform(97.5, 99.9)) + 1e-3
    gamma = rng.uniform(0.8, 1.25)

    def show(v):
        return 255 * np.clip(v / top, 0, 1) ** gamma

    return show(value), show(noisy), scene.label, GREY
