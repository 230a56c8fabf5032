"""Commands to terminals: kept until the terminal is there, sent once, answered once. Pure; times are arguments.

A command comes again until it is answered (`ingest.commands.dispatcher`), so what a restart forgets comes once more.
"""

import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, NamedTuple

from devices.codecs.jt808 import messages
from devices.codecs.jt808.controls import (
    ASK_LOCATION,
    INTERVAL,
    INTERVAL_WITHOUT_DRIVER,
    Control,
    Parameter,
    SetParameters,
    Text,
)
from devices.commands.model import (
    Acknowledgement,
    CommandOutcome,
    Locate,
    LockLift,
    Order,
    Reboot,
    Received,
    ReportInterval,
    ShowText,
)

MAX_PER_TERMINAL: Final = 20
MAX_TERMINALS: Final = 20_000
"""Terminals with commands. The one that got its command first gives way: a command without an answer comes again."""
_INTERVALS: Final = (INTERVAL_WITHOUT_DRIVER, INTERVAL)
"""Parameters that a report interval sets. That of a sleeping terminal stays as it is."""
_PHONE: Final = re.compile(r"[0-9a-f]{12}|[0-9a-f]{20}")
_OUTCOMES: Final = {
    messages.DONE: (CommandOutcome.DONE, ""),
    messages.FAILED: (CommandOutcome.REFUSED, "the terminal answers: failed"),
    messages.BAD_MESSAGE: (CommandOutcome.REFUSED, "the terminal answers: bad message"),
    messages.NOT_SUPPORTED: (CommandOutcome.UNSUPPORTED, "the terminal answers: not supported"),
}


class DownMessage(NamedTuple):
    """Id and body of a message to a terminal."""

    message_id: int
    body: bytes


def is_phone(device_id: str) -> bool:
    """Return whether a terminal can have this id: commands to all other devices are not for this gateway."""
    return _PHONE.fullmatch(device_id) is not None


def down_message(order: Order, version: int | None) -> DownMessage | None:
    """What tells a terminal to do this; None: no message can. `version`: of the terminal's header."""
    match order:
        case Locate():
            return DownMessage(ASK_LOCATION, b"")
        case ReportInterval(interval_s=interval_s):
            parameters = tuple(Parameter(number, interval_s.to_bytes(4)) for number in _INTERVALS)
            return DownMessage(SetParameters.ID, SetParameters(parameters).body())
        case Reboot():
            return DownMessage(Control.ID, Control(Control.RESET).body())
        case ShowText(text=text):
            return _text(text, version)
        case LockLift():
            return None


def _text(text: str, version: int | None) -> DownMessage | None:
    try:
        return DownMessage(Text.ID, Text(Text.SHOW | Text.READ_ALOUD, text).body(version))
    except ValueError:  # a character that GBK does not have
        return None


@dataclass(slots=True)
class _Pending:
    command: Received
    connection: int = 0
    """Number of the connection on which it was sent; 0: not yet."""
    serial: int = 0
    answer: Acknowledgement | None = None


class ToSend(NamedTuple):
    """A command that is to be sent now."""

    command_id: str
    order: Order


class CommandTable:
    """The commands of all terminals, also of those that are not connected."""

    def __init__(self) -> None:
        self._pending: OrderedDict[str, dict[str, _Pending]] = OrderedDict()
        """By device and id of the command."""

    def add(self, device_id: str, command: Received, now_ms: int) -> Acknowledgement | None:
        """Take a command, or a copy of one. Return the answer if there is one already.

        `now_ms`: wall clock. A command that is over by it is left to the dispatcher, which gives it up.
        """
        of_device = self._pending.get(device_id, {})
        former = of_device.get(command.id)
        if former is not None:
            return former.answer
        if now_ms > command.expires_at:
            return None
        if command.order is None or down_message(command.order, None) is None:
            unknown = "JT/T 808 has no message for this"
            return Acknowledgement(id=command.id, outcome=CommandOutcome.UNSUPPORTED, at=now_ms, detail=unknown)
        self._pending[device_id] = of_device
        of_device[command.id] = _Pending(command)
        if len(of_device) > MAX_PER_TERMINAL:
            del of_device[next(iter(of_device))]
        if len(self._pending) > MAX_TERMINALS:
            self._pending.popitem(last=False)
        return None

    def due(self, device_id: str, connection: int, now_ms: int) -> list[ToSend]:
        """Commands to send on this connection: those not sent yet, and those whose connection ended unanswered.

        A reboot ends the connection: it is never sent twice. What is over is forgotten.
        """
        of_device = self._pending.get(device_id)
        if of_device is None:
            return []
        for command_id in [key for key, pending in of_device.items() if now_ms > pending.command.expires_at]:
            del of_device[command_id]
        if not of_device:
            del self._pending[device_id]
        return [
            ToSend(command_id, pending.command.order)
            for command_id, pending in of_device.items()
            if pending.answer is None
            and pending.command.order is not None
            and pending.connection != connection
            and not (pending.connection and isinstance(pending.command.order, Reboot))
        ]

    def sent(self, device_id: str, command_id: str, connection: int, serial: int) -> None:
        """Note on which connection, and under which of our serials, a command was sent."""
        pending = self._pending.get(device_id, {}).get(command_id)
        if pending is not None:
            pending.connection, pending.serial = connection, serial

    def answered(
        self, device_id: str, connection: int, serial: int, result: int, now_ms: int
    ) -> Acknowledgement | None:
        """Note the terminal's answer to our message with this serial; None: it was no command, or has an answer."""
        outcome, detail = _OUTCOMES.get(result, (CommandOutcome.REFUSED, f"the terminal answers: result {result}"))
        for pending in self._pending.get(device_id, {}).values():
            if (pending.connection, pending.serial) == (connection, serial) and pending.answer is None:
                return self._answer(pending, outcome, detail, now_ms)
        return None

    def came_back(self, device_id: str, connection: int, now_ms: int) -> list[Acknowledgement]:
        """Note that the terminal signed in: a reboot that was sent before, and not answered, is done."""
        return [
            self._answer(pending, CommandOutcome.DONE, "the terminal connected again", now_ms)
            for pending in self._pending.get(device_id, {}).values()
            if pending.answer is None
            and pending.connection not in {0, connection}
            and isinstance(pending.command.order, Reboot)
        ]

    @staticmethod
    def _answer(pending: _Pending, outcome: CommandOutcome, detail: str, now_ms: int) -> Acknowledgement:
        pending.answer = Acknowledgement(id=pending.command.id, outcome=outcome, at=now_ms, detail=detail)
        return pending.answer
