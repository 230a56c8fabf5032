"""Says what a file is by its content: a picture that decodes to its end, or a PDF without anything that runs.

Pictures are decoded by Pillow, which only this module imports; `rules.attachments.inspection_process` runs it apart,
bounded in time and memory. Small pictures are made anew, without the metadata of the original.
"""

import re
import zlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from itertools import chain
from typing import Any, BinaryIO, Final, NamedTuple

from PIL import ExifTags, Image, ImageOps
from pydantic import BaseModel, ConfigDict

from devices.readings.text import unseen_character
from rules.attachments.model import Claims, MediaType

MAX_SIDE: Final = 30_000
THUMBNAIL: Final = (480, 480)
"""Pixels at most: a list shows it in half of that on screens of double density."""
_QUALITY: Final = 80
_MAX_TEXT: Final = 100
"""Characters of what a camera says of itself."""
_MAX_INFLATED: Final = 64 << 20
"""Bytes of the object streams of a PDF that are looked at."""
_MAX_STREAMS: Final = 10_000
"""Object streams of a PDF: each holds some hundred objects, and a file of 20 MiB has a few thousand at most."""
_PIECE: Final = 1 << 14
"""Bytes that are inflated at a time."""
_BEGINNINGS: Final = (
    (b"\xff\xd8\xff", MediaType.JPEG),
    (b"\x89PNG\r\n\x1a\n", MediaType.PNG),
    (b"%PDF-", MediaType.PDF),
)
_TAKEN: Final = re.compile(r"(\d{4}):(\d{2}):(\d{2}) (\d{2}:\d{2}:\d{2})")
_OFFSET: Final = re.compile(r"[+-]\d{2}:\d{2}")
_END_OF_PDF: Final = 2_048
_ESCAPED: Final = re.compile(rb"#([0-9A-Fa-f]{2})")
_OBJECT_STREAM: Final = re.compile(rb"/(?:ObjStm|XRef)\b")
_STREAM: Final = re.compile(rb"(?<!end)stream\r?\n")
_RUNS: Final = re.compile(
    rb"/(JavaScript|JS|Launch|EmbeddedFiles?|RichMedia|XFA|GoToR|GoToE|SubmitForm|ImportData|Encrypt)(?![A-Za-z0-9])"
)
"""Names of what runs, opens, sends or hides something (ISO 32000-1, 7.6, 7.11, 12.6.4, 12.7.8, 13.6)."""


class Unfit(Exception):
    """The file is not of a type that is kept, or not whole. The text says what to do."""


class Bounds(NamedTuple):
    """What a file may take."""

    max_pixels: int
    cpu_s: int
    """Seconds of a processor to look at it."""


OF_STAFF: Final = Bounds(100_000_000, 30)
"""Phones take up to 50 million pixels, some 108 in a mode of its own. A WebP of more than 40 million takes more memory
than its process may, which is refused likewise. A PNG of 100 million pixels of one colour took 1 s."""
OF_ANYBODY: Final = Bounds(4_000_000, 2)
"""The form sends 1,600 × 1,600 pixels at most: a hundredth of a second. A JPEG of many empty scans takes 3 s for each
250 KB."""


class Inspected(BaseModel):
    """What a file turned out to be."""

    model_config = ConfigDict(frozen=True)

    media_type: MediaType
    width: int | None = None
    height: int | None = None
    claims: Claims | None = None
    thumbnail: str | None = None
    """A JPEG, base64; none of a PDF."""


def inspect(file: BinaryIO, bounds: Bounds = OF_STAFF) -> Inspected:
    """Read the file from its beginning. Raises Unfit."""
    head = file.read(16)
    file.seek(0)
    if not head:
        raise Unfit("the file is empty: send it again")
    media_type = _type_of(head)
    if media_type is MediaType.PDF:
        _check_pdf(file.read())
        return Inspected(media_type=media_type)
    return _picture(file, media_type, bounds.max_pixels)


def _type_of(head: bytes) -> MediaType:
    for beginning, media_type in _BEGINNINGS:
        if head.startswith(beginning):
            return media_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return MediaType.WEBP
    if head[4:8] == b"ftyp":
        raise Unfit("is HEIC, AVIF or a video: send a JPEG (iPhone: Settings, Camera, Formats, Most Compatible)")
    raise Unfit("is no JPEG, PNG, WebP or PDF by its content: send one of these")


def _picture(file: BinaryIO, media_type: MediaType, max_pixels: int) -> Inspected:
    name = media_type.name
    Image.MAX_IMAGE_PIXELS = None  # looked at below, before anything is decoded
    try:
        with Image.open(file, formats=[name, "MPO"] if media_type is MediaType.JPEG else [name]) as picture:
            width, height = picture.size
            if width * height > max_pixels or max(width, height) > MAX_SIDE:
                raise Unfit(f"has {width:,} × {height:,} pixels, {max_pixels // 1_000_000} million are kept: shrink it")
            claims = _claims(picture)
            turned = _is_turned(picture)
            picture.draft("RGB", THUMBNAIL)  # a JPEG is decoded to its end, at a fraction of the size
            picture.load()
            small = _thumbnail(picture)
    except Unfit:
        raise
    except MemoryError as exc:
        raise Unfit("takes more memory than a picture may: shrink it") from exc
    except Exception as exc:  # a hostile file fails anywhere in a decoder
        raise Unfit(f"is no whole {name}, it was cut off or changed: send it again") from exc
    size = (height, width) if turned else (width, height)
    return Inspected(
        media_type=media_type, width=size[0], height=size[1], claims=claims, thumbnail=b64encode(small).decode()
    )


