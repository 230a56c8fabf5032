"""What is left of a JPEG draws the same picture, and says nothing of its camera and place."""

from io import BytesIO

import pytest
from PIL import Image, ImageCms

from rules.attachments.inspection import inspect
from rules.attachments.jpeg import NoJpeg, without_metadata
from tests.rules.attachments.pictures import photo

XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>made by SECRET</x:xmpmeta>"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def pixels(content: bytes) -> bytes:
    with Image.open(BytesIO(content)) as picture:
        return picture.tobytes()


@pytest.mark.parametrize(
    "content",
    [
        photo(),
        photo(progressive=True),
        photo(mode="CMYK"),
        photo(xmp=XMP, comment=b"SECRET"),
        photo(icc_profile=PROFILE),
        photo(exif=False),
        photo(restart_marker_rows=1),
    ],
    ids=["exif", "progressive", "cmyk", "xmp and comment", "profile", "nothing", "restarts"],
)
def test_the_picture_stays_and_what_it_says_goes(content: bytes) -> None:
    kept = without_metadata(content)
    assert pixels(kept) == pixels(content)
    with Image.open(BytesIO(kept)) as picture:
        assert not picture.getexif()
        assert picture.info.get("icc_profile") == (PROFILE if PROFILE in content else None)
    assert inspect(BytesIO(kept)).claims is None
    for word in (b"HUAWEI", b"SECRET", b"Exif"):
        assert word not in kept
    assert without_metadata(kept) == kept


def test_what_follows_the_first_picture_goes() -> None:
    """Phones append a second one, with metadata of its own."""
    target = BytesIO()
    first, second = (Image.open(BytesIO(photo(size=(64 + n, 48)))) for n in range(2))
    first.save(target, "MPO", save_all=True, append_images=[second], exif=first.getexif())
    content = target.getvalue() + b"SECRET"
    kept = without_metadata(content)
    assert pixels(kept) == pixels(content)
    assert (kept.count(b"\xff\xd8\xff"), b"HUAWEI" in content, b"HUAWEI" in kept, b"SECRET" in kept) == (
        1, True, False, False,
    )  # fmt: skip


@pytest.mark.parametrize("at", [0, 1, 2, 3, 5, 20, 200, -2, -1])
def test_what_is_cut_off_is_refused(at: int) -> None:
    with pytest.raises(NoJpeg):
        without_metadata(photo()[:at])


def test_bytes_between_segments_are_refused() -> None:
    """Decoders pass over them, with whatever they hide."""
    content = photo(exif=False)
    with pytest.raises(NoJpeg, match="no marker"):
        without_metadata(content[:2] + b"SECRET" + content[2:])
