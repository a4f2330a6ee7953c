#!/usr/bin/env python3
"""Makes tests/io/data/dicom.pack.gz: small DICOM series and what is in them. Needs pydicom and numpy; with SimpleITK its
reading of the plain series is checked against ours, too.

One record a case: text name; text wanted series or ""; u32 lenient; u32 count of files, each text name and u32 length and bytes;
text word of the expected refusal or ""; u32 size[3], channels; f64 affine[12] (RAS); f32 voxels. A text is u32 length and bytes."""
import gzip
import io
import struct
import sys
import tempfile
import pathlib

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian,
                         RLELossless, generate_uid)

CT, MR, SC, ENHANCED = ('1.2.840.10008.5.1.4.1.1.2', '1.2.840.10008.5.1.4.1.1.4', '1.2.840.10008.5.1.4.1.1.7',
                        '1.2.840.10008.5.1.4.1.1.2.1')
rng = np.random.default_rng(8)
records = []


def uid(*entropy):
    return generate_uid(prefix='1.2.826.0.1.3680043.8.498.', entropy_srcs=[str(e) for e in entropy])


def rotation(a, b, c):
    ca, sa, cb, sb, cc, sc = np.cos(a), np.sin(a), np.cos(b), np.sin(b), np.cos(c), np.sin(c)
    return (np.array([[ca, -sa, 0], [sa, ca, 0], [0, 0, 1]]) @ np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]]) @
            np.array([[1, 0, 0], [0, cc, -sc], [0, sc, cc]]))


def base(case, number, pixels, syntax=ExplicitVRLittleEndian, sop=CT, series='one', **more):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop, uid(case, series, number)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax == RLELossless else syntax
    ds = FileDataset('', {}, file_meta=meta, preamble=b'\0' * 128)
    ds.SOPClassUID, ds.SOPInstanceUID = sop, meta.MediaStorageSOPInstanceUID
    ds.StudyInstanceUID, ds.SeriesInstanceUID = uid(case, 'study'), uid(case, series)
    ds.FrameOfReferenceUID = uid(case, 'frame')
    ds.PatientName, ds.PatientID = 'Nobody^Known', 'SECRET'
    ds.StudyDate = ds.StudyTime = ds.PatientBirthDate = ds.PatientSex = ds.AccessionNumber = ''
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber = more.pop('modality', 'CT'), 1 if series == 'one' else 2, number
    frames = pixels.ndim == 4 or (pixels.ndim == 3 and pixels.shape[-1] != 3)
    ds.SamplesPerPixel = 3 if pixels.shape[-1] == 3 and pixels.dtype == np.uint8 and pixels.ndim > 2 else 1
    shape = pixels.shape[-3:-1] if ds.SamplesPerPixel == 3 else pixels.shape[-2:]
    ds.Rows, ds.Columns = (int(n) for n in shape)
    if frames:
        ds.NumberOfFrames = pixels.shape[0]
    ds.PhotometricInterpretation = more.pop('kind', 'RGB' if ds.SamplesPerPixel == 3 else 'MONOCHROME2')
    ds.BitsAllocated = 8 * pixels.dtype.itemsize
    ds.BitsStored = more.pop('stored', ds.BitsAllocated)
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(pixels.dtype.kind == 'i')
    for key, value in more.items():
        setattr(ds, key, value)
    order = '>' if syntax == ExplicitVRBigEndian else '<'
    if ds.SamplesPerPixel == 3:
        ds.PlanarConfiguration = more.get('PlanarConfiguration', 0)
        data = np.moveaxis(pixels, -1, -3) if ds.PlanarConfiguration else pixels
    else:
        data = pixels
    data = data.astype(data.dtype.newbyteorder(order)).tobytes()
    ds.PixelData = data + b'\0' * (len(data) % 2)
    ds['PixelData'].VR = 'OB' if ds.BitsAllocated == 8 else 'OW'
    if syntax == RLELossless:
        ds.compress(RLELossless)
    return ds


def to_bytes(ds):
    out = io.BytesIO()
    syntax = ds.file_meta.TransferSyntaxUID
    if syntax == ExplicitVRBigEndian:
        pydicom.dcmwrite(out, ds, implicit_vr=False, little_endian=False, force_encoding=True)
    else:
        ds.save_as(out, enforce_file_format=True)
    return out.getvalue()


def place(ds, turn, spacing, index, origin, gap, shift=(0, 0, 0)):
    """Sets position and orientation of slice `index`."""
    ds.ImageOrientationPatient = [f'{v:.10f}' for v in (*turn[:, 0], *turn[:, 1])]
    ds.ImagePositionPatient = [f'{v:.8f}' for v in np.array(origin) + turn[:, 2] * gap * index + np.array(shift)]
    ds.PixelSpacing = [spacing[1], spacing[0]]
    ds.SliceThickness = 9            # a lie


