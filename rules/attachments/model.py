"""Attachments as they are kept and shown.

AttachmentError
├── AttachmentRefused    what was sent cannot be kept; names the field and says what to do
├── UnknownAttachment    the owner has none of this id, or it was removed
├── SpoiledAttachment    the file is missing or is not what was attached; names it
└── NoRoom               the disk has no room for files now
"""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from devices.errors import OperatorError
from devices.readings.text import unseen_character

MAX_NAME: Final = 120
"""Characters of a file name."""
MAX_REASON: Final = 500


class AttachmentError(OperatorError):
    """An attachment cannot be kept or given; base class."""


class AttachmentRefused(AttachmentError):
    """What was sent cannot be kept."""

    def __init__(self, field: str, hint: str) -> None:
        super().__init__(f"{field}: {hint}")
        self.field, self.hint = field, hint


class UnknownAttachment(AttachmentError):
    """The owner has no attachment of this id, or its file was removed."""


class SpoiledAttachment(AttachmentError):
    """The file of an attachment is missing, or its bytes are not those that were attached."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name!r} {why}: restore attachments/ of the data directory from a backup")
        self.name, self.why = name, why


class NoRoom(AttachmentError):
    """The disk has no room for files now."""


class OwnerKind(StrEnum):
    """What attachments can belong to."""

    ALERT = "alert"
    CASE = "case"
    REPORT = "report"


class Owner(NamedTuple):
    """One alert, case or report."""

    kind: OwnerKind
    id: str
    """At most 64 characters."""


class MediaType(StrEnum):
    """The types that are kept: no type that a browser runs."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    PDF = "application/pdf"


SUFFIXES: Final = {
    MediaType.JPEG: (".jpg", ".jpeg"),
    MediaType.PNG: (".png",),
    MediaType.WEBP: (".webp",),
    MediaType.PDF: (".pdf",),
}
"""How the names of each type end; the first is given where none of them stands."""


class Claims(BaseModel):
    """What a photo says of itself (EXIF). Anybody can write it, and a camera's clock may be wrong: no proof."""

    model_config = ConfigDict(frozen=True)

    taken: str | None = Field(None, description="When it was taken, ISO 8601; without an offset in an unknown zone")
    lat: float | None = Field(None, description="Where, WGS-84")
    lon: float | None = None
    camera: str | None = Field(None, description="Make and model")


class Attachment(BaseModel):
    """One photo or document. Times are wall clock, ms since 1970 UTC."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="16 hex digits")
    owner_kind: OwnerKind
    owner_id: str
    name: str = Field(description="Name of the file, cleaned; it ends as its type does")
    media_type: MediaType = Field(description="By its content")
    size_bytes: int
    sha256: str = Field(description="Of its bytes, hex")
    width: int | None = Field(None, description="Pixels of a picture, as it is looked at")
    height: int | None = None
    claims: Claims | None = Field(None, description="What the file says of itself; null once it was removed")
    added_by: str
    added_at: int
    removed_by: str | None = Field(None, description="Who removed its bytes; the entry stays")
    removed_at: int | None = None
    removed_reason: str | None = None

    @property
    def owner(self) -> Owner:
        return Owner(self.owner_kind, self.owner_id)

    @property
    def is_removed(self) -> bool:
        return self.removed_at is not None


class Removal(BaseModel):
    """Who removes an attachment, when and why."""

    model_config = ConfigDict(frozen=True)

    removed_by: Annotated[str, Field(min_length=1, max_length=64)]
    removed_at: int
    removed_reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON)]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept."""

    file_bytes: int = 20 << 20
    owner_files: int = 30
    owner_bytes: int = 100 << 20
    all_bytes: int = 10 << 30


def cleaned_name(name: str, media_type: MediaType) -> str:
    """The name of a file as it may be shown and written: no folders, nothing invisible, the ending of its type."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    seen = "".join(char for char in last if unseen_character(char) is None and char not in '<>:"|?*\ufe0e\ufe0f')
    seen = " ".join(seen.split()).strip(". ")
    suffixes = SUFFIXES[media_type]
    stem, dot, suffix = seen.rpartition(".")
    if not dot or f".{suffix.lower()}" not in suffixes:
        stem, suffix = seen, suffixes[0][1:]
    kept = stem[: MAX_NAME - len(suffix) - 1].rstrip(". ") or "file"
    return f"{kept}.{suffix}"
