"""One simulated terminal: registers, shows its code, reports; keeps what got no answer, and uploads it afterwards."""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from struct import Struct as Layout
from typing import Final, NamedTuple

from devices.codecs.jt808 import messages
from devices.codecs.jt808.body import time_field
from devices.codecs.jt808.controls import ASK_LOCATION, INTERVAL, Control, SetParameters, Text
from devices.codecs.jt808.frame import Frame
from devices.codecs.jt808.location import ACC_ON, BATCH, LOCATED, LOCATION, LOCATION_ANSWER
from devices.geo.geometry import LatLon
from simulators.dialects.jt808.line import Faults, Line, LineDown

_FIXED: Final = Layout(">IIIIHHH6s")
_ALTITUDE_M: Final = 742
_BLIND_AREA: Final = 1
_FIRST_RETRY_S: Final = 0.5


class Seen(NamedTuple):
    """What a truck does at one moment."""

    place: LatLon
    course_deg: float
    speed_kmh: float = 36.0
    status_bits: int = 0
    """Set in the status word beside "ACC on" and "located": load, and what makers have put there."""


class Fix(NamedTuple):
    """One place of a truck."""

    ts_ms: int
    seen: Seen

    def body(self) -> bytes:
        """As the body of 0x0200. Whole seconds, millionths of a degree, east and north."""
        seen = self.seen
        return _FIXED.pack(
            0,
            ACC_ON | LOCATED | seen.status_bits,
            round(seen.place.lat * 1e6),
            round(seen.place.lon * 1e6),
            _ALTITUDE_M,
            round(seen.speed_kmh * 10),
            round(seen.course_deg) % 360,
            time_field(self.ts_ms),
        )


@dataclass
class Tally:
    """Sums of a fleet. Positions are counted once each, however often they were sent."""

    made: int = 0
    """Positions that the receivers had."""
    answered: int = 0
    """Positions that the gateway answered: it must never lose one of these."""
    from_blind_areas: int = 0
    """Of these, uploaded afterwards."""
    connections: int = 0
    refused: int = 0
    """Answers other than "done"."""
    unanswered: int = 0
    """Messages without an answer in time; they are sent again."""
    commands: int = 0
    """Messages of the platform that were carried out."""
    trouble: str = ""
    """The last cause of a lost connection."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How a terminal behaves."""

    interval_s: int = 10
    """Device time between two positions."""
    pause_s: float = 10.0
    """Real time between two positions."""
    reports: int | None = None
    """Then it logs out; None: never."""
    blind_share: float = 0.0
    """Share of positions that are made in blind areas."""
    cut_share: float = 0.0
    """Share of positions after which the connection breaks before the answer comes."""
    batch: int = 20
    """Positions in one upload; more than 34 of them are a message in parts."""
    answer_s: float = 10.0
    """After so long without an answer a message is sent again."""
    slowest_retry_s: float = 30.0
    """Longest pause before it connects again."""
    faults: Faults = field(default_factory=Faults)


class Terminal:
    """A terminal with a memory: positions without an answer are in it, and its code."""

    def __init__(
        self,
        phone: str,
        version: int | None,
        habits: Habits,
        seen_at: Callable[[int], Seen],
        dice: random.Random,
        tally: Tally,
    ) -> None:
        """`seen_at`: the truck after so many seconds of device time."""
        self.phone, self._version, self._habits = phone, version, habits
        self._seen_at, self._dice, self._tally = seen_at, dice, tally
        self._code = ""
        self._kept: deque[Fix] = deque()
        self._line: Line | None = None
        self._newest: Fix | None = None
        self._pause_s = habits.pause_s
        self._orders: set[asyncio.Task[None]] = set()
        self._in_blind_area = False
        self._delivered = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Positions without an answer."""
        return len(self._kept)

    async def run(self, host: str, port: int, start_ms: int, stop: asyncio.Event) -> None:
        """Drive and report until `stop`, or as long as the habits say; then deliver all, and log out.

        After `stop` it tries to deliver for no longer than it waits for an answer.

        `start_ms`: device time of the first position.
        """
        reporting = asyncio.create_task(self._connect_for_ever(host, port), name=f"{self.phone}: connection")
        try:
            await self._drive(start_ms, stop)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._habits.answer_s if stop.is_set() else None):
                    await self._delivered.wait()
            if self._line is not None:
                with suppress(LineDown):
                    await self._line.ask(messages.LOG_OUT, b"", self._habits.answer_s)
        finally:
            reporting.cancel()
            await asyncio.gather(reporting, return_exceptions=True)

    async def _drive(self, start_ms: int, stop: asyncio.Event) -> None:
        """Make positions."""
        habits, number, blind = self._habits, 0, 0
        while not stop.is_set() and number != habits.reports:
            seen = self._seen_at(number * habits.interval_s)
            self._newest = Fix(start_ms + number * habits.interval_s * 1000, seen)
            self._kept.append(self._newest)
            self._delivered.clear()
            self._tally.made += 1
            number += 1
            if blind:
                blind -= 1
            elif self._dice.random() < habits.blind_share / 5:
                blind = self._dice.randrange(2, 9)
            self._in_blind_area = blind > 0
            if self._in_blind_area and self._line is not None:
                self._line.cut_off()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause_s):
                    await stop.wait()
        self._in_blind_area = False

    async def _connect_for_ever(self, host: str, port: int) -> None:
        retry_s = _FIRST_RETRY_S
        while True:
            if self._in_blind_area:
                await asyncio.sleep(min(self._pause_s, 0.05))
                continue
            line = Line(self.phone, self._version, self._habits.faults, self._dice, self._take_order)
            try:
                await line.connect(host, port, self._habits.answer_s)
                self._tally.connections += 1
                await self._sign_in(line)
                self._line, retry_s = line, _FIRST_RETRY_S
                await self._report(line)
            except LineDown as exc:
                self._tally.trouble = str(exc)
                retry_s = min(retry_s * 2, self._habits.slowest_retry_s)
            finally:
                self._line = None
                await line.close()
            await asyncio.sleep(retry_s * self._dice.random())

    async def _sign_in(self, line: Line) -> None:
        """Raises LineDown: it was refused, or got no answer."""
        if not self._code:
            edition = "2013" if self._version is None else "2019"
            card = messages.Registration(
                14, 500, "HWSIM", "HW-808", self.phone[-7:], 2, f"晋E{self.phone[-5:]}", edition
            )
            answer = await self._ask(line, messages.Registration.ID, card.body())
            self._code = messages.RegistrationAnswer.read(answer).code
            if not self._code:
                self._tally.refused += 1
                raise LineDown("registration was refused")
        shown = messages.Authentication(self._code, "861234567890123", "HW-808 1.0")
        answer = await self._ask(line, messages.Authentication.ID, shown.body(self._version))
        if messages.Answer.read(answer).result != messages.DONE:
            self._tally.refused += 1
            self._code = ""
            raise LineDown("the code was refused")

    async def _report(self, line: Line) -> None:
        """Send what is kept, the oldest first, for ever. Raises LineDown."""
        heartbeat_at = asyncio.get_running_loop().time()
        while True:
            now = asyncio.get_running_loop().time()
            if self._kept:
                await self._deliver(line)
            elif now - heartbeat_at > max(30.0, self._pause_s):
                heartbeat_at = now
                await self._ask(line, messages.HEARTBEAT, b"")
            else:
                await asyncio.sleep(min(0.02, self._pause_s))

    async def _deliver(self, line: Line) -> None:
        """One report, or an upload of what was kept: forgotten when it was answered as done."""
        fixes = list(self._kept)[: self._habits.batch]
        if self._dice.random() < self._habits.cut_share:
            asyncio.get_running_loop().call_later(self._dice.random() * 0.02, line.cut_off)
        if len(fixes) == 1:
            answer = await self._ask(line, LOCATION, fixes[0].body())
        else:
            locations = b"".join(len(body).to_bytes(2) + body for body in (fix.body() for fix in fixes))
            head = len(fixes).to_bytes(2) + bytes([_BLIND_AREA])
            answer = await self._ask(line, BATCH, head + locations)
        if messages.Answer.read(answer).result != messages.DONE:
            self._tally.refused += 1
        for _ in fixes:
            self._kept.popleft()
        if not self._kept:
            self._delivered.set()
        self._tally.answered += len(fixes)
        self._tally.from_blind_areas += len(fixes) if len(fixes) > 1 else 0

    async def _ask(self, line: Line, message_id: int, body: bytes) -> Frame:
        """Send a message until it is answered, three times at most. Raises LineDown."""
        for _ in range(3):
            answer = await line.ask(message_id, body, self._habits.answer_s)
            if answer is not None:
                return answer
            self._tally.unanswered += 1
        raise LineDown("no answer to three copies of a message")

    def _take_order(self, frame: Frame) -> None:
        task = asyncio.create_task(self._carry_out(frame), name=f"{self.phone}: order")
        self._orders.add(task)
        task.add_done_callback(self._orders.discard)

    async def _carry_out(self, frame: Frame) -> None:
        """Answer what the platform asks."""
        line = self._line
        if line is None:
            return
        self._tally.commands += 1
        with suppress(LineDown):
            if frame.message_id == ASK_LOCATION and self._newest is not None:
                await line.tell(LOCATION_ANSWER, frame.serial.to_bytes(2) + self._newest.body())
                return
            result = messages.DONE
            if frame.message_id == SetParameters.ID:
                for parameter in SetParameters.read(frame).parameters:
                    if parameter.id == INTERVAL and isinstance(parameter.value, int):
                        self._pause_s = float(parameter.value)
            elif frame.message_id not in {Text.ID, Control.ID}:
                result = messages.NOT_SUPPORTED
            answer = messages.Answer(frame.serial, frame.message_id, result)
            await line.tell(messages.Answer.FROM_TERMINAL, answer.body())
            if frame.message_id == Control.ID:
                line.cut_off()  # it restarts
