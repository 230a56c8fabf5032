"""Commands to devices and their acknowledgements. Pure; `devices.commands.store` keeps them.

The contract with a device:

- It subscribes to `haulwatch/v1/{device_id}/command` at QoS 1, in a session that outlives its connection. Commands are
  never retained; over MQTT 5 the broker drops a command after its end (message expiry).
- A command is JSON: `{"id": "<16 hex>", "kind": "report_interval", "interval_s": 30, "issued_at": ms, "expires_at":
  ms}`. Times are the server's clock, ms since 1970 UTC. Unknown fields are ignored.
- It answers on `haulwatch/v1/{device_id}/command/ack` at QoS 1, not retained, in at most 4 KiB:
  `{"id": "<16 hex>", "outcome": "done", "at": ms of the device's clock, "detail": "short text"}`.
- A command is sent again, under the same id, until it is answered. The device carries out one id once and answers every
  copy with its first answer.
- It answers `expired` to a command that arrives after `expires_at` by its own clock, `unsupported` to one that it does
  not know, and `refused` where obeying would do harm: a lift is not locked while the bed is raised.
"""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, computed_field

from devices.city.model import DeviceRole
from devices.codecs.topics import command_ack_topic
from devices.readings.ids import DEVICE_ID_PATTERN
from devices.readings.text import ShortText

DEFAULT_TTL_S: Final = 300
"""Long enough for a zone without coverage, short enough that people still know why they asked."""
MIN_TTL_S: Final = 5
MAX_TTL_S: Final = 86_400
"""The session of a device at the broker should last at least as long."""
GRACE_MS: Final = 60_000
"""Time after the end of a command in which its answer may still be on the way."""
MAX_ACK_BYTES: Final = 4_096
MAX_NOTE_CHARS: Final = 2_000
_FIRST_RESEND_MS: Final = 10_000
_MAX_DETAIL_CHARS: Final = 200

ID_PATTERN: Final = r"^[0-9a-f]{16}$"
CommandId = Annotated[str, Field(pattern=ID_PATTERN)]


class CommandKind(StrEnum):
    """Kind of command."""

    REPORT_INTERVAL = "report_interval"
    REBOOT = "reboot"
    LOCATE = "locate"
    LOCK_LIFT = "lock_lift"
    SHOW_TEXT = "show_text"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class ReportInterval(_Value):
    """Report this often from now on. The registry's interval, by which silence is measured, stays as it is."""

    kind: Literal[CommandKind.REPORT_INTERVAL] = CommandKind.REPORT_INTERVAL
    interval_s: Annotated[int, Field(ge=1, le=3_600)]


class Reboot(_Value):
    """Restart; no reading is lost."""

    kind: Literal[CommandKind.REBOOT] = CommandKind.REBOOT


class Locate(_Value):
    """Report a position at once."""

    kind: Literal[CommandKind.LOCATE] = CommandKind.LOCATE


class LockLift(_Value):
    """Keep the bed from being raised, or let it be raised again."""

    kind: Literal[CommandKind.LOCK_LIFT] = CommandKind.LOCK_LIFT
    locked: bool


class ShowText(_Value):
    """Show a text to the driver."""

    kind: Literal[CommandKind.SHOW_TEXT] = CommandKind.SHOW_TEXT
    text: ShortText


Order = Annotated[ReportInterval | Reboot | Locate | LockLift | ShowText, Field(discriminator="kind")]
"""The action that a command asks for, with its arguments."""
ORDER: Final[TypeAdapter[ReportInterval | Reboot | Locate | LockLift | ShowText]] = TypeAdapter(Order)
"""Parses and validates an order from JSON or from values."""

_ALL: Final = frozenset(CommandKind)
_FIXED: Final = frozenset({CommandKind.REPORT_INTERVAL, CommandKind.REBOOT})
ABILITIES: Final[Mapping[DeviceRole, frozenset[CommandKind]]] = {
    role: _ALL if role is DeviceRole.TRUCK else _FIXED for role in DeviceRole
}
"""Kinds of command that a device of each role supports: a device at a site has no satellite receiver, no lift and no
driver."""


class CommandOutcome(StrEnum):
    """Outcome of a command."""

    DONE = "done"
    REFUSED = "refused"
    EXPIRED = "expired"
    """It arrived too late by the device's clock, or nobody answered in time."""
    UNSUPPORTED = "unsupported"


class CommandState(StrEnum):
    """State of a command."""

    WAITING = "waiting"
    """Issued; the broker has not accepted it yet."""
    SENT = "sent"
    """Accepted by the broker; the device has not answered yet."""
    DONE = "done"
    REFUSED = "refused"
    EXPIRED = "expired"
    UNSUPPORTED = "unsupported"