def affine_of(turn, spacing, gap, origin):
    out = np.zeros((3, 4))
    out[:, 0], out[:, 1], out[:, 2], out[:, 3] = turn[:, 0] * spacing[0], turn[:, 1] * spacing[1], turn[:, 2] * gap, origin
    out[:2] *= -1
    return out


def text(value):
    return struct.pack('<I', len(value)) + value.encode()


def record(name, files, values=None, affine=None, word='', wanted='', lenient=0):
    """`values` [slices, rows, columns(, 3)]"""
    out = text(name) + text(wanted) + struct.pack('<2I', lenient, len(files))
    for number, data in enumerate(files):
        out += text(f'{(number * 7) % 101:03d}.dcm') + struct.pack('<I', len(data)) + data
    out += text(word)
    if not word:
        channels = 3 if values.ndim == 4 else 1
        out += struct.pack('<4I', values.shape[2], values.shape[1], values.shape[0], channels)
        out += affine.astype('<f8').tobytes() + values.astype('<f4').tobytes()
    records.append(out)


turn, spacing, gap, origin = rotation(0.3, -0.2, 0.4), (0.7, 1.3), 2.5, (-20.5, 13.25, 100)
flat, shape = np.eye(3), (5, 6, 8)
stored = rng.integers(0, 4096, shape).astype(np.uint16)
signed = rng.integers(-1024, 3000, shape).astype(np.int16)


def series(name, data, syntax=ExplicitVRLittleEndian, turn=turn, scale=lambda k: (1, -1024), places=None, shift=None, **more):
    out = []
    for k in range(len(data)):
        slope, inter = scale(k)
        ds = base(name, k + 1, data[k], syntax, RescaleSlope=str(slope), RescaleIntercept=str(inter), **dict(more))
        index = places[k] if places else k
        place(ds, turn, spacing, index, origin, gap, (index * shift[0], index * shift[1], index * shift[2]) if shift else (0, 0, 0))
        out.append(to_bytes(ds))
    return out


def shuffled(files):
    order = np.random.default_rng(1).permutation(len(files))
    return [files[i] for i in order]


affine = affine_of(turn, spacing, gap, origin)
for name, syntax in [('explicit', ExplicitVRLittleEndian), ('implicit', ImplicitVRLittleEndian), ('big', ExplicitVRBigEndian),
                     ('deflated', DeflatedExplicitVRLittleEndian), ('rle', RLELossless)]:
    record(name, shuffled(series(name, stored, syntax, stored=12)), stored.astype(float) - 1024, affine)
record('signed', shuffled(series('signed', signed, scale=lambda k: (1, 0))), signed, affine)
record('signed-12', series('signed-12', (signed & 0x0fff).astype(np.int16), scale=lambda k: (1, 0), stored=12),
       ((signed & 0x0fff).astype(int) + 2048) % 4096 - 2048, affine)
record('inverted', series('inverted', stored, scale=lambda k: (1, 0), kind='MONOCHROME1', stored=12), 4095 - stored.astype(int), affine)
record('per-slice', shuffled(series('per-slice', stored, scale=lambda k: (0.5 + k, k), modality='PT')),
       np.stack([stored[k] * (0.5 + k) + k for k in range(5)]), affine)
record('axial', shuffled(series('axial', stored, turn=flat)), stored.astype(float) - 1024, affine_of(flat, spacing, gap, origin))
bytes8 = rng.integers(0, 256, shape).astype(np.uint8)
record('bytes', series('bytes', bytes8, scale=lambda k: (1, 0)), bytes8, affine)
rgb = rng.integers(0, 256, shape + (3,)).astype(np.uint8)
record('rgb', series('rgb', rgb, sop=SC), rgb, affine)
record('rgb-planes', series('rgb-planes', rgb, sop=SC, PlanarConfiguration=1), rgb, affine)
index8 = rng.integers(0, 16, shape).astype(np.uint8)
lut = rng.integers(0, 256, (3, 256)).astype(np.uint8)
palette = {}
for color, values in zip(('Red', 'Green', 'Blue'), lut):
    palette[color + 'PaletteColorLookupTableDescriptor'] = [256, 0, 16]
    palette[color + 'PaletteColorLookupTableData'] = (values.astype('<u2') * 257).tobytes()
files = []
for k in range(5):
    ds = base('palette', k + 1, index8[k], sop=SC, kind='PALETTE COLOR', **palette)
    place(ds, turn, spacing, k, origin, gap)
    files.append(to_bytes(ds))
