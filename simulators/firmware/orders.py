"""Carries out commands. An order is the part of a command that says what to do.

Each command is carried out once; every copy gets the answer of the first. What must survive a restart (answers, report
interval, lift lock) is in memory before a command is answered.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, assert_never

from msgspec.structs import replace
from pydantic import BaseModel

from devices.commands.model import (
    Acknowledgement,
    CommandOutcome,
    Locate,
    LockLift,
    Order,
    Reboot,
    ReportInterval,
    ShowText,
    Unreadable,
    read_command,
)
from devices.readings.models import Load, Position, Reading
from simulators.firmware.memory import DeviceMemory

_KEPT_ANSWERS: Final = 64
"""Far more than commands that can be under way to one device."""


@dataclass
class Controls:
    """The part of the sensors that commands change. Sensors read it before each report."""

    interval_s: int | None = None
    """Report this often; None: as built. The report under way still comes after the old interval."""
    locate: Callable[[int], Position | None] | None = None
    """Gives the position at a device time (ms), None while there is no fix; absent on a device that does not move."""


class _Kept(BaseModel):
    answers: list[Acknowledgement] = []
    interval_s: int | None = None
    lift_locked: bool = False


@dataclass(frozen=True, slots=True)
class OrderResult:
    """The answer to a command, and what the device does next."""

    answer: Acknowledgement
    report: Position | None = None
    """A position to publish at once."""
    reboot: bool = False
    """Reboot after the answer is delivered."""


class Orders:
    """Carries out the commands of one device."""

    def __init__(self, device_id: str, controls: Controls, memory: DeviceMemory) -> None:
        self._device_id = device_id
        self._controls = controls
        self._memory = memory
        kept = memory.recall_orders(device_id)
        self._kept = _Kept() if kept is None else _Kept.model_validate_json(kept)
        self._carried: Position | None = None
        controls.interval_s = self._kept.interval_s

    def execute(self, payload: bytes, now_ms: int) -> OrderResult | None:
        """Carry out a command, or answer a copy; None if it cannot be read: then there is no answer.

        `now_ms`: device time.
        """
        try:
            command = read_command(payload)
        except Unreadable:
            return None
        former = next((answer for answer in self._kept.answers if answer.id == command.id), None)
        if former is not None:
            return OrderResult(former)
        report: Position | None = None
        if now_ms > command.expires_at:
            outcome, detail = CommandOutcome.EXPIRED, ""
        elif command.order is None:
            outcome, detail = CommandOutcome.UNSUPPORTED, "not known to this firmware"
        else:
            outcome, detail, report = self._carry_out(command.order, now_ms)
        answer = Acknowledgement(id=command.id, outcome=outcome, at=now_ms, detail=detail)
        self._kept.answers = [*self._kept.answers, answer][-_KEPT_ANSWERS:]
        self._memory.keep_orders(self._device_id, self._kept.model_dump_json())
        return OrderResult(answer, report, outcome is CommandOutcome.DONE and isinstance(command.order, Reboot))

    def sensed(self, reading: Reading) -> Reading:
        """A reading as the lift's lock makes it: with the lift locked the bed stays down and the load stays on.

        When the lock is opened, the truck goes on as if it had tipped.
        """
        if not self._kept.lift_locked or not isinstance(reading, Position):
            self._carried = None
            return reading
        if self._carried is None or (reading.load_kg or 0.0) >= (self._carried.load_kg or 0.0):
            self._carried = reading
        load: Load | None = self._carried.load
        return replace(reading, lift_up=False, load=load, load_kg=self._carried.load_kg)

    def _carry_out(self, order: Order, now_ms: int) -> tuple[CommandOutcome, str, Position | None]:
        position = self._controls.locate(now_ms) if self._controls.locate is not None else None
        match order:
            case ReportInterval():
                self._controls.interval_s = self._kept.interval_s = order.interval_s
            case Reboot():
                pass
            case Locate() | LockLift() | ShowText() if self._controls.locate is None:
                return CommandOutcome.UNSUPPORTED, "no receiver, no lift and no driver here", None
            case Locate():
                return (
                    (CommandOutcome.DONE, "", position)
                    if position is not None
                    else (CommandOutcome.REFUSED, "no fix yet", None)
                )
            case ShowText():
                pass  # on a display that nobody looks at
            case LockLift():
                if order.locked and not self._kept.lift_locked and position is not None and position.lift_up:
                    return CommandOutcome.REFUSED, "the bed is raised", None
                self._kept.lift_locked = order.locked
            case _:
                assert_never(order)
        return CommandOutcome.DONE, "", None
