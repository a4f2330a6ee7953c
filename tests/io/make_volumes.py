#!/usr/bin/env python3
"""Makes tests/io/data/volumes.pack.gz: NRRD and MetaImage files by SimpleITK and what is in them, and an npz as the MedSAM
challenge packs them. Needs SimpleITK and numpy. The form of the pack is make_nifti.py's."""
import gzip
import io
import os
import pathlib
import struct
import sys
import tempfile

import numpy as np
import SimpleITK as sitk

rng = np.random.default_rng(5)
records = []


def letters(affine):
    out = ''
    for c in range(3):
        r = int(np.argmax(np.abs(affine[:, c])))
        out += ('LR', 'PA', 'IS')[r][int(affine[r, c] > 0)]
    return out


def record(name, data, values, affine):
    channels = 3 if values.ndim == 4 else 1
    records.append(struct.pack('<I', len(name)) + name.encode() + struct.pack('<iI', -1, len(data)) + data +
                   struct.pack('<4I', values.shape[2], values.shape[1], values.shape[0], channels) +
                   affine[:3].astype('<f8').tobytes() + letters(affine).encode() + b'\0' + values.astype('<f4').tobytes())


def rotation(a, b):
    return (np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]) @
            np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]]))


def by_itk(values, name, compress, turn, vector=False):
    image = sitk.GetImageFromArray(values, isVector=vector)
    image.SetSpacing((0.75, 1.5, 3.25))
    image.SetOrigin((-10, 20.5, 7))
    image.SetDirection(turn.flatten().tolist())
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, name)
        sitk.WriteImage(image, str(path), compress)
        data = path.read_bytes()
    affine = np.zeros((3, 4))
    affine[:, :3] = turn * (0.75, 1.5, 3.25)
    affine[:, 3] = (-10, 20.5, 7)
    affine[:2] *= -1
    return data, affine


axes = np.array([[0, -1, 0], [0, 0, 1], [-1, 0, 0]], float)
for extension in ('nrrd', 'mha'):
    for compress in (False, True):
        for dtype in (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.float32, np.float64):
            values = (rng.integers(0, 100, (5, 4, 3)) if np.issubdtype(dtype, np.integer) else
                      rng.standard_normal((5, 4, 3))).astype(dtype)
            for turn, word in ((rotation(0.2, -0.3), 'oblique'), (axes, 'axes')):
                record(f'{extension}-{np.dtype(dtype).name}-{int(compress)}-{word}', *(lambda d, a: (d, values, a))(
                    *by_itk(values, 'x.' + extension, compress, turn)))
        rgb = rng.integers(0, 256, (5, 4, 3, 3)).astype(np.uint8)
        data, affine = by_itk(rgb, 'x.' + extension, compress, axes, True)
        record(f'{extension}-rgb-{int(compress)}', data, rgb, affine)
values = rng.integers(-500, 500, (5, 4, 3)).astype(np.int16)
header = ('NRRD0004\n# by hand\ntype: short\ndimension: 3\nspace: RAS\nsizes: 3 4 5\nspace directions: (2,0,0) (0,0,-3) (0,4,0)\n'
          'kinds: domain domain domain\nendian: big\nencoding: raw\nspace origin: (1,2,3)\nSegment0_Name:=liver: left\n\n')
affine = np.array([[2, 0, 0, 1], [0, 0, 4, 2], [0, -3, 0, 3]], float)
record('nrrd-big', header.encode() + values.astype('>i2').tobytes(), values, affine)

# As the MedSAM challenge has them: spacing (x, y, z) beside arrays (z, y, x), deflated.
imgs = rng.integers(0, 256, (5, 4, 7)).astype(np.uint8)      # three columns would be colour
out = io.BytesIO()
np.savez_compressed(out, imgs=imgs, gts=(imgs > 100).astype(np.uint8), spacing=np.array([0.5, 0.75, 2.0]),
                    boxes=np.array([[0, 1, 0, 2, 3, 4]]))
record('npz-volume', out.getvalue(), imgs, np.array([[-0.5, 0, 0, 0], [0, -0.75, 0, 0], [0, 0, 2.0, 0]]))
turn = rotation(0.1, 0.4)
out = io.BytesIO()
np.savez(out, imgs=imgs, spacing=np.array([0.5, 0.75, 2.0]), origin=np.array([1.0, 2, 3]), direction=turn.flatten())
placed = np.zeros((3, 4))
placed[:, :3], placed[:, 3] = turn * (0.5, 0.75, 2), (1, 2, 3)
placed[:2] *= -1
record('npz-placed', out.getvalue(), imgs, placed)
rgb = rng.integers(0, 256, (4, 6, 3)).astype(np.uint8)
out = io.BytesIO()
np.savez_compressed(out, imgs=rgb, boxes=np.array([[0, 1, 2, 3]]))
record('npz-colour', out.getvalue(), rgb[None], np.array([[-1.0, 0, 0, 0], [0, -1, 0, 0], [0, 0, 1, 0]]))
# Since 2025: dictionaries in an array of objects, numbers of Python's and numpy's; and one that would run a command.
whole = {'z_min': np.int64(1), 'z_max': 4, 'z_mid': np.uint8(3), 'z_mid_x_min': 1.0, 'z_mid_y_min': np.float32(0),
         'z_mid_x_max': np.int32(5), 'z_mid_y_max': np.int16(2)}
plain = {'z_min': 2, 'z_max': 2, 'z_mid_x_min': 0, 'z_mid_y_min': 1, 'z_mid_x_max': 6, 'z_mid_y_max': 3}


class Hostile:
    def __reduce__(self):
        return os.system, ('touch /tmp/vkseg-was-here',)


deep = rng.integers(0, 60000, (5, 4, 7)).astype(np.uint16)
for name, boxes in (('objects', [whole, plain]), ('hostile', [whole, Hostile()]), ('strange', [{'z_min': 1}]),
                    ('outside', np.array([[0, 1, 0, 2, 9, 4]])), ('flat', np.array([[0, 1, 2, 3]])), ('none', np.zeros((0, 6)))):
    out = io.BytesIO()
    np.savez_compressed(out, imgs=deep, boxes=boxes)
    record('npz-boxes-' + name, out.getvalue(), deep, np.array([[-1.0, 0, 0, 0], [0, -1, 0, 0], [0, 0, 1, 0]]))
target = sys.argv[1] if len(sys.argv) > 1 else 'tests/io/data/volumes.pack.gz'
with open(target, 'wb') as file:
    file.write(gzip.compress(b''.join(records), 9, mtime=0))
print(len(records), 'records')