class Command(_Value):
    """One command and its state. Times are wall clock, ms since 1970 UTC; `outcome_at` is device time."""

    id: CommandId
    device_id: str
    kind: CommandKind
    arguments: Mapping[str, int | bool | str] = Field(
        description="`interval_s` of report_interval, `locked` of lock_lift, `text` of show_text"
    )
    actor: ShortText = Field(description="Who issued it")
    note: Annotated[str, Field(max_length=MAX_NOTE_CHARS)] | None = None
    issued_at: int
    expires_at: int = Field(description="End of validity: a device that receives it later does not carry it out")
    sent_at: int | None = Field(default=None, description="When the broker accepted the last copy")
    sends: int = Field(default=0, description="Number of copies that the broker accepted")
    outcome: CommandOutcome | None = None
    outcome_at: int | None = Field(
        default=None, description="Time of the outcome by the device's own clock; null if it has not answered"
    )
    outcome_detail: str | None = Field(default=None, description="Text of the device about the outcome")
    recorded_at: int | None = Field(default=None, description="When the outcome was recorded")

    @computed_field  # type: ignore[prop-decorator]  # mypy does not know properties that are decorated further
    @property
    def state(self) -> CommandState:
        """Current state."""
        if self.outcome is not None:
            return CommandState(self.outcome)
        return CommandState.SENT if self.sends else CommandState.WAITING

    def payload(self) -> bytes:
        """Encode the command for the device."""
        values = {"id": self.id, "kind": self.kind, **self.arguments}
        return json.dumps(values | {"issued_at": self.issued_at, "expires_at": self.expires_at}).encode()


def issue(
    command_id: str, device_id: str, order: Order, *, actor: str, note: str | None, now_ms: int, ttl_s: int
) -> Command:
    """Create a command. Raises ValueError for an actor with invisible characters or a note that is too long."""
    arguments = order.model_dump(exclude={"kind"})
    expires_at = now_ms + ttl_s * 1_000
    return Command(
        id=command_id,
        device_id=device_id,
        kind=order.kind,
        arguments=arguments,
        actor=actor,
        note=note,
        issued_at=now_ms,
        expires_at=expires_at,
    )


def next_due_ms(sent_at: int, sends: int, expires_at: int) -> int:
    """Return when an unanswered command is due again: for another copy, at doubling intervals, and at last to expire.

    So a device that is away all day finds some thirteen copies waiting, not thousands.
    """
    resend_at = sent_at + _FIRST_RESEND_MS * 2 ** (sends - 1)
    return resend_at if resend_at < expires_at else expires_at + GRACE_MS


class Unreadable(Exception):
    """The payload is no command, or no acknowledgement, that can be acted on; the message says why."""


class Received(_Value):
    """A command as the device reads it."""

    id: CommandId
    expires_at: int
    order: Order | None = None
    """None if the device does not know the kind or the arguments."""


class _Envelope(_Value):
    id: CommandId
    expires_at: int


def read_command(payload: bytes) -> Received:
    """Read a command on the device. Raises Unreadable if there is no id to answer to."""
    try:
        envelope = _Envelope.model_validate_json(payload)
    except ValidationError as exc:
        raise Unreadable(_why(exc)) from exc
    try:
        order: Order | None = ORDER.validate_json(payload)
    except ValidationError:
        order = None
    return Received(id=envelope.id, expires_at=envelope.expires_at, order=order)


def _printable(text: object) -> object:
    """Replace unprintable characters and cut the text: a device may send any text, and its outcome still counts."""
    if not isinstance(text, str):
        return text
    return "".join(char if char.isprintable() else "\ufffd" for char in text[:_MAX_DETAIL_CHARS])


class Acknowledgement(_Value):
    """The answer of a device to a command."""

    id: CommandId
    outcome: CommandOutcome
    at: Annotated[int, Field(ge=0, lt=1 << 53)]
    """Device time, ms; may be far off, which does no harm."""
    detail: Annotated[str, BeforeValidator(_printable)] = ""

    def payload(self) -> bytes:
        return self.model_dump_json(exclude_defaults=True).encode()


def read_acknowledgement(payload: bytes) -> Acknowledgement:
    """Read the answer of a device. Raises Unreadable."""
    if len(payload) > MAX_ACK_BYTES:
        raise Unreadable(f"{len(payload)} bytes, at most {MAX_ACK_BYTES} are taken")
    try:
        return Acknowledgement.model_validate_json(payload)
    except ValidationError as exc:
        raise Unreadable(_why(exc)) from exc


_ACK_TOPIC: Final = re.compile(command_ack_topic(f"({DEVICE_ID_PATTERN.strip('^$')})"))


def answering_device(topic: str) -> str | None:
    """Return the device whose acknowledgements a topic carries, or None for any other topic."""
    match = _ACK_TOPIC.fullmatch(topic)
    return match and match[1]


def _why(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'payload'}: {first['msg']}"
