"""What a file is, by its content: honest files pass, hostile ones are refused with what to do."""

import struct
import subprocess
import zlib
from base64 import b64decode
from io import BytesIO
from pathlib import Path
from random import Random

import pytest
from PIL import Image

from rules.attachments.inspection import OF_ANYBODY, OF_STAFF, THUMBNAIL, Bounds, Unfit, inspect
from rules.attachments.inspection_process import COMMAND, inspect_apart
from rules.attachments.model import MediaType
from tests.rules.attachments.pictures import (
    PLACE,
    SECRET,
    document,
    document_with,
    many_scans,
    object_stream,
    photo,
    png,
)


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (photo("JPEG"), MediaType.JPEG),
        (photo("JPEG", mode="CMYK"), MediaType.JPEG),
        (photo("JPEG", progressive=True), MediaType.JPEG),
        (photo("PNG"), MediaType.PNG),
        (photo("PNG", mode="I;16", exif=False), MediaType.PNG),
        (photo("PNG", mode="P", exif=False), MediaType.PNG),
        (photo("WEBP", mode="RGBA"), MediaType.WEBP),
    ],
    ids=["jpeg", "cmyk", "progressive", "png", "16 bit", "palette", "webp"],
)
def test_a_picture_is_decoded_and_made_small_without_what_it_says_of_itself(
    content: bytes, media_type: MediaType
) -> None:
    found = inspect(BytesIO(content))
    assert found.media_type is media_type
    small = b64decode(found.thumbnail or "")
    with Image.open(BytesIO(small)) as picture:
        assert picture.format == "JPEG"
        assert max(picture.size) <= max(THUMBNAIL)
        assert dict(picture.getexif()) == {}
        assert (found.width, found.height) in {(640, 480), (480, 640)}
        assert (picture.width > picture.height) == (found.width == 640), "it is turned as it is looked at"
    assert SECRET.split()[0].encode() not in small


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_what_a_photo_says_is_read(name: str) -> None:
    claims = inspect(BytesIO(photo(name))).claims
    assert claims is not None
    assert (claims.taken, claims.camera) == ("2026-03-01T16:04:11+08:00", SECRET)
    assert (claims.lat, claims.lon) == pytest.approx(PLACE, abs=1e-5)


def test_a_photo_that_says_nothing_has_no_claims() -> None:
    assert inspect(BytesIO(photo(exif=False))).claims is None


def test_several_pictures_in_one_jpeg_are_a_photo() -> None:
    """As phones write them, with a second picture for depth."""
    target = BytesIO()
    first, second = (Image.effect_noise((64, 48), 60).convert("RGB") for _ in range(2))
    first.save(target, "MPO", save_all=True, append_images=[second])
    assert inspect(BytesIO(target.getvalue())).media_type is MediaType.JPEG


@pytest.mark.parametrize("content", [document(), document(3), document_with(object_stream(b"<< /Type /Catalog >>"))])
def test_a_plain_pdf_is_a_document(content: bytes) -> None:
    found = inspect(BytesIO(content))
    assert (found.media_type, found.thumbnail, found.width) == (MediaType.PDF, None, None)


LONG = b"/Launch " + Random(1).randbytes(20_000).hex().encode()


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b"", "empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "no JPEG"),
        (b"<html>" + document(), "no JPEG"),
        (b"GIF89a" + b"\0" * 64, "no JPEG"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 64, "HEIC"),
        (photo()[:-200], "no whole JPEG"),
        (photo("PNG")[:-2_000], "no whole PNG"),
        (photo("WEBP")[:-200], "no whole WEBP"),
        (b"\xff\xd8\xff<script>alert(1)</script>", "no whole JPEG"),
        (b"\x89PNG\r\n\x1a\n" + photo("JPEG"), "no whole PNG"),
        (png(30_000, 30_000), f"{OF_STAFF.max_pixels // 1_000_000} million"),
        (png(2_000_000_000, 1, b"\0"), "pixels"),
        (b"%PDF-1.7\n<script>alert(1)</script>", "its end is missing"),
        (b"%PDF-<html>", "no PDF of a known version"),
        (document()[:-300], "its end is missing"),
        (document_with(b"9 0 obj <</S /JavaScript /JS (app.alert(1))>> endobj\n"), "/JavaScript"),
        (document_with(b"9 0 obj <</S /J#61vaScript>> endobj\n"), "/JavaScript"),
        (document_with(b"9 0 obj <</S /Launch /F (cmd.exe)>> endobj\n"), "/Launch"),
        (document_with(b"9 0 obj <</Names << /EmbeddedFiles 3 0 R>> >> endobj\n"), "/EmbeddedFiles"),
        (document_with(object_stream(b"<</S /JavaScript /JS (x)>>")), "/JavaScript"),
        (document_with(object_stream(LONG)[:-22] + b"spoiled"), "/Launch"),
        (document_with(object_stream(b"\0" * (70 << 20))), "beyond all bounds"),
        (document(encrypt="secret"), "without a password"),
    ],
    ids=[
        "empty", "svg", "html before pdf", "gif", "heic", "cut jpeg", "cut png", "cut webp", "script as jpeg",
        "jpeg as png", "bomb", "wide bomb", "html as pdf", "html in the version", "cut pdf", "javascript", "escaped",
        "launch", "embedded", "packed javascript", "packed and spoiled", "packed bomb", "encrypted",
    ],
)  # fmt: skip
def test_what_is_not_whole_or_may_run_is_refused(content: bytes, hint: str) -> None:
    with pytest.raises(Unfit, match=hint):
        inspect(BytesIO(content))


