"""Parts of long messages, until each message is whole. Pure: time is an argument, in seconds of a monotonic clock.

Parts belong together by message id, total and the serial of part 1, within one connection: the parts of a message have
serials that follow each other. Two messages of which each lost a part have the same id and often the same total; joined
by these alone they would become one that nobody sent. They are kept as they came on the wire: the codec puts the body
together.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from devices.codecs.jt808.frame import Frame
from ingest.gateways.jt808.figures import Refused

MAX_MESSAGES: Final = 4
"""Unfinished messages of one terminal. The oldest gives way to a fifth."""
MAX_PARTS: Final = 512
ASK_AFTER_S: Final = 10.0
"""Without a new part, the missing ones are asked for after so long, and again after twice and three times as long."""
MAX_ASKED: Final = 3
ASKED_AT_ONCE: Final = 100
"""Numbers in one request, whose count has one byte."""


class PartsRefused(Exception):
    """The parts of a message cannot be kept; the message is dropped."""

    def __init__(self, reason: Refused) -> None:
        super().__init__(reason)
        self.reason = reason


class Budget:
    """Bytes that all connections together may hold."""

    def __init__(self, limit_bytes: int) -> None:
        self._left = limit_bytes

    def take(self, count: int) -> bool:
        """Return whether there was room; it is taken then."""
        if count > self._left:
            return False
        self._left -= count
        return True

    def give_back(self, count: int) -> None:
        self._left += count


class WholeMessage(NamedTuple):
    """All parts of a message."""

    payload: bytes
    """The frames as on the wire, in the order of their numbers."""
    frames: tuple[Frame, ...]
    """Likewise."""


class Missing(NamedTuple):
    """Parts to ask for."""

    first: Frame
    """One of those that came; the serial of part 1 follows from it."""
    numbers: tuple[int, ...]

    @property
    def first_serial(self) -> int:
        """Serial of part 1."""
        return _first_serial(self.first)


def _first_serial(frame: Frame) -> int:
    """Serial of part 1 of a frame's message: 16 bits, 0 comes after 65,535."""
    number = 1 if frame.part is None else frame.part.number
    return (frame.serial - number + 1) & 0xFFFF


class _Key(NamedTuple):
    """What the parts of one message have in common."""

    message_id: int
    total: int
    first_serial: int

    def may_be_scattered_with(self, other: "_Key") -> bool:
        """Whether they would be one message for who does not look at serials."""
        return self[:2] == other[:2] and self != other


@dataclass(slots=True)
class _Unfinished:
    heard_at: float
    frames: dict[int, Frame] = field(default_factory=dict)
    raw: dict[int, bytes] = field(default_factory=dict)
    asked: int = 0
    size: int = 0
    too_large: bool = False
    """It holds nothing then: it stands for its later parts, so that no part is asked for that cannot be taken."""
    scattered: bool = False
    """Parts of the same id and total came with other serials meanwhile."""


class PartStore:
    """The unfinished messages of one connection."""

    def __init__(self, budget: Budget, message_bytes: int, give_up: Callable[[Refused], None]) -> None:
        """`message_bytes`: the most that the parts of one message may have on the wire.

        `give_up` is called for each message that is dropped unfinished: nothing of it was answered.
        """
        self._budget = budget
        self._message_bytes = message_bytes
        self._give_up = give_up
        self._unfinished: dict[_Key, _Unfinished] = {}

    def __len__(self) -> int:
        return len(self._unfinished)

    def add(self, raw: bytes, frame: Frame, now: float) -> WholeMessage | None:
        """Take a part; return the message if it is whole now. Raises PartsRefused: the message is dropped."""
        part = frame.part
        if part is None:
            return WholeMessage(raw, (frame,))
        key = _Key(frame.message_id, part.total, _first_serial(frame))
        if part.total > MAX_PARTS:
            raise PartsRefused(Refused.TOO_LARGE)
        message = self._unfinished.get(key)
        if message is not None and message.too_large:
            message.heard_at = now
            raise PartsRefused(Refused.TOO_LARGE)
        former = None if message is None else message.frames.get(part.number)
        if former is not None and former.body != frame.body:
            self._abandon(key)  # its serials began anew
            message = None
        if message is None:
            message = self._begin(key, now)
        message.heard_at = now
        if part.number not in message.frames:
            self._keep(key, message, raw, frame)
        if len(message.frames) < part.total:
            return None
        self._drop(key)
        order = sorted(message.frames)
        return WholeMessage(
            b"".join(message.raw[number] for number in order), tuple(message.frames[number] for number in order)
        )

    def overdue(self, now: float) -> list[Missing]:
        """What is to be asked for now. Messages that stay unfinished after the last request are dropped."""
        asks = []
        for key, message in list(self._unfinished.items()):
            if now < message.heard_at + ASK_AFTER_S * (message.asked + 1):
                continue
            if message.asked == MAX_ASKED or message.too_large:
                self._abandon(key)
                continue
            message.asked += 1
            numbers = [number for number in range(1, key.total + 1) if number not in message.frames]
            asks.append(Missing(next(iter(message.frames.values())), tuple(numbers[:ASKED_AT_ONCE])))
        return asks

    def clear(self) -> None:
        """Forget everything: the connection is over, and its terminal sends all parts again."""
        for key in list(self._unfinished):
            self._drop(key)

    def _begin(self, key: _Key, now: float) -> _Unfinished:
        if len(self._unfinished) == MAX_MESSAGES:
            self._abandon(min(self._unfinished, key=lambda other: self._unfinished[other].heard_at))
        message = self._unfinished[key] = _Unfinished(now)
        for other, former in self._unfinished.items():
            if key.may_be_scattered_with(other):
                message.scattered = former.scattered = True
        return message

    def _keep(self, key: _Key, message: _Unfinished, raw: bytes, frame: Frame) -> None:
        number = 0 if frame.part is None else frame.part.number
        if message.size + len(raw) > self._message_bytes:
            self._budget.give_back(message.size)
            self._unfinished[key] = _Unfinished(message.heard_at, too_large=True)
            raise PartsRefused(Refused.TOO_LARGE)
        if not self._budget.take(len(raw)):
            self._drop(key)
            raise PartsRefused(Refused.NO_ROOM)
        message.size += len(raw)
        message.frames[number], message.raw[number] = frame, raw
        message.asked = 0

    def _abandon(self, key: _Key) -> None:
        message = self._unfinished[key]
        if not message.too_large:  # those were refused one by one
            self._give_up(Refused.SCATTERED_PARTS if message.scattered else Refused.MISSING_PARTS)
        self._drop(key)

    def _drop(self, key: _Key) -> None:
        message = self._unfinished.pop(key)
        self._budget.give_back(message.size)
