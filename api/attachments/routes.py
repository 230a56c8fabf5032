"""The routes of attachments, the same for each kind of owner."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.params import Depends as Dependency
from pydantic import BaseModel, ConfigDict, Field

from api.access.acting import ACTOR, acting_name
from api.access.auditing import HANDED_OUT, PERSONAL
from api.access.authentication import CurrentCaller
from api.access.roles import OFFICERS, VIEWERS
from api.access.visible import Parts
from api.attachments.giving import file_response, found, no_attachment, no_owner, thumbnail_response
from api.attachments.receiving import BODY, UPLOAD, received
from api.http.openapi import answer, problems, text_answer
from api.http.problems import WRITE_REFUSED, ProblemKind
from devices.readings.text import ShortText
from rules.attachments.model import MAX_REASON, Attachment, MediaType, Owner, Removal, UnknownAttachment
from rules.cases.model import Reason

_EXAMPLE: Final[dict[str, Any]] = {
    "id": "5f3c0a9be1d24477",
    "owner_kind": "alert",
    "owner_id": "9f86d081884c7d65",
    "name": "现场照片.jpg",
    "media_type": "image/jpeg",
    "size_bytes": 2_481_336,
    "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    "width": 4_032,
    "height": 3_024,
    "claims": {"taken": "2026-03-01T16:04:11+08:00", "lat": 35.502313, "lon": 112.851274, "camera": "HUAWEI P60"},
    "added_by": "li.wei",
    "added_at": 1_772_352_300_000,
    "removed_by": None,
    "removed_at": None,
    "removed_reason": None,
}
_REMOVED: Final = _EXAMPLE | {
    "claims": None, "removed_by": "wang.fang", "removed_at": 1_772_438_700_000, "removed_reason": "Shows another truck",
}  # fmt: skip
_READ: Final = (ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.NOT_FOUND, ProblemKind.UNAVAILABLE)
_WRITE: Final = (*_READ, ProblemKind.BAD_REQUEST, *WRITE_REFUSED, ProblemKind.TOO_LARGE)

AttachmentPath = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", description="Attachment id: 16 hex digits")]
FileName = Annotated[
    str, Query(min_length=1, max_length=255, description="Name of the file; folders in it are dropped")
]
QueryActor = Annotated[ShortText | None, Query(description=ACTOR)]


class RemoveBody(BaseModel):
    """An attachment is to go."""

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        frozen=True,
        json_schema_extra={"examples": [{"reason": "Shows another truck"}]},
    )

    actor: ShortText | None = Field(None, description=ACTOR)
    reason: Annotated[Reason, Field(max_length=MAX_REASON)]


def attachment_router(
    prefix: str,
    path: str,
    what: str,
    owner_of: Callable[..., Owner],
    may_add: Sequence[Dependency],
    may_see: Sequence[Dependency] = VIEWERS,
) -> APIRouter:
    """The routes of one kind of owner.

    `path`: of one owner below `prefix`, with its id as a parameter of `owner_of`, a dependency that raises
    RequestRefused where the caller sees no such owner. `what`: the owner in a sentence. `may_add`, `may_see`: the
    roles for that.
    """
    router = APIRouter(prefix=prefix, tags=["attachments"], dependencies=[*PERSONAL, *may_see])
    place = f"{path}/attachments"
    owned = Annotated[Owner, Depends(owner_of)]

    @router.get(
        place,
        summary=f"Attachments of {what}",
        response_model=list[Attachment],
        responses=answer("Attachments, oldest first", [_EXAMPLE]) | problems(*_READ),
    )
    def attachments(parts: Parts, owner: owned) -> list[Attachment]:
        """Photos and documents that people added, and those that were removed since, with who did and why.

        `claims` is what a photo says of itself. Anybody can write it into a file: it is no proof.
        """
        try:
            return list(parts.attachments.attachments(owner))
        except UnknownAttachment as exc:
            raise no_owner(owner) from exc

    @router.post(
        place,
        summary=f"Attach a file to {what}",
        status_code=201,
        response_model=Attachment,
        dependencies=[*may_add, *UPLOAD],
        openapi_extra=BODY,
        responses=answer("The attachment", _EXAMPLE, status=201)
        | {200: {**answer("The owner has this file already", _EXAMPLE)[200], "model": Attachment}}
        | problems(*_WRITE, ProblemKind.TOO_BUSY, ProblemKind.NO_ROOM),
    )
    async def attach(
        request: Request,
        response: Response,
        parts: Parts,
        caller: CurrentCaller,
        owner: owned,
        name: FileName,
        actor: QueryActor = None,
    ) -> Attachment:
        """The body is the file: JPEG, PNG, WebP or PDF, by its content. Pictures are decoded to their end.

        The bytes are kept as they came, for evidence. A file that the owner has already is not added again: 200.
        """
        added_by = acting_name(caller, actor, "query.actor")
        added = await received(request, parts.attachments, owner, name=name, added_by=added_by, added_at=parts.now())
        if not added.is_new:
            response.status_code = 200
        return added.attachment

    @router.get(
        place + "/{attachment_id}",
        summary=f"An attachment of {what}",
        dependencies=HANDED_OUT,
        response_class=Response,
        responses=text_answer("The file as it was attached", "…", MediaType.JPEG)
        | problems(*_READ, ProblemKind.SPOILED),
    )
    def attachment(parts: Parts, owner: owned, attachment_id: AttachmentPath) -> Response:
        """The bytes as they came, metadata of a photo included. Each time is an entry of the audit trail.

        They are compared with their SHA-256 first: a file that was changed on disk is refused.
        """
        return file_response(parts.attachments, found(parts.attachments, owner, attachment_id))

    @router.get(
        place + "/{attachment_id}/thumbnail",
        summary=f"A small picture of an attachment of {what}",
        response_class=Response,
        responses=text_answer("A JPEG of at most 480 × 480 pixels, without metadata", "…", MediaType.JPEG)
        | problems(*_READ, ProblemKind.SPOILED),
    )
    def thumbnail(parts: Parts, owner: owned, attachment_id: AttachmentPath) -> Response:
        """Made anew from the photo. Documents have none: 404."""
        return thumbnail_response(parts.attachments, found(parts.attachments, owner, attachment_id))

    @router.post(
        place + "/{attachment_id}/remove",
        summary=f"Remove an attachment of {what}",
        response_model=Attachment,
        dependencies=OFFICERS,
        responses=answer("The attachment, without its bytes", _REMOVED) | problems(*_WRITE),
    )
    def remove(
        parts: Parts, caller: CurrentCaller, owner: owned, attachment_id: AttachmentPath, body: RemoveBody
    ) -> Attachment:
        """Its bytes go for good; the entry stays, with who removed it, when and why, also in evidence packs."""
        removed_by = acting_name(caller, body.actor)
        removal = Removal(removed_by=removed_by, removed_at=parts.now(), removed_reason=body.reason)
        try:
            return parts.attachments.remove(owner, attachment_id, removal)
        except UnknownAttachment as exc:  # also where somebody else removed it meanwhile
            raise no_attachment(attachment_id) from exc

    return router
