#!/usr/bin/env python3
"""Writes the small images of tests/fuzz/corpus/image: one of every flavour that vkseg reads or refuses, and damaged ones.

    python3 tools/python/image_seeds.py tests/fuzz/corpus/image      (needs numpy, Pillow, tifffile)

tests/src/io_images.c knows each by name. All pixels are 7 x 5 with value (x * 30 + y * 7) % 256 and its relatives.
"""
import struct
import sys
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

W, H = 7, 5


def grey():
    y, x = np.mgrid[0:H, 0:W]
    return ((x * 30 + y * 7) % 256).astype(np.uint8)


def rgb():
    return np.stack([grey(), 255 - grey(), grey() // 2], axis=-1)


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width, height, depth, colour, rows, extra=b"", interlace=0):
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def png_rows(array):
    return b"".join(b"\0" + row.tobytes() for row in array)


def saved(image, kind, **options):
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def npy(array):
    out = BytesIO()
    np.save(out, array)
    return out.getvalue()


def tiff(*pages, **options):
    out = BytesIO()
    with tifffile.TiffWriter(out, byteorder=options.pop("order", "<"), bigtiff=options.pop("big", False)) as writer:
        for page in pages:
            writer.write(page, metadata=None, **options)
    return out.getvalue()


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    deep = grey().astype(">u2") * 257
    rgba = np.dstack([rgb(), np.full((H, W), 9, np.uint8)])
    palette = b"".join(bytes([i * 4, 255 - i * 4, i * 2]) for i in range(64))
    whole = png(W, H, 8, 0, png_rows(grey()))
    jpeg = saved(Image.fromarray(rgb()), "JPEG", quality=95)
    files = {
        "grey.png": whole,
        "rgb.png": png(W, H, 8, 2, png_rows(rgb())),
        "rgba.png": png(W, H, 8, 6, png_rows(rgba)),
        "grey16.png": png(W, H, 16, 0, png_rows(deep)),
        "palette.png": png(W, H, 8, 3, png_rows(grey() // 4), chunk(b"PLTE", palette)),
        "one_bit.png": png(W, H, 1, 0, b"\0\xaa" * H),
        "no_pixels.png": png(0, 0, 8, 0, b""),
        "huge.png": png(65535, 65535, 8, 0, b"\0" * 64),
        "wide.png": png(32769, 1, 8, 0, b"\0" * 64),
        "lying.png": png(4096, 4096, 8, 0, b"\0" * 64),
        "cut.png": whole[:-20],
        "bad_crc.png": whole.replace(b"IDAT", b"IDAT", 1)[:-17] + b"\1\2\3\4\5" + whole[-12:],
        "rgb.jpg": jpeg,
        "progressive.jpg": saved(Image.fromarray(rgb()), "JPEG", progressive=True),
        "grey.jpg": saved(Image.fromarray(grey()), "JPEG", quality=95),
        "cmyk.jpg": saved(Image.fromarray(rgb()).convert("CMYK"), "JPEG"),
        "cut.jpg": jpeg[: len(jpeg) * 2 // 3],
        "rgb.bmp": saved(Image.fromarray(rgb()), "BMP"),
        "rgb.tga": saved(Image.fromarray(rgb()), "TGA"),
        "grey.pgm": b"P5\n# a comment\n7 5\n255\n" + grey().tobytes(),
        "grey16.pgm": b"P5 7 5 65535\n" + deep.tobytes(),
        "rgb.ppm": b"P6 7 5 255\n" + rgb().tobytes(),
        "huge.pgm": b"P5 65535 65535 255\n" + bytes(64),
        "zero.pgm": b"P5 0 0 255\n",
        "text.pgm": b"P2 7 5 255\n" + b"1 " * 35,
        "u8.npy": npy(grey()),
        "u16.npy": npy(grey().astype("<u2") * 257),
        "i16.npy": npy(grey().astype("<i2") - 100),
        "f32.npy": npy(grey().astype("<f4") / 2),
        "rgb.npy": npy(rgb()),
        "volume.npy": npy(np.zeros((3, 4, 5, 6), np.float32)),
        "huge.npy": npy(grey()).replace(b"(5, 7)", b"(99999, 99999)").replace(b"  \n", b"\n"),
        "cut.npy": npy(grey())[:-9],
        "picture.gif": saved(Image.fromarray(grey()), "GIF"),
        "picture.tiff": b"II*\0" + bytes(16),
        "grey16.tif": tiff(grey().astype("u2") * 257, photometric="minisblack"),
        "grey16-big.tif": tiff(grey().astype(">u2") * 257, order=">", photometric="minisblack"),
        "i16.tif": tiff(grey().astype("i2") - 100, big=True, photometric="minisblack"),
        "f32.tif": tiff(grey().astype("f4") / 2, rowsperstrip=2, photometric="minisblack"),
        "white.tif": tiff(~(grey().astype("u2") * 257), photometric="miniswhite"),
        "tiles.tif": tiff(rgb(), tile=(16, 16), compression="zlib", photometric="rgb"),
        "planes.tif": tiff(np.moveaxis(rgb(), -1, 0), planarconfig="separate", photometric="rgb"),
        "rgba.tif": tiff(rgba, photometric="rgb", extrasamples=["unassalpha"]),
        "grey-lzw.tif": saved(Image.fromarray(grey()), "TIFF", compression="tiff_lzw"),
        "rgb-jpeg.tif": saved(Image.fromarray(rgb()), "TIFF", compression="jpeg"),
        "palette.tif": tiff(grey() // 4, photometric="palette", colormap=np.array(
            [[min(i, 63) * 4 * 257, (255 - min(i, 63) * 4) * 257, min(i, 63) * 2 * 257] for i in range(256)], np.uint16).T),
        "pages.tif": tiff(grey(), grey(), photometric="minisblack"),
        "double.tif": tiff(grey().astype("f8"), photometric="minisblack"),
        "turned.tif": tiff(grey(), photometric="minisblack", extratags=[(274, "H", 1, 6, True)]),
        "cut.tif": tiff(grey().astype("u2") * 257, photometric="minisblack")[:-20],
        "lying.tif": tiff(np.zeros((1, 1), np.uint8)).replace(b"\x00\x01\x04\x00\x01\x00\x00\x00\x01\x00\x00\x00",
                                                              b"\x00\x01\x04\x00\x01\x00\x00\x00\x00\x40\x00\x00").replace(
            b"\x01\x01\x04\x00\x01\x00\x00\x00\x01\x00\x00\x00", b"\x01\x01\x04\x00\x01\x00\x00\x00\x00\x40\x00\x00"),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
