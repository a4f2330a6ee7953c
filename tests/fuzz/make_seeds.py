#!/usr/bin/env python3
"""Takes some of the files in tests/io/data as seeds: tests/fuzz/corpus. Needs nothing."""
import gzip
import pathlib
import struct

root = pathlib.Path(__file__).resolve().parent
wanted = {'orient1-v1<q', 'oblique0-v2-both', 'int16-v1<', 'float32-v1>', 'scale-int16-v2>', 'rgb-v1', '4d-1-v2', 'flat-v1',
          'nrrd-int16-0-axes', 'nrrd-uint8-1-oblique', 'nrrd-rgb-0', 'nrrd-big', 'mha-int16-0-axes', 'mha-float32-1-oblique', 'mha-rgb-0',
          'npz-volume', 'npz-placed', 'npz-colour', 'npz-boxes-objects', 'npz-boxes-hostile'}


def take(pack, folder_of):
    data = gzip.decompress((root.parent / 'io/data' / pack).read_bytes())
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
            folder = root / 'corpus' / folder_of(name)
            folder.mkdir(exist_ok=True)
            safe = name.replace('<', 'l').replace('>', 'b') + ('.nii.gz' if file[:2] == b'\x1f\x8b' else '.nii' if pack == 'nifti.pack.gz' else '')
            (folder / safe).write_bytes(file)


def texts(data, at):
    length, = struct.unpack_from('<I', data, at)
    return data[at + 4:at + 4 + length], at + 4 + length


take('nifti.pack.gz', lambda name: 'nifti')
take('volumes.pack.gz', lambda name: 'npz' if name.startswith('npz') else 'text_volume')
# The first file of some DICOM cases.
data, at = gzip.decompress((root.parent / 'io/data/dicom.pack.gz').read_bytes()), 0
(root / 'corpus/dicom').mkdir(exist_ok=True)
while at < len(data):
    name, at = texts(data, at)
    _, at = texts(data, at)
    _, files = struct.unpack_from('<2I', data, at)
    at += 8
    for number in range(files):
        _, at = texts(data, at)
        content, at = texts(data, at)
        if number == 0 and name in (b'explicit', b'implicit', b'big', b'deflated', b'rle', b'palette', b'enhanced', b'rgb-planes'):
            (root / 'corpus/dicom' / (name.decode() + '.dcm')).write_bytes(content)
    word, at = texts(data, at)
    if not word:
        x, y, z, channels = struct.unpack_from('<4I', data, at)
        at += 16 + 96 + 4 * x * y * z * channels