record('palette', files, np.moveaxis(lut[:, index8], 0, -1), affine)

# An enhanced object: everything in functional groups, frames against the normal.
ds = base('enhanced', 1, stored[::-1].copy(), sop=ENHANCED, stored=12)
shared, frames = Dataset(), []
shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = Sequence([Dataset()]), Sequence([Dataset()])
shared.PlaneOrientationSequence[0].ImageOrientationPatient = [f'{v:.10f}' for v in (*turn[:, 0], *turn[:, 1])]
shared.PixelMeasuresSequence[0].PixelSpacing = [spacing[1], spacing[0]]
for k in reversed(range(5)):
    frame = Dataset()
    frame.PlanePositionSequence, frame.PixelValueTransformationSequence = Sequence([Dataset()]), Sequence([Dataset()])
    frame.PlanePositionSequence[0].ImagePositionPatient = [f'{v:.8f}' for v in np.array(origin) + turn[:, 2] * gap * k]
    change = frame.PixelValueTransformationSequence[0]
    change.RescaleSlope, change.RescaleIntercept, change.RescaleType = '2', str(-k), 'US'
    frames.append(frame)
ds.SharedFunctionalGroupsSequence, ds.PerFrameFunctionalGroupsSequence = Sequence([shared]), Sequence(frames)
record('enhanced', [to_bytes(ds)], np.stack([stored[k] * 2.0 - k for k in range(5)]), affine)

# Frames without any place.
ds = base('frames', 1, bytes8, sop=SC, modality='US')
unknown = np.zeros((3, 4))
unknown[0, 0], unknown[1, 1], unknown[2, 2] = -1, -1, 1
record('frames', [to_bytes(ds)], bytes8, unknown)
ds = base('single', 1, stored[0], stored=12)
place(ds, flat, spacing, 0, origin, gap)
record('single', [to_bytes(ds)], stored[:1], affine_of(flat, spacing, 9, origin))

# What is refused, and what the override makes of it.
gapped = series('gap', stored, places=[0, 1, 3, 4, 5])
record('gap', gapped, word='expected 2.5 mm, found 5 mm between 007.dcm and 014.dcm')
record('gap-lenient', gapped, stored.astype(float) - 1024, affine_of(turn, spacing, gap * 5 / 4, origin), lenient=1)
double = series('double', stored, places=[0, 1, 1, 2, 3])
record('double', double, word='007.dcm and 014.dcm lie at the same place')
tilted = series('tilt', stored, turn=flat, shift=(0, 0.5, 0))
record('tilt', tilted, word='they move 0.5 mm sideways')
sheared = affine_of(flat, spacing, gap, origin)
sheared[1, 2] = -0.5
record('tilt-lenient', tilted, stored.astype(float) - 1024, sheared, lenient=1)
one, two = series('two', stored), series('two', signed, series='two', scale=lambda k: (1, 0))
record('two', one + two, word='holds 2 series')
record('two-first', one + two, stored.astype(float) - 1024, affine, wanted='1')
record('two-second', one + two, signed, affine, wanted='2')
record('two-uid', one + two, signed, affine, wanted=uid('two', 'two'))
record('two-none', one + two, word='has no series "3"', wanted='3')
scout = base('scout', 99, stored[0, :, :4].copy())
place(scout, flat, spacing, 0, origin, gap)
record('scout', series('scout', stored) + [to_bytes(scout)], word='holds 2 series')
cut = series('cut', stored)
record('cut', cut[:4] + [cut[4][:-60]], word='028.dcm: it was cut off')
record('nothing', [b'no DICOM at all'], word='holds no DICOM image')

try:
    import SimpleITK as sitk
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for i, data in enumerate(shuffled(series('explicit', stored, stored=12))):
            names.append(str(pathlib.Path(folder, f'{i}.dcm')))
            pathlib.Path(names[-1]).write_bytes(data)
        names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(folder)
        image = sitk.ReadImage(names)
        assert np.array_equal(sitk.GetArrayFromImage(image), stored.astype(float) - 1024)
        step = np.array(image.TransformContinuousIndexToPhysicalPoint((0., 0., 1.))) - np.array(image.GetOrigin())
        assert np.allclose(step * (-1, -1, 1), affine[:, 2], atol=1e-5)
        assert np.allclose(np.array(image.GetOrigin()) * (-1, -1, 1), affine[:, 3], atol=1e-5)
        print('SimpleITK agrees')
except ImportError:
    print('SimpleITK is not here: not compared')
out = sys.argv[1] if len(sys.argv) > 1 else 'tests/io/data/dicom.pack.gz'
with open(out, 'wb') as file:
    file.write(gzip.compress(b''.join(records), 9, mtime=0))
print(len(records), 'cases')
