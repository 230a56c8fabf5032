"""What follows from each frame of one terminal: what is published, what is answered, when the connection ends.

Pure: neither network nor clock. `connection` calls it and does what it says.

Messages that carry data are answered after the broker has taken them. Registration, authentication, heartbeat and log
out only concern the connection: they are answered at once, so that a terminal stays while the broker is away.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from devices.codecs.jt808 import messages
from devices.codecs.jt808.body import BodyError, time_ms
from devices.codecs.jt808.frame import Frame, FrameError, encode_frame, parse_frame
from devices.codecs.jt808.location import LOCATION, LOCATION_ANSWER
from devices.readings.models import MAX_AHEAD_MS
from ingest.gateways.jt808.codes import Codes
from ingest.gateways.jt808.figures import Refused
from ingest.gateways.jt808.orders import DownMessage
from ingest.gateways.jt808.parts import PartsRefused, PartStore, WholeMessage

MAX_STRIKES: Final = 20
"""Frames in a row that are refused: then the connection ends, since its other end speaks something else."""
MAX_WRONG_CODES: Final = 3
MAX_REGISTRATIONS: Final = 10
"""On one connection before the code: each is published, and whoever reaches the port can send them."""
MAX_CLOCKS: Final = 50_000
"""Beyond so many terminals all are forgotten, and noted again with their next positions."""
_MEDIA: Final = 0x0801
_MEDIA_ANSWER: Final = 0x8800
_RESEND_OF_TERMINAL: Final = 0x0005
_TIME_AT: Final = slice(22, 28)
"""In the body of a location: its time, BCD."""
_ANSWERS_OF_TERMINAL: Final = frozenset({0x0104, 0x0107, LOCATION_ANSWER, 0x0302, 0x0500, 0x0700, 0x0802, 0x0805})
"""Messages that answer one of ours. They are not answered again."""

_BEFORE_CODE: Final = frozenset({messages.Registration.ID, messages.Authentication.ID})
"""Messages that are taken before the terminal showed its code; whole only, since parts take memory."""
_SAME_TIME_MS: Final = 1_000
"""A status is put behind the one before it, unless the clock went back by more."""

_CLOCK_STANDS_MS: Final = 600_000
"""So long a position before the newest one counts as kept; then the terminal's clock was set back."""


def _is_one_of_several(frame: Frame) -> bool:
    return frame.part is not None and frame.part.total > 1


class TimeAnswer(StrEnum):
    """In which time a terminal gets the time (0x8004): sources contradict each other."""

    UTC = "utc"
    CHINA = "china"


@dataclass(frozen=True, slots=True)
class Policy:
    """How terminals are received."""

    codes: Codes
    registration_open: bool = True
    """False: only terminals that have a code come in."""
    time: TimeAnswer = TimeAnswer.UTC


class Reply(NamedTuple):
    """The terminal's answer to one of our messages."""

    serial: int
    """Ours."""
    result: int
    """0: done."""


@dataclass(slots=True)
class Step:
    """What follows from a frame."""

    phone: str = ""
    """Terminal under which `payload` is published."""
    payload: bytes = b""
    """What is published; empty: nothing."""
    is_data: bool = False
    """The answers wait for the broker, and are not sent if it did not take the payload."""
    answers: tuple[bytes, ...] = ()
    refused: Refused | None = None
    signed_in: bool = False
    """The terminal showed its code just now."""
    ends: bool = False
    """The connection is closed after the answers."""
    reply: Reply | None = None


class TerminalClocks(dict[str, int]):
    """The clock of each terminal minus ours, ms, by its last position."""

    def note(self, phone: str, ahead_ms: int) -> None:
        if len(self) >= MAX_CLOCKS:
            self.clear()
        self[phone] = ahead_ms


