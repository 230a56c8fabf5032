"""Shelves: alerts that a person keeps from calling people, until when and why."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from api.access.acting import ACTOR, acting_name
from api.access.auditing import PERSONAL
from api.access.authentication import CurrentCaller
from api.access.roles import OPERATORS, VIEWERS
from api.access.visible import Parts
from api.http.instants import Instant
from api.http.openapi import answer, problems
from api.http.problems import WRITE_REFUSED, ProblemKind, invalid, not_found
from api.ports import ApiParts
from devices.readings.ids import DEVICE_ID_PATTERN
from devices.readings.text import ShortText
from rules.alerts.actions import AlertFilter
from rules.alerts.shelves import MAX_REASON, NewShelf, Shelf, ShelfRefused, UnknownShelf
from rules.catalogue import rule_names

router = APIRouter(prefix="/shelves", tags=["alerts"], dependencies=[*PERSONAL, *VIEWERS])

_EXAMPLE: Final = {
    "no": 4,
    "rule": "bin_overflow",
    "subject": "point-007",
    "reason": "Lid is being repaired, ticket 1182",
    "shelved_by": "li.wei",
    "shelved_at": 1_790_000_000_000,
    "until": 1_790_028_800_000,
    "ended_by": None,
    "ended_at": None,
}
_READ: Final = (ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.UNAVAILABLE)
_WRITE: Final = (*_READ, ProblemKind.BAD_REQUEST, *WRITE_REFUSED, ProblemKind.TOO_LARGE)


class ShelfBody(BaseModel):
    """What is to be shelved."""

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "rule": "bin_overflow",
                    "subject": "point-007",
                    "until": "2026-12-01T18:00:00+08:00",
                    "actor": "li.wei",
                    "reason": "Lid is being repaired, ticket 1182",
                }
            ]
        },
    )

    rule: str | None = Field(None, description="Default: every rule of the subject")
    subject: Annotated[str, Field(pattern=DEVICE_ID_PATTERN)] | None = Field(
        None, description="Device id. Default: every device, and then alerts of severity P1 are not shelved"
    )
    until: Instant = Field(description="At most 7 days from now")
    actor: ShortText | None = Field(None, description=ACTOR)
    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON, pattern=r"^[^\x00]*$")]


class EndBody(BaseModel):
    """A shelf is to be over before its time."""

    model_config = ConfigDict(
        extra="forbid", str_strip_whitespace=True, frozen=True, json_schema_extra={"examples": [{"actor": "li.wei"}]}
    )

    actor: ShortText | None = Field(None, description=ACTOR)


@router.get(
    "",
    summary="Shelves",
    response_model=list[Shelf],
    responses=answer("Shelves, newest first", [_EXAMPLE]) | problems(*_READ),
)
def find_shelves(
    parts: Parts,
    standing: Annotated[bool, Query(description="false: also those that are over")] = True,
    limit: Annotated[int, Query(ge=1, le=1_000, description="At most so many")] = 200,
) -> list[Shelf]:
    """What is shelved now: rule, device, until when, by whom and why."""
    if standing:
        return parts.shelves.standing_after(parts.now())[::-1][:limit]
    return parts.shelves.newest(limit)


@router.post(
    "",
    summary="Shelve alerts",
    response_model=Shelf,
    status_code=201,
    dependencies=OPERATORS,
    responses=answer("The shelf", _EXAMPLE, status=201) | problems(*_WRITE),
)
def shelve(parts: Parts, caller: CurrentCaller, body: ShelfBody) -> Shelf:
    """Keep alerts of a rule, of a device, or of a rule on a device from calling people, until a time.

    They are judged, journaled and listed all the while, with `shelved_until`, and are not published over MQTT. Those
    that are still open when the shelf is over are published then. A shelf of a rule alone leaves alerts of severity P1
    through.
    """
    if body.rule is not None and body.rule not in rule_names():
        raise invalid("body.rule", "give the name of a rule: `GET /api/v1/rules` lists them")
    if body.subject is not None and not _exists(parts, body.subject):
        raise invalid("body.subject", "give a registered device, or the subject of an alert")
    new = NewShelf(
        rule=body.rule,
        subject=body.subject,
        reason=body.reason,
        shelved_by=acting_name(caller, body.actor),
        shelved_at=parts.now(),
        until=body.until,
    )
    try:
        return parts.shelves.add(new)
    except ShelfRefused as exc:
        raise invalid(f"body.{exc.field}", exc.hint) from exc


@router.post(
    "/{number}/end",
    summary="End a shelf",
    response_model=Shelf,
    dependencies=OPERATORS,
    responses=answer("The shelf", _EXAMPLE | {"ended_by": "li.wei", "ended_at": 1_790_003_600_000})
    | problems(*_WRITE, ProblemKind.NOT_FOUND),
)
def end_shelf(
    parts: Parts, caller: CurrentCaller, number: Annotated[int, Path(ge=1, le=2**31 - 1)], body: EndBody
) -> Shelf:
    """End a shelf before its time: what it held and is still open is published. One that is over stays as it is."""
    try:
        return parts.shelves.end(number, acting_name(caller, body.actor), parts.now())
    except UnknownShelf as exc:
        raise not_found("Shelf", str(number), "GET /api/v1/shelves lists them") from exc


def _exists(parts: ApiParts, subject: str) -> bool:
    if subject in parts.city().devices:
        return True
    return bool(parts.journal.alerts(AlertFilter(subject=subject), limit=1).items)