EMPTY_STREAM = b"obj/ObjStm stream\n"
DEFLATED = EMPTY_STREAM + b"\x78\x01"
STORED = struct.pack("<BHH", 0, len(DEFLATED), 0xFFFF - len(DEFLATED)) + DEFLATED
"""A block of a deflated stream, in which the next stream begins."""


@pytest.mark.parametrize(
    "objects", [EMPTY_STREAM * 10_001, DEFLATED + STORED * 2_000], ids=["many streams", "streams in one another"]
)
def test_a_pdf_that_is_read_again_and_again_is_refused(objects: bytes) -> None:
    with pytest.raises(Unfit, match="beyond all bounds"):
        inspect(BytesIO(document_with(objects)))


def test_no_stream_of_a_pdf_costs_the_rest_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []

    class Counted:
        def __init__(self) -> None:
            self._stream = decompressobj()

        def __getattr__(self, name: str) -> object:
            return getattr(self._stream, name)

        def decompress(self, data: bytes, most: int) -> bytes:
            taken.append(len(data))
            return self._stream.decompress(data, most)

    decompressobj = zlib.decompressobj
    monkeypatch.setattr("rules.attachments.inspection.zlib.decompressobj", Counted)
    content = document_with(EMPTY_STREAM * 5 + object_stream(b"<< /Type /Catalog >>") + b"%" * 10_000_000)
    assert inspect(BytesIO(content)).media_type is MediaType.PDF
    assert len(taken) == 6
    assert sum(taken) < 1_000_000


def test_a_process_of_its_own_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(photo())
    with path.open("rb") as file:
        assert inspect_apart(file) == inspect(BytesIO(photo()))
    path.write_bytes(png(30_000, 30_000))
    with path.open("rb") as file, pytest.raises(Unfit, match="million"):
        inspect_apart(file)


def test_a_process_that_dies_is_an_unfit_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "photo"
    path.write_bytes(photo())
    dies = (COMMAND[0], "-c", "import os; os.kill(os.getpid(), 9)")
    monkeypatch.setattr("rules.attachments.inspection_process.COMMAND", dies)
    with path.open("rb") as file, pytest.raises(Unfit, match="more time or memory"):
        inspect_apart(file)


def test_the_process_gets_no_secret_and_no_more_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It prints what it sees in place of looking at a file."""
    monkeypatch.setenv("HAULWATCH_API_TOKEN", "write-token-for-tests")
    seen = (
        "import os, resource, rules.attachments.inspection_process as p; p._make_modest(30); "
        "print([n for n in os.environ if n.startswith('HAULWATCH')], resource.getrlimit(resource.RLIMIT_DATA)[0])"
    )
    asked: list[bytes] = []
    run = subprocess.run

    def noted(*args: object, **kwargs: object) -> object:
        done = run(*args, **kwargs)  # type: ignore[call-overload]
        asked.append(done.stdout)
        return done

    monkeypatch.setattr("rules.attachments.inspection_process.subprocess.run", noted)
    monkeypatch.setattr("rules.attachments.inspection_process.COMMAND", (COMMAND[0], "-c", seen))
    path = tmp_path / "photo"
    path.write_bytes(photo())
    with path.open("rb") as file, pytest.raises(Unfit):
        inspect_apart(file)
    assert asked == [f"[] {768 << 20}\n".encode()]


def test_a_photo_of_anybody_has_few_pixels_and_little_time(tmp_path: Path) -> None:
    assert inspect(BytesIO(photo(size=(1_600, 1_600))), OF_ANYBODY).width == 1_600
    with pytest.raises(Unfit, match="4 million"):
        inspect(BytesIO(photo(size=(2_001, 2_000), exif=False)), OF_ANYBODY)
    path = tmp_path / "photo"
    path.write_bytes(many_scans(1_984, 40_000))
    with path.open("rb") as file, pytest.raises(Unfit, match="more time or memory"):
        inspect_apart(file, Bounds(OF_ANYBODY.max_pixels, 1))