def _is_turned(picture: Image.Image) -> bool:
    """Whether its sides change places when it is looked at."""
    with suppress(Exception):  # as of any metadata
        return picture.getexif().get(ExifTags.Base.Orientation) in {5, 6, 7, 8}
    return False


def _thumbnail(picture: Image.Image) -> bytes:
    picture.thumbnail(THUMBNAIL)
    with suppress(Exception):  # the orientation is metadata too
        picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith(("I", "F")):
        picture = picture.convert("L")
    flat = Image.new("RGB", picture.size, "white")
    shown = picture.convert("RGBA")
    flat.paste(shown, mask=shown)
    target = BytesIO()
    flat.save(target, "JPEG", quality=_QUALITY)
    return target.getvalue()


def _claims(picture: Image.Image) -> Claims | None:
    """What stands in EXIF; nothing of it is needed, so whatever cannot be read is left out."""
    found = Claims()
    with suppress(Exception):
        exif = picture.getexif()
        details, place = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
        lat, lon = _degrees(place, 1, 2, "S", 90), _degrees(place, 3, 4, "W", 180)
        found = Claims(
            taken=_taken(details),
            lat=lat if lon is not None else None,
            lon=lon if lat is not None else None,
            camera=_visible(f"{exif.get(ExifTags.Base.Make, '')} {exif.get(ExifTags.Base.Model, '')}"),
        )
    return None if found == Claims() else found


def _taken(details: dict[int, Any]) -> str | None:
    match = _TAKEN.fullmatch(str(details.get(ExifTags.Base.DateTimeOriginal, "")).strip())
    if match is None:
        return None
    offset = str(details.get(ExifTags.Base.OffsetTimeOriginal, "")).strip()
    return f"{match[1]}-{match[2]}-{match[3]}T{match[4]}{offset if _OFFSET.fullmatch(offset) else ''}"


def _degrees(place: dict[int, Any], ref: int, value: int, negative: str, most: int) -> float | None:
    if value not in place:
        return None
    degrees, minutes, seconds = (float(part) for part in place[value])
    found = degrees + minutes / 60 + seconds / 3_600
    if not 0 <= found <= most:
        return None
    return round(-found if str(place.get(ref, "")).upper().startswith(negative) else found, 6)


def _visible(text: str) -> str | None:
    shown = " ".join("".join(char for char in text if unseen_character(char) is None).split())
    return shown[:_MAX_TEXT] or None


def _check_pdf(content: bytes) -> None:
    """Raises Unfit. What a file hides behind other filters stays hidden: no PDF is ever shown in place."""
    if not re.match(rb"%PDF-[12]\.\d", content):
        raise Unfit("is no PDF of a known version: save it again as PDF")
    end = content[-_END_OF_PDF:]
    if b"%%EOF" not in end or b"startxref" not in end:
        raise Unfit("is no whole PDF, its end is missing: send it again")
    for part in chain((content,), _inflated(content)):
        found = _RUNS.search(_ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode()), part))
        if found is None:
            continue
        if found[1] == b"Encrypt":
            raise Unfit("is an encrypted PDF, which cannot be checked: save it without a password")
        raise Unfit(f"is a PDF with /{found[1].decode()}, which may run or send something: print it to a new PDF")


def _inflated(content: bytes) -> Iterator[bytes]:
    """The object streams, in which a PDF may keep its objects compressed. Raises Unfit."""
    left, to_read = _MAX_INFLATED, len(content)
    streams, view = 0, memoryview(content)
    for match in _STREAM.finditer(content):
        head = content[max(0, match.start() - 512) : match.start()]
        if _OBJECT_STREAM.search(head[head.rfind(b"obj") :] if b"obj" in head else head) is None:
            continue
        streams += 1
        found, read = _inflate(view[match.end() :], left)
        left, to_read = left - len(found), to_read - read
        if left <= 0 or to_read < 0 or streams > _MAX_STREAMS:
            raise Unfit("is a PDF that grows beyond all bounds when it is read: print it to a new PDF")
        yield found


def _inflate(packed: memoryview, most: int) -> tuple[bytes, int]:
    """What it holds, `most` bytes of it, and how many bytes were read for that; up to where it is spoiled."""
    stream, found, read = zlib.decompressobj(), bytearray(), 0
    while read < len(packed) and not stream.eof and len(found) < most:
        piece = packed[read : read + _PIECE]
        try:
            found += stream.decompress(piece, most - len(found))
        except zlib.error:
            break
        read += len(piece) - len(stream.unused_data)
    return bytes(found), read
