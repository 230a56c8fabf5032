"""Files that people send: honest ones as cameras and offices make them, and hostile ones."""

import struct
import zlib
from fractions import Fraction
from io import BytesIO
from random import Random
from typing import Any, Final

from PIL import Image
from reportlab.pdfgen.canvas import Canvas

SECRET: Final = "HUAWEI P60"
PLACE: Final = (35.502313, 112.851274)


def photo(
    name: str = "JPEG", size: tuple[int, int] = (640, 480), mode: str = "RGB", *, exif: bool = True, **more: Any
) -> bytes:
    """A photo with a camera's metadata: turned by 90 degrees, with time, place and make."""
    noise = Image.frombytes("L", size, Random(size[0]).randbytes(size[0] * size[1]))
    picture = noise.convert(mode) if mode != "I;16" else Image.new(mode, size, 40_000)
    target = BytesIO()
    if exif:
        more["exif"] = _exif()
    picture.save(target, name, **more)
    return target.getvalue()


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F], exif[0x0110] = "HUAWEI", "P60"
    exif.get_ifd(0x8769).update({0x9003: "2026:03:01 16:04:11", 0x9011: "+08:00"})
    exif.get_ifd(0x8825).update({1: "N", 2: _dms(PLACE[0]), 3: "E", 4: _dms(PLACE[1])})
    return exif


def _dms(degrees: float) -> tuple[Any, Any, Any]:
    found = Fraction(degrees).limit_denominator(10**8)
    whole, rest = divmod(found, 1)
    minutes, rest = divmod(rest * 60, 1)
    return float(whole), float(minutes), float(rest * 60)


def document(pages: int = 1, **encrypt: Any) -> bytes:
    target = BytesIO()
    canvas = Canvas(target, invariant=True, **encrypt)
    for page in range(pages):
        canvas.drawString(72, 720, f"Page {page}")
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def document_with(objects: bytes) -> bytes:
    """The same with these objects before its end."""
    whole = document()
    at = whole.rindex(b"\nxref\n") + 1
    return whole[:at] + objects + whole[at:]


def object_stream(content: bytes) -> bytes:
    packed = zlib.compress(content)
    return b"99 0 obj\n<< /Type /ObjStm /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream\nendobj\n" % (
        len(packed),
        packed,
    )


def png(width: int, height: int, rows: bytes | None = None) -> bytes:
    """A PNG of one bit a pixel: 900 million of them fit into 110 kB."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    content = b"\0" * ((width // 8 + 1) * height) if rows is None else rows
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(content)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def many_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG, grey and square, of many scans that say: all blocks are empty. 12 bytes take milliseconds."""

    def segment(marker: int, body: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body

    def scan(first: int, last: int, coded: bytes) -> bytes:
        return segment(0xDA, bytes([1, 1, 0, first, last, 0])) + coded

    blocks = (side // 8) ** 2
    runs, rest = divmod(blocks, 32_767)
    codes = ("0" + "1" * 14) * runs + "0" + f"{max(rest - 16_384, 0):014b}"  # EOB14, and how many more
    packed = bytes(int(codes[at : at + 8].ljust(8, "1"), 2) for at in range(0, len(codes), 8))
    tables = segment(0xC4, bytes([0x00, 1, *[0] * 15, 0])) + segment(0xC4, bytes([0x10, 1, 1, *[0] * 14, 0xE0, 0]))
    frame = segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + bytes([1, 0x11, 0]))
    first = scan(0, 0, bytes(-(-blocks // 8)))
    more = scan(1, 63, packed.replace(b"\xff", b"\xff\0")) * scans
    return b"\xff\xd8" + segment(0xDB, bytes([0, *[1] * 64])) + frame + tables + first + more + b"\xff\xd9"
