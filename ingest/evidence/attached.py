"""The photos and documents of an alert, as a pack holds them: the bytes as they came, and a list that says whose.

attachments/attachments.json        every attachment there ever was, those that were removed among them
attachments/001-5f3c0a9be1d24477.jpg
"""

import json
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final, NamedTuple, Protocol

from rules.attachments.model import SUFFIXES, Attachment, Owner, OwnerKind, SpoiledAttachment

FOLDER: Final = "attachments/"
LIST_FILE: Final = f"{FOLDER}attachments.json"


class Attachments(Protocol):
    """The part of `rules.attachments.store.AttachmentStore` that is needed. Raises DatabaseError."""

    def attachments(self, owner: Owner) -> Sequence[Attachment]: ...

    def open(self, one: Attachment) -> BinaryIO:
        """Raises SpoiledAttachment."""


class Held(NamedTuple):
    """One attachment, with its bytes where they are there."""

    attachment: Attachment
    content: bytes | None = None
    why_not: str = ""
    """Why they are not there; empty: they were removed."""


def held_of(store: Attachments, alert_id: str) -> list[Held]:
    """Those of an alert, oldest first. A file that was changed on disk is named, and left out."""
    return [_held(store, one) for one in store.attachments(Owner(OwnerKind.ALERT, alert_id))]


def _held(store: Attachments, one: Attachment) -> Held:
    if one.is_removed:
        return Held(one)
    try:
        with store.open(one) as file:
            return Held(one, file.read())
    except SpoiledAttachment as exc:
        return Held(one, why_not=exc.why)


def attachment_files(held: Sequence[Held]) -> dict[str, bytes]:
    """The files by name; none where there never was an attachment."""
    if not held:
        return {}
    named = [(_name(number, one) if one.content is not None else None, one) for number, one in enumerate(held, 1)]
    entries = [
        {"file": name, **one.attachment.model_dump(mode="json"), **({"left_out": one.why_not} if one.why_not else {})}
        for name, one in named
    ]
    listed = (json.dumps(entries, ensure_ascii=False, indent=1) + "\n").encode()
    return {LIST_FILE: listed} | {name: one.content for name, one in named if name and one.content is not None}


def attachment_notes(held: Sequence[Held]) -> Iterator[str]:
    """What whoever reads the pack must not overlook."""
    for one in held:
        name, removed_by = one.attachment.name, one.attachment.removed_by
        if one.why_not:
            yield f"the attachment {name!r} is left out: it {one.why_not}"
        elif removed_by is not None:
            yield f"the attachment {name!r} was removed by {removed_by}: {one.attachment.removed_reason}"


def _name(number: int, one: Held) -> str:
    """Names of people have any characters; those in a pack have none that a program could stumble over."""
    return f"{FOLDER}{number:03}-{one.attachment.id}{SUFFIXES[one.attachment.media_type][0]}"
