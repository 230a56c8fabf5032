"""Commands to devices: issue one, list them, read the answer."""

import secrets
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, RootModel

from api.access.acting import ACTOR, acting_name
from api.access.auditing import PERSONAL
from api.access.authentication import CurrentCaller
from api.access.roles import ADMINISTRATORS, VIEWERS
from api.access.visible import Parts
from api.http.openapi import answer, problems
from api.http.paging import CURSOR_HINT, Cursor, Page
from api.http.problems import WRITE_REFUSED, ProblemKind, RequestRefused, invalid, not_found
from api.resources.alerts import Note
from api.resources.devices import DevicePath, registered_device
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
    ShowText,
    issue,
)
from devices.commands.store import BadCursor, LockedOut
from devices.readings.text import ShortText

router = APIRouter(tags=["commands"], dependencies=[*PERSONAL, *VIEWERS])

MAX_COMMANDS: Final = 200

CommandPath = Annotated[
    str, Path(pattern=ID_PATTERN, description="Command id: 16 hex digits", examples=["3f0a9c51be7d2846"])
]


class _Issued(BaseModel):
    """Fields of every command body. It must be the last base class: pydantic uses the configuration of that one."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)

    actor: ShortText | None = Field(None, description=ACTOR)
    note: Note | None = None
    ttl_s: int = Field(
        DEFAULT_TTL_S,
        ge=MIN_TTL_S,
        le=MAX_TTL_S,
        description="Lifetime, s. A device that receives the command later does not execute it",
    )


class ReportIntervalBody(ReportInterval, _Issued):
    """Set the report interval. The interval in the registry, by which silence is judged, does not change."""


class RebootBody(Reboot, _Issued):
    """Restart the device."""


class LocateBody(Locate, _Issued):
    """Report a position at once (trucks)."""


class LockLiftBody(LockLift, _Issued):
    """Lock the bed so that it cannot be raised, or unlock it (trucks)."""


class ShowTextBody(ShowText, _Issued):
    """Show a text to the driver (trucks)."""


class CommandBody(
    RootModel[
        Annotated[
            ReportIntervalBody | RebootBody | LocateBody | LockLiftBody | ShowTextBody, Field(discriminator="kind")
        ]
    ]
):
    """The command, and the person it is issued for."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"kind": "report_interval", "interval_s": 30, "actor": "li.wei"},
                {"kind": "lock_lift", "locked": True, "actor": "li.wei", "ttl_s": 600, "note": "Held at the gate."},
                {"kind": "show_text", "text": "前方道路封闭，请绕行", "actor": "li.wei"},
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
    dependencies=ADMINISTRATORS,
    responses=answer("The command, waiting to be sent", _NEW_EXAMPLE, status=201)
    | problems(*_READ, ProblemKind.BAD_REQUEST, *WRITE_REFUSED, ProblemKind.CANNOT_DO, ProblemKind.TOO_LARGE),
)
def issue_command(
    parts: Parts, caller: CurrentCaller, device_id: DevicePath, body: CommandBody, response: Response
) -> Command:
    """Issue a command to a device. It is sent within a second, and again until it is answered or its lifetime is over.

    A device that is offline gets the command when it reconnects within the lifetime. `GET /api/v1/commands/{id}` shows
    the outcome. A command that the device's role does not support is a 409, and so is a command to a device that is
    locked out. Two identical requests issue two commands.
    """
    device, order = registered_device(parts.city(), device_id), body.root
    if order.kind not in ABILITIES[device.role]:
        supported = ", ".join(sorted(ABILITIES[device.role]))
        raise RequestRefused(
            ProblemKind.CANNOT_DO, f"A {device.role} does not support {order.kind}; it can do: {supported}."
        )
    command = issue(
        secrets.token_hex(8),
        device.id,
        ORDER.validate_python(order.model_dump(exclude={"actor", "note", "ttl_s"})),
        actor=acting_name(caller, order.actor),
        note=order.note,
        now_ms=parts.now(),
        ttl_s=order.ttl_s,
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
    """Every command ever issued to the device, with its outcome, newest first."""
    try:
        page = parts.commands.commands(registered_device(parts.city(), device_id).id, limit=limit, before=cursor)
    except BadCursor as exc:
        raise invalid("query.cursor", CURSOR_HINT) from exc
    return Page(items=page.items, next_cursor=page.next_cursor)


@router.get(
    "/commands/{command_id}",
    summary="Show a command",
    response_model=Command,
    responses=answer("The command and its outcome", _EXAMPLE) | problems(*_READ),
)
def show_command(parts: Parts, command_id: CommandPath) -> Command:
    """One command: who issued it, when it was sent, how the device answered."""
    command = parts.commands.command(command_id)
    if command is None:
        raise not_found(
            "Command", command_id, "GET /api/v1/devices/{device_id}/commands lists the commands of a device"
        )
    return command
