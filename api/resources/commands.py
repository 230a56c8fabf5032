"""Commands to devices: issue one, see what became of it."""

import secrets
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, RootModel

from api.http.guard import READERS, WRITERS
from api.http.openapi import answer, problems
from api.http.paging import Cursor, Page
from api.http.problems import ProblemKind, RequestRefused, invalid, not_found
from api.ports import Parts
from api.resources.alerts import Note
from api.resources.devices import DevicePath, known_device
from devices.commands.model import (
    ABILITIES,
    DEFAULT_TTL_S,
    ID_PATTERN,
    MAX_TTL_S,
    MIN_TTL_S,
    ORDER,
    Command,
    Locate,
    LockLift,
    Reboot,
    ReportInterval,
    issue,
)
from devices.commands.store import BadCursor, LockedOut
from devices.readings.text import ShortText

router = APIRouter(tags=["commands"], dependencies=READERS)

MAX_COMMANDS: Final = 200

CommandPath = Annotated[
    str, Path(pattern=ID_PATTERN, description="Command id: 16 hex digits", examples=["3f0a9c51be7d2846"])
]


class _Issued(BaseModel):
    """Named last among the bases below: the configuration of the last one counts."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)

    actor: ShortText = Field(description="Who acts. The token says that a client may write, this says for whom")
    note: Note | None = None
    ttl_s: int = Field(
        DEFAULT_TTL_S, ge=MIN_TTL_S, le=MAX_TTL_S, description="A device that hears it later than this does not obey, s"
    )


class ReportIntervalBody(ReportInterval, _Issued):
    """Report this often. The registry's interval, by which silence is judged, stays as it is."""


class RebootBody(Reboot, _Issued):
    """Start again."""


class LocateBody(Locate, _Issued):
    """Report a position at once (trucks)."""


class LockLiftBody(LockLift, _Issued):
    """Keep the bed from being raised, or let it be raised again (trucks)."""


class CommandBody(
    RootModel[Annotated[ReportIntervalBody | RebootBody | LocateBody | LockLiftBody, Field(discriminator="kind")]]
):
    """What the device is to do, and for whom."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"kind": "report_interval", "interval_s": 30, "actor": "li.wei"},
                {"kind": "lock_lift", "locked": True, "actor": "li.wei", "ttl_s": 600, "note": "Held at the gate."},
            ]
        }
    )


_EXAMPLE: Final = {
    "id": "3f0a9c51be7d2846",
    "device_id": "truck-001",
    "kind": "lock_lift",
    "arguments": {"locked": True},
    "actor": "li.wei",
    "note": "Held at the gate.",
    "issued_at": 1_772_352_930_250,
    "expires_at": 1_772_353_530_250,
    "sent_at": 1_772_352_930_700,
    "sends": 1,
    "outcome": "refused",
    "outcome_at": 1_772_352_930_900,
    "outcome_detail": "the bed is raised",
    "recorded_at": 1_772_352_931_000,
    "state": "refused",
}
_NEW_EXAMPLE: Final = (
    _EXAMPLE
    | dict.fromkeys(("sent_at", "outcome", "outcome_at", "outcome_detail", "recorded_at"))
    | {"sends": 0, "state": "waiting"}
)
_READ: Final = (ProblemKind.UNAUTHORIZED, ProblemKind.NOT_FOUND, ProblemKind.INVALID, ProblemKind.UNAVAILABLE)


@router.post(
    "/devices/{device_id}/commands",
    summary="Issue a command",
    response_model=Command,
    status_code=201,
    dependencies=WRITERS,
    responses=answer("The command, waiting to be sent", _NEW_EXAMPLE, status=201)
    | problems(*_READ, ProblemKind.BAD_REQUEST, ProblemKind.WRITES_OFF, ProblemKind.CANNOT_DO, ProblemKind.TOO_LARGE),
)
def issue_command(parts: Parts, device_id: DevicePath, body: CommandBody, response: Response) -> Command:
    """Tell a device to do something. It is sent within a second, and again until it is answered or its life is over.

    A device that is away gets it when it comes back, if that is in time. `GET /api/v1/commands/{id}` says how it went.
    What the device's role cannot do is a 409, and so is a device that is locked out. Asking twice issues two commands.
    """
    device, asked = known_device(parts.city(), device_id), body.root
    if asked.kind not in ABILITIES[device.role]:
        able = ", ".join(sorted(ABILITIES[device.role]))
        raise RequestRefused(
            ProblemKind.CANNOT_DO, f"A {device.role} has nothing to {asked.kind} with; it can do: {able}."
        )
    command = issue(
        secrets.token_hex(8),
        device.id,
        ORDER.validate_python(asked.model_dump(exclude={"actor", "note", "ttl_s"})),
        actor=asked.actor,
        note=asked.note,
        now_ms=parts.now(),
        ttl_s=asked.ttl_s,
    )
    try:
        parts.commands.issue(command)
    except LockedOut as exc:
        raise RequestRefused(ProblemKind.CANNOT_DO, f"{exc}.") from exc
    response.headers["Location"] = f"/api/v1/commands/{command.id}"
    return command


@router.get(
    "/devices/{device_id}/commands",
    summary="Commands of a device",
    response_model=Page[Command],
    responses=answer("Commands, newest first", {"items": [_EXAMPLE], "next_cursor": None}) | problems(*_READ),
)
def list_commands(
    parts: Parts,
    device_id: DevicePath,
    limit: Annotated[int, Query(ge=1, le=MAX_COMMANDS)] = 50,
    cursor: Cursor = None,
) -> Page[Command]:
    """Every command ever issued to the device and what became of it, newest first."""
    try:
        found = parts.commands.commands(known_device(parts.city(), device_id).id, limit=limit, before=cursor)
    except BadCursor as exc:
        raise invalid("query.cursor", "give the next_cursor of the page before, unchanged, or leave it out") from exc
    return Page(items=found.items, next_cursor=found.next_cursor)


@router.get(
    "/commands/{command_id}",
    summary="Show a command",
    response_model=Command,
    responses=answer("The command and what became of it", _EXAMPLE) | problems(*_READ),
)
def show_command(parts: Parts, command_id: CommandPath) -> Command:
    """One command: who issued it, when it was sent, what the device answered."""
    command = parts.commands.command(command_id)
    if command is None:
        raise not_found("Command", command_id, "GET /api/v1/devices/{device_id}/commands lists the issued ones")
    return command
