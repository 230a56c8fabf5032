"""Receives a file as the body of a request: streamed to disk, bounded, a few at a time and two of one caller."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, Final

from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

from api.access.authentication import CurrentCaller
from api.access.caller import Caller
from api.attachment_ports import Attachments
from api.attachments.giving import no_owner
from api.attachments.turns import Turns
from api.http.files import LONGEST_S
from api.http.problems import ProblemKind, RequestRefused, invalid
from rules.attachments.files import Incoming
from rules.attachments.model import AttachmentRefused, MediaType, NoRoom, Owner, UnknownAttachment
from rules.attachments.store import Added

MOST: Final = 16
"""Uploads at once: each holds a connection and a file, hardly any memory."""
OF_ONE: Final = 2
RETRY_AFTER_S: Final = 5
BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "The bytes of the file. Its type is found by its content; the header Content-Type is not needed",
        "content": {
            str(media_type): {"schema": {"type": "string", "format": "binary"}}
            for media_type in (*MediaType, "application/octet-stream")
        },
    }
}
"""`openapi_extra` of a route that receives a file."""


class Uploads:
    """Who is sending files to this server now."""

    def __init__(self) -> None:
        self._of: Counter[tuple[str, str]] = Counter()
        self.turns = Turns()

    def begin(self, caller: Caller) -> None:
        """Raises RequestRefused: there are too many."""
        if self._of.total() >= MOST or self._of[_who(caller)] >= OF_ONE:
            raise RequestRefused(
                ProblemKind.TOO_BUSY,
                f"This server receives {MOST} files at a time, and {OF_ONE} of one caller. Send one after the other; "
                f"try again in {RETRY_AFTER_S} s.",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        self._of[_who(caller)] += 1

    def end(self, caller: Caller) -> None:
        self._of[_who(caller)] -= 1
        self._of += Counter()  # those that are at nought


def _who(caller: Caller) -> tuple[str, str]:
    return caller.kind, caller.name


async def _upload(request: Request, caller: CurrentCaller) -> AsyncIterator[None]:
    uploads: Uploads = request.app.state.uploads
    uploads.begin(caller)
    try:
        yield
    finally:
        uploads.end(caller)


UPLOAD: Final = [Depends(_upload, scope="function")]
"""Among the dependencies of a route that receives a file, after the role."""


async def received(
    request: Request, attachments: Attachments, owner: Owner, *, name: str, added_by: str, added_at: int
) -> Added:
    """Receive the body of the request and attach it. Raises RequestRefused."""
    incoming: Incoming | None = None
    try:
        incoming = await asyncio.to_thread(attachments.receive, owner)
        async with asyncio.timeout(LONGEST_S):
            async for chunk in request.stream():
                await asyncio.to_thread(incoming.write, chunk)
        uploads: Uploads = request.app.state.uploads
        async with uploads.turns.of_staff():
            return await asyncio.to_thread(attachments.add, owner, name, incoming, added_by, added_at)
    except AttachmentRefused as exc:
        raise invalid(exc.field, exc.hint) from exc
    except UnknownAttachment as exc:
        raise no_owner(owner) from exc
    except NoRoom as exc:
        raise RequestRefused(ProblemKind.NO_ROOM, str(exc)) from exc
    except TimeoutError as exc:
        detail = f"The file did not arrive within {LONGEST_S:.0f} s: send a smaller one, or over a faster network."
        raise RequestRefused(ProblemKind.BAD_REQUEST, detail) from exc
    except ClientDisconnect as exc:
        raise RequestRefused(
            ProblemKind.BAD_REQUEST, "The connection ended before the file did: send it again"
        ) from exc
    finally:
        if incoming is not None:
            await asyncio.to_thread(incoming.discard)
