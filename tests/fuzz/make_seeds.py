#!/usr/bin/env python3
"""Takes some of the files in tests/io/data/nifti.pack.gz as seeds: tests/fuzz/corpus/nifti. Needs nothing."""
import gzip
import pathlib
import struct

root = pathlib.Path(__file__).resolve().parent
data = gzip.decompress((root.parent / 'io/data/nifti.pack.gz').read_bytes())
wanted = {'orient1-v1<q', 'oblique0-v2-both', 'int16-v1<', 'float32-v1>', 'scale-int16-v2>', 'rgb-v1', '4d-1-v2', 'flat-v1'}
at = 0
while at < len(data):
    length, = struct.unpack_from('<I', data, at)
    name = data[at + 4:at + 4 + length].decode()
    at += 4 + length
    _, size = struct.unpack_from('<iI', data, at)
    file = data[at + 8:at + 8 + size]
    at += 8 + size
    x, y, z, channels = struct.unpack_from('<4I', data, at)
    at += 16 + 96 + 4 + 4 * x * y * z * channels
    if name in wanted:
        safe = name.replace('<', 'l').replace('>', 'b') + ('.nii.gz' if file[:2] == b'\x1f\x8b' else '.nii')
        (root / 'corpus/nifti' / safe).write_bytes(file)
