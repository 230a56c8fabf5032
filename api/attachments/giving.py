"""Gives a file to a client so that no browser runs anything of it, whatever it holds."""

from collections.abc import Iterator
from typing import BinaryIO, Final
from urllib.parse import quote

from fastapi import Response
from fastapi.responses import StreamingResponse

from api.attachment_ports import Attachments
from api.http.problems import ProblemKind, RequestRefused, not_found
from rules.attachments.model import Attachment, MediaType, Owner, SpoiledAttachment, UnknownAttachment

_CHUNK: Final = 1 << 18
_INERT: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}
_HINT: Final = "the list of attachments names those that are there"


def found(attachments: Attachments, owner: Owner, attachment_id: str) -> Attachment:
    """Raises RequestRefused: there is none, or it was removed."""
    try:
        return attachments.attachment(owner, attachment_id)
    except UnknownAttachment as exc:
        raise no_attachment(attachment_id) from exc


def no_attachment(attachment_id: str) -> RequestRefused:
    return not_found("Attachment", attachment_id, _HINT)


def no_owner(owner: Owner) -> RequestRefused:
    """The answer where the caller sees the owner no more: it changed since its route looked."""
    return not_found(owner.kind.capitalize(), owner.id, f"look at the {owner.kind} again")


def file_response(attachments: Attachments, one: Attachment) -> Response:
    """The bytes as they were attached, to be saved and not shown. Raises RequestRefused: they were changed."""
    try:
        file = attachments.open(one)
    except SpoiledAttachment as exc:
        raise spoiled(exc) from exc
    headers = _INERT | {
        "Content-Disposition": disposition(one.name),
        "Content-Length": str(one.size_bytes),
        "X-Content-SHA256": one.sha256,
    }
    return StreamingResponse(chunks_of(file), media_type=one.media_type, headers=headers)


def thumbnail_response(attachments: Attachments, one: Attachment) -> Response:
    """A small picture, made anew without metadata. Raises RequestRefused."""
    try:
        content = attachments.thumbnail(one)
    except SpoiledAttachment as exc:
        raise spoiled(exc) from exc
    if content is None:
        raise not_found("Thumbnail of", one.id, "documents have none")
    return Response(content, media_type=MediaType.JPEG, headers=_INERT)


def spoiled(exc: SpoiledAttachment) -> RequestRefused:
    """The answer in place of a file that is not what was attached."""
    detail = f"{exc.name!r} {exc.why}. It is not given out. An administrator runs `haulwatch doctor`."
    return RequestRefused(ProblemKind.SPOILED, detail)


def disposition(name: str) -> str:
    """The header that lets a browser save a file under its name (RFC 6266)."""
    plain = "".join(char if (char.isascii() and char.isalnum()) or char in "-_. " else "_" for char in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def chunks_of(file: BinaryIO) -> Iterator[bytes]:
    """A file in pieces; it is closed at its end."""
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk
