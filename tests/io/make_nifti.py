#!/usr/bin/env python3
"""Makes tests/io/data/nifti.pack.gz: small NIfTI files and what nibabel reads in them. Needs nibabel and numpy.

One record a file: u32 length and name; i32 volume index or -1; u32 length and bytes of the file; u32 size[3] and channels;
f64 affine[12]; 4 bytes of axis codes; f32 voxels, first index fastest, channels innermost. Little endian."""
import gzip
import io
import itertools
import struct
import sys

import nibabel as nib
import numpy as np

SIZE = (3, 4, 5)
rng = np.random.default_rng(4)
records = []


def add(name, image, index=-1, packed=False, patch=None):
    data = image.to_bytes()
    if patch:
        data = patch(bytearray(data))
    if packed:
        data = gzip.compress(bytes(data), mtime=0)
    image = type(image).from_bytes(gzip.decompress(data) if packed else bytes(data))
    raw = np.asanyarray(image.dataobj)
    if raw.dtype.names:
        raw = np.stack([raw[c] for c in 'RGB'], axis=-1)
        channels = 3
    else:
        channels = 1
        if index >= 0:
            raw = raw.reshape(raw.shape[:3] + (-1,), order='F')[..., index]
    raw = raw.astype(np.float64).astype(np.float32)
    size = (list(raw.shape[:raw.ndim - (channels == 3)]) + [1, 1, 1])[:3]
    voxels = np.moveaxis(raw, -1, 0) if channels == 3 else raw
    codes = ''.join(nib.aff2axcodes(image.affine)).encode()
    records.append(struct.pack('<I', len(name)) + name.encode() + struct.pack('<iI', index, len(data)) + bytes(data) +
                   struct.pack('<4I', *size, channels) + image.affine[:3].astype('<f8').tobytes() + codes + b'\0' +
                   voxels.astype('<f4').tobytes(order='F'))


def make(kind, data, affine, sform=1, qform=0, endian='<', slope=None, inter=None, q_affine=None):
    image = kind(data, affine, header=kind.header_class(endianness=endian))
    image.header.set_xyzt_units('mm', 'sec')
    image.set_sform(affine if sform else None, sform)
    if qform:
        image.set_qform(affine if q_affine is None else q_affine, qform)
    if slope is not None:
        image.header.set_slope_inter(slope, inter)
    return image


def rotation(a, b, c):
    ca, sa, cb, sb, cc, sc = np.cos(a), np.sin(a), np.cos(b), np.sin(b), np.cos(c), np.sin(c)
    return (np.array([[ca, -sa, 0], [sa, ca, 0], [0, 0, 1]]) @ np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]]) @
            np.array([[1, 0, 0], [0, cc, -sc], [0, sc, cc]]))


def affine_of(matrix, shift=(-11.5, 20.25, 7)):
    out = np.eye(4)
    out[:3, :3] = matrix
    out[:3, 3] = shift
    return out


def values(dtype):
    if np.issubdtype(dtype, np.integer):
        info = np.iinfo(dtype)
        out = rng.integers(info.min, info.max, SIZE, dtype=dtype, endpoint=True)
        out.flat[0], out.flat[-1] = info.min, info.max
        return out
    out = (rng.standard_normal(SIZE) * 1000).astype(dtype)
    return out


kinds = [('1', nib.Nifti1Image), ('2', nib.Nifti2Image)]
small = values(np.int16)
for (version, kind), endian, use in itertools.product(kinds, '<>', 'sq'):
    number = 0
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            matrix = np.zeros((3, 3))
            for column, row in enumerate(order):
                matrix[row, column] = signs[column] * (0.75, 1.5, 3.25)[column]
            number += 1
            add(f'orient{number}-v{version}{endian}{use}',
                make(kind, small, affine_of(matrix), use == 's', use == 'q', endian))
for (version, kind), number in itertools.product(kinds, range(6)):
    turn = rotation(*rng.uniform(-3, 3, 3)) @ np.diag((0.8, 1.1, 2.5))
    add(f'oblique{number}-v{version}', make(kind, small, affine_of(turn), 0, 1))
    add(f'oblique{number}-v{version}-both', make(kind, small, affine_of(turn), 2, 1))
    shear = np.array([[1, 0.2, -0.1], [0, 1, 0.3], [0.05, 0, 1]]) @ turn
    add(f'sheared{number}-v{version}', make(kind, small, affine_of(shear), 1, 0))
    add(f'disagree{number}-v{version}', make(kind, small, affine_of(shear), 1, 1, q_affine=affine_of(np.eye(3))))
plain = affine_of(np.diag((1.0, 2, 3)))
for (version, kind), endian in itertools.product(kinds, '<>'):
    for dtype in (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64, np.float32, np.float64):
        data = values(dtype)
        tag = f'{np.dtype(dtype).name}-v{version}{endian}'
        add(tag, make(kind, data, plain, endian=endian), packed=endian == '>')


def scaled(kind, data, slope, inter, endian):
    """Scaling set in the header without nibabel changing the stored numbers."""
    image = make(kind, data, plain, endian=endian)

    def patch(content):
        at, code = (112, 'f') if kind is nib.Nifti1Image else (176, 'd')
        struct.pack_into(endian + '2' + code, content, at, slope, inter)
        return bytes(content)
    return image, patch


for (version, kind), endian, (name, slope, inter) in itertools.product(
        kinds, '<>', [('scale', 0.5, -7), ('shift', 1, -1024), ('none', 0, 5), ('nan', float('nan'), 5),
                      ('infinite', float('inf'), 0)]):
    for dtype in (np.int16, np.uint8, np.float32):
        image, patch = scaled(kind, values(dtype), slope, inter, endian)
        add(f'{name}-{np.dtype(dtype).name}-v{version}{endian}', image, patch=patch)
rgb = rng.integers(0, 256, (60, 3), dtype=np.uint8).tobytes()


def as_rgb(content):
    """The stored numbers replaced by RGB24; nibabel 5 does not write that type with numpy 2."""
    at, offset = (70, 352) if content[0] == 0x5c else (12, 544)
    struct.pack_into('<2h', content, at, 128, 24)
    return bytes(content[:offset]) + rgb


for version, kind in kinds:
    add(f'rgb-v{version}', make(kind, values(np.uint8), plain), patch=as_rgb)
    many = rng.integers(-100, 100, SIZE + (2, 3)).astype(np.int16)
    for index in range(6):
        add(f'4d-{index}-v{version}', make(kind, many, plain), index)
    flat = rng.integers(0, 200, (6, 5)).astype(np.uint8)
    add(f'flat-v{version}', make(kind, flat, plain))
out = sys.argv[1] if len(sys.argv) > 1 else 'tests/io/data/nifti.pack.gz'
with open(out, 'wb') as file:
    file.write(gzip.compress(b''.join(records), 9, mtime=0))
print(len(records), 'records')