class Session:
    """One connection of one terminal."""

    def __init__(self, policy: Policy, parts: PartStore, clocks: TerminalClocks, now_ms: Callable[[], int]) -> None:
        """`now_ms`: wall clock, ms since 1970 UTC."""
        self._policy = policy
        self._parts = parts
        self._clocks = clocks
        self._now_ms = now_ms
        self._number = now_ms() // 1000
        """Grows with every connection of the terminal."""
        self._serial = 0xFFFF
        self._strikes = self._wrong_codes = self._registrations = 0
        self._stamped_ms = self._shown_ms = self._noted_ms = 0
        self._phone_heard = ""
        """Of the last frame, also before the terminal signed in."""
        self.version: int | None = None
        """Of the header of its last frame; None: 2011 or 2013."""
        self.phone = ""
        """Of the terminal that signed in; empty before."""

    def take(self, raw: bytes, now: float) -> Step:
        """Say what follows from the bytes of a frame. `now`: seconds of a monotonic clock."""
        frame = self._checked(raw)
        if isinstance(frame, Refused):
            return self.strike(frame)
        self._strikes = 0
        self.version, self._phone_heard = frame.version, frame.phone
        try:
            whole = self._parts.add(raw, frame, now)
            return Step() if whole is None else self._message(whole)
        except PartsRefused as exc:
            if exc.reason is Refused.NO_ROOM:  # there will be room: the terminal keeps it and sends it again
                return Step(refused=exc.reason)
            # Without an answer the terminal would repeat what can never be taken.
            return Step(answers=(self._answer(frame, messages.NOT_SUPPORTED),), refused=exc.reason)
        except BodyError:
            return Step(answers=(self._answer(frame, messages.BAD_MESSAGE),), refused=Refused.UNREADABLE)

    def _checked(self, raw: bytes) -> Frame | Refused:
        try:
            frame = parse_frame(raw)
        except FrameError:
            return Refused.NOT_A_FRAME
        if messages.is_from_platform(frame.message_id):
            return Refused.OF_THE_PLATFORM
        if self.phone and frame.phone != self.phone:
            return Refused.ANOTHER_PHONE
        if not self.phone and (frame.message_id not in _BEFORE_CODE or _is_one_of_several(frame)):
            return Refused.NOT_SIGNED_IN
        return frame

    def strike(self, reason: Refused) -> Step:
        """Refuse something without an answer; too often in a row ends the connection."""
        self._strikes += 1
        return Step(refused=reason, ends=self._strikes >= MAX_STRIKES)

    def down(self, message: DownMessage) -> tuple[int, bytes]:
        """Write a message to the terminal: our serial, and the frame."""
        raw = self._write(message.message_id, message.body)
        return self._serial, raw

    def resend_requests(self, now: float) -> list[bytes]:
        """Frames that ask for overdue parts."""
        return [
            self._write(messages.Resend.ID, messages.Resend(missing.first_serial, missing.numbers).body())
            for missing in self._parts.overdue(now)
        ]

    def _message(self, whole: WholeMessage) -> Step:
        frame = whole.frames[0]
        match frame.message_id:
            case messages.Registration.ID:
                step = self._register(frame, whole)
            case messages.Authentication.ID:
                step = self._authenticate(frame)
            case messages.HEARTBEAT:
                step = self._link(frame, whole.payload, self._answer(frame))
            case messages.LOG_OUT:
                step = self._link(frame, whole.payload, self._answer(frame))
                step.ends = True
            case messages.ASK_TIME | messages.VENDOR_ASK_TIME:
                step = Step(answers=(self._time(frame),))
            case messages.Answer.FROM_TERMINAL:
                answer = messages.Answer.read(frame)
                step = Step(reply=Reply(answer.serial, answer.result))
            case _ if frame.message_id == _RESEND_OF_TERMINAL:  # nothing that we send has parts
                step = Step(answers=(self._answer(frame, messages.NOT_SUPPORTED),))
            case _:
                step = self._data(frame, whole)
        return step

    def _time(self, frame: Frame) -> bytes:
        now_ms = self._now_ms()
        if frame.message_id == messages.VENDOR_ASK_TIME:
            return self._write(messages.VendorTime.ID, messages.VendorTime(now_ms).body())
        body = messages.ServerTime(now_ms).body(utc=self._policy.time is TimeAnswer.UTC)
        return self._write(messages.ServerTime.ID, body)

    def _register(self, frame: Frame, whole: WholeMessage) -> Step:
        if not self._policy.registration_open:
            refusal = messages.RegistrationAnswer(frame.serial, messages.RegistrationAnswer.NO_TERMINAL)
            answer = self._write(messages.RegistrationAnswer.ID, refusal.body())
            return Step(answers=(answer,), refused=Refused.REGISTRATION_CLOSED)
        self._registrations += not self.phone
        if self._registrations > MAX_REGISTRATIONS:
            return Step(refused=Refused.NEVER_SIGNED_IN, ends=True)
        welcome = messages.RegistrationAnswer(frame.serial, messages.DONE, self._policy.codes.code_of(frame.phone))
        return self._link(frame, whole.payload, self._write(messages.RegistrationAnswer.ID, welcome.body()))

    def _authenticate(self, frame: Frame) -> Step:
        if not self._policy.codes.is_right(frame.phone, messages.Authentication.read(frame).code):
            self._wrong_codes += 1
            answers = (self._answer(frame, messages.FAILED),)
            return Step(answers=answers, refused=Refused.WRONG_CODE, ends=self._wrong_codes >= MAX_WRONG_CODES)
        self.phone = frame.phone
        step = self._link(frame, encode_frame(messages.without_code(frame)), self._answer(frame))
        step.signed_in = True
        return step

    def _link(self, frame: Frame, payload: bytes, answer: bytes) -> Step:
        """A message about the connection: it carries no time, so one is put before it."""
        ahead_ms = self._clocks.get(frame.phone)
        at_ms = max(0, self._now_ms() + (ahead_ms or 0))
        if self._stamped_ms - _SAME_TIME_MS < at_ms <= self._stamped_ms:  # two statuses of one time would be one
            at_ms = self._stamped_ms + 1
        self._stamped_ms = at_ms
        stamp = messages.encode_stamp(
            frame.phone, frame.version, at_ms=at_ms, session=self._number, is_true_time=ahead_ms is None
        )
        return Step(frame.phone, stamp + payload, answers=(answer,))

    def _data(self, frame: Frame, whole: WholeMessage) -> Step:
        step = Step(frame.phone, whole.payload, is_data=True)
        if frame.message_id == LOCATION:
            self._note_clock(time_ms(frame.body[_TIME_AT]))
        if frame.message_id == LOCATION_ANSWER:
            step.reply = Reply(int.from_bytes(frame.body[:2]), messages.DONE)
        if frame.message_id == _MEDIA:
            step.answers = (self._write(_MEDIA_ANSWER, frame.body[:4]),)
        elif frame.message_id not in _ANSWERS_OF_TERMINAL:
            step.answers = tuple(self._answer(part) for part in whole.frames)
        return step

    def _note_clock(self, shown_ms: int | None) -> None:
        """Note the terminal's clock by a position, but not by one that it kept while it had no connection."""
        now_ms = self._now_ms()
        is_kept = (shown_ms or 0) < self._shown_ms <= self._noted_ms + MAX_AHEAD_MS
        is_kept = is_kept and 0 <= now_ms - self._noted_ms < _CLOCK_STANDS_MS
        if shown_ms is not None and not is_kept:
            self._shown_ms, self._noted_ms = shown_ms, now_ms
            self._clocks.note(self.phone, shown_ms - now_ms)

    def _answer(self, frame: Frame, result: int = messages.DONE) -> bytes:
        body = messages.Answer(frame.serial, frame.message_id, result).body()
        return self._write(messages.Answer.FROM_PLATFORM, body)

    def _write(self, message_id: int, body: bytes) -> bytes:
        self._serial = (self._serial + 1) & 0xFFFF
        return encode_frame(Frame(message_id, self._phone_heard, self._serial, body, self.version))
