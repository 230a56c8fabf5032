"""The gateway of one scale: reads its port, decides about passes, numbers tickets on disk, publishes them.

    port → frames → passes → ticket book → broker

Each arrow survives what comes after it: the broker may be away, and the process may die between any two steps. A disk
that takes no ticket ends nothing: tickets wait in memory (`unsaved`), and the status says so.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, Protocol

from devices.codecs.scale.codec import DIALECT
from devices.codecs.scale.passage import PassageMessage, write_passage
from devices.codecs.scale.settings import Format, ScaleSettings
from devices.codecs.scale.stream import FrameStream, Skipped
from devices.codecs.scale.yaohua import Quantity, request
from ingest.gateways.publisher import NotPublished
from ingest.gateways.scale.passes import Event, Passes, Settled, Unweighed, Weighed
from ingest.gateways.scale.plates import PlateRead, PlateReads
from ingest.gateways.scale.plausibility import Doubt, Plausibility
from ingest.gateways.scale.port import OpenPort, Port, PortUnavailable, open_port
from ingest.gateways.scale.site_clock import SiteClock
from ingest.gateways.scale.ticket_book import Passage, TicketBook, TicketBookFailed, Waiting
from ingest.gateways.scale.unsaved import Entry, Forget, Issue, Unsaved
from ingest.gateways.status import GatewayFigures
from ingest.process.backoff import Backoff
from ingest.process.trouble_log import TroubleLog

_FIRST_RETRY_S: Final = 0.5
_SLOWEST_RETRY_S: Final = 30.0
_SAVE_EVERY_S: Final = 1.0
"""Between two attempts to write what the disk did not take."""
SILENT_MS: Final = 10_000
"""An indicator that works sends several frames a second."""

_NOISE: Final = 20
"""Stretches of bytes without a frame among them, after which the profile or the line is wrong."""

_ADVICE: Final = {
    Doubt.FINER_THAN_A_TRUCK_SCALE: "it shows fractions of a kilogram: perhaps tonnes that are read as kilograms",
    Doubt.OVER_CAPACITY: "it shows more than the scale's capacity: perhaps kilograms that are read as tonnes",
    Doubt.TOO_HEAVY: "trucks of more than 100 t: perhaps a wrong count of decimals",
    Doubt.ALL_LIGHT: "none of 20 trucks weighed 5 t: perhaps a wrong count of decimals",
}

Direction = Literal["in", "out", "both"]
"""`both`: a truck with a plate that came in leaves next; one without a plate comes in."""

_log = logging.getLogger(__name__)


class Publisher(Protocol):
    """Publishes at QoS 1 (`ingest.gateways.publisher.GatewayPublisher`)."""

    async def publish(self, device_id: str, dialect: str, payload: bytes) -> None:
        """Return after the broker's PUBACK. Raises NotPublished."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What the operator states of the scale."""

    device_id: str
    port: Port
    profile: str
    settings: ScaleSettings
    raw_settings: dict[str, Any]
    """The settings of the profile as they are written; they go into each message."""
    direction: Direction


@dataclass(slots=True)
class Counts:
    """What became of frames and passes since the start."""

    frames: int = 0
    skipped: int = 0
    """Stretches of bytes that held no frame."""
    tickets: int = 0
    published: int = 0
    not_published: int = 0
    """Attempts that the broker did not take."""
    without_ticket: Counter[str] = field(default_factory=Counter)
    """Passes without a weighing, by reason."""


class ScaleGateway:
    """Runs for ever; cancel it to end. For one event loop."""

    def __init__(
        self,
        scale: Scale,
        publisher: Publisher,
        book: TicketBook,
        reads: PlateReads,
        clock: SiteClock,
    ) -> None:
        self._scale = scale
        self._publisher = publisher
        self._book = book
        self._reads = reads
        self._clock = clock
        self._passes = Passes(scale.settings, book.kept())
        self._plausibility = Plausibility(scale.settings)
        self._unsaved = Unsaved(self._carry_out)
        self._issued = asyncio.Event()
        self._issued.set()
        self.counts = Counts()
        self._reading = False
        """The port is open."""
        self._heard_at = 0
        """When the last frame came, or the port was opened, ms."""
        self._noise = 0
        """Stretches without a frame since the last frame."""
        self._published_to = 0
        """Number of the newest ticket that the broker took. The disk may not know it yet."""
        self._trouble = TroubleLog(_log, f"gateway scale: {scale.device_id}: ")

    def figures(self, *, connected: bool) -> GatewayFigures:
        """What the gateway does; of refusals, the passes without a ticket. `connected`: to the broker."""
        counts = self.counts
        return GatewayFigures(
            broker_connected=connected,
            devices=int(self._reading),
            connections=int(self._reading),
            received=counts.frames,
            published=counts.published,
            not_published=counts.not_published,
            refused={"noise": counts.skipped, **counts.without_ticket},
            troubles=tuple(self._troubles()),
        )

    def _troubles(self) -> Iterator[str]:
        if not self._reading:
            yield "port_closed"
        elif self._noise >= _NOISE:
            yield "wrong_profile"
        elif self._clock() - self._heard_at > max(SILENT_MS, 3 * self._scale.settings.poll_ms):
            yield "port_silent"
        if self._unsaved.trouble is not None:
            yield "not_on_disk"
        if self._unsaved.lost:
            yield "tickets_lost"
        yield from sorted(self._plausibility.doubts())

    async def run(self) -> None:
        """Read and publish for ever. What is in memory only is named when it is cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read(), name="read the indicator")
                tasks.create_task(self._publish(), name="publish weighings")
                tasks.create_task(self._save(), name="save weighings")
        finally:
            self._unsaved.retry()
            for weighed in self._unsaved.weighings():
                self._name_lost(weighed, "the disk did not take it")

    async def _save(self) -> None:
        """Try again what the disk did not take."""
        while True:
            await asyncio.sleep(_SAVE_EVERY_S)
            if self._unsaved.trouble is not None:
                self._unsaved.retry()
                if self._unsaved.trouble is None:
                    self._trouble.ended("disk")
                    _log.info("gateway scale: %s: the disk takes tickets again", self._scale.device_id)

    async def _read(self) -> None:
        backoff = Backoff(_FIRST_RETRY_S, _SLOWEST_RETRY_S)
        while True:
            try:
                async with open_port(self._scale.port, self._scale.settings) as port:
                    await self._read_port(port, backoff)
            except PortUnavailable as exc:
                if not backoff.failures:
                    _log.warning(
                        "gateway scale: %s: %s: no weighings until it is back: check cable, port and baud rate",
                        self._scale.port,
                        exc,
                    )
            await asyncio.sleep(backoff.next_pause_s())

    async def _read_port(self, port: OpenPort, backoff: Backoff) -> None:
        """Read until the port breaks. Raises PortUnavailable."""
        stream = FrameStream(self._scale.settings)
        self._reading, self._heard_at, asking = True, self._clock(), None
        _log.info("gateway scale: %s: open, read by profile %s", self._scale.port, self._scale.profile)
        if self._scale.settings.format is Format.COMMAND:
            asking = asyncio.create_task(self._ask(port), name="ask the indicator")
        try:
            while True:
                data = await port.read()
                if not self._passes.is_occupied:
                    self._clock.follow_wall()
                self.take(stream.feed(data), self._clock())
                if not self._noise:
                    backoff.reset()
        finally:
            self._reading = False
            self._noise = 0
            if asking is not None:
                asking.cancel()

    async def _ask(self, port: OpenPort) -> None:
        question = request(self._scale.settings.address, Quantity.GROSS)
        try:
            while True:
                await port.write(question)
                await asyncio.sleep(self._scale.settings.poll_ms / 1000)
        except PortUnavailable:
            return  # the reader notices it too

    def take(self, found: list[Any], at: int) -> None:
        """Judge frames that came at `at` (ms)."""
        for one in found:
            if isinstance(one, Skipped):
                self.counts.skipped += 1
                self._warn_of_noise()
                _log.debug("gateway scale: %d bytes are no frame (%s): %s", len(one.raw), one.fault, one.raw.hex(" "))
                continue
            self.counts.frames += 1
            self._noise, self._heard_at = 0, at
            self._plausibility.frame(one)
            for event in self._passes.take(one, at):
                self._plausibility.event(event)
                self._act(event)
            for doubt in self._plausibility.doubts():
                self._trouble.warn(doubt, f"{_ADVICE[doubt]}: check unit and decimals of profile {self._scale.profile}")

    def _warn_of_noise(self) -> None:
        self._noise += 1
        if self._noise == _NOISE:
            _log.warning(
                "gateway scale: %s: what comes is not of profile %s: check format, baud rate and parity",
                self._scale.port,
                self._scale.profile,
            )

    def _act(self, event: Event) -> None:
        match event:
            case Settled():
                self._add(event)
            case Weighed():
                self._add(Issue(event, self._reads.of_pass(event.settled.began_at, event.ended_at)))
            case Unweighed():
                self._add(Forget())
                self._reads.of_pass(event.began_at, event.ended_at)
                self.counts.without_ticket[event.why] += 1
                _log.warning(
                    "gateway scale: %s: a pass of up to %s kg has no ticket: %s",
                    self._scale.device_id,
                    event.heaviest_kg,
                    event.why,
                )

    def _add(self, entry: Entry) -> None:
        lost = self._unsaved.lost
        self._unsaved.add(entry)
        if self._unsaved.trouble is not None:
            text = (
                f"{self._unsaved.trouble}. Until then weighings are in memory only, and are lost if this process ends"
            )
            self._trouble.warn("disk", text)
        if self._unsaved.lost > lost and isinstance(entry, Issue):
            self._name_lost(entry.weighed, "memory holds no more of them")

    def _name_lost(self, weighed: Weighed, why: str) -> None:
        _log.error(
            "gateway scale: %s: a weighing is lost, %s: %s kg, settled at %s",
            self._scale.device_id,
            why,
            weighed.settled.kg,
            datetime.fromtimestamp(weighed.settled.at / 1000, UTC).isoformat(timespec="seconds"),
        )

    def _carry_out(self, entry: Entry) -> None:
        """Raises TicketBookFailed."""
        match entry:
            case Settled():
                self._book.keep(entry)
            case Forget():
                self._book.forget()
            case Issue():
                self._issue(entry.weighed, entry.read)

    def _issue(self, weighed: Weighed, read: PlateRead | None) -> None:
        settled = weighed.settled
        direction = self._direction(read, settled.at)
        passage = None if read is None else Passage(read.plate, settled.at, direction == "in")
        number = self._book.issue(lambda number: self._message(number, weighed, read, direction), passage)
        self.counts.tickets += 1
        self._issued.set()
        _log.info(
            "gateway scale: %s: ticket %s: %s kg, %s",
            self._scale.device_id,
            self._book.ticket(number),
            settled.kg,
            "no plate" if read is None else f"plate by {read.by}",
        )

    def _direction(self, read: PlateRead | None, at: int) -> Literal["in", "out"]:
        if read is not None and read.direction is not None:
            return read.direction
        if self._scale.direction != "both":
            return self._scale.direction
        return "out" if read is not None and self._book.came_in(read.plate, at) else "in"

    def _message(self, number: int, weighed: Weighed, read: PlateRead | None, direction: Literal["in", "out"]) -> bytes:
        settled = weighed.settled
        message = PassageMessage(
            ticket=self._book.ticket(number),
            seq=number,
            ts=settled.at,
            began_at=settled.began_at,
            ended_at=weighed.ended_at,
            direction=direction,
            frames=list(settled.frames),
            zero_kg=None if settled.zero_kg is None else float(settled.zero_kg),
            plate=None if read is None else read.plate,
            plate_by=None if read is None else read.by,
            material=None if read is None else read.material,
            manifest=None if read is None else read.manifest,
            profile=self._scale.profile,
            settings=self._scale.raw_settings,
        )
        return write_passage(message)

    async def _publish(self) -> None:
        """Publish what waits, oldest first, for ever."""
        backoff = Backoff(_FIRST_RETRY_S, _SLOWEST_RETRY_S)
        while True:
            await self._issued.wait()
            try:
                waiting = self._oldest()
                if waiting is None:
                    self._issued.clear()
                    continue
                await self._publisher.publish(self._scale.device_id, DIALECT, waiting.message)
            except (NotPublished, TicketBookFailed) as exc:
                self.counts.not_published += 1
                if not backoff.failures:
                    _log.warning("gateway scale: weighings wait on disk: %s", exc)
                await asyncio.sleep(backoff.next_pause_s())
                continue
            backoff.reset()
            self._published_to = waiting.number
            self.counts.published += 1

    def _oldest(self) -> Waiting | None:
        """The next one to publish; those before it leave the disk. Raises TicketBookFailed."""
        try:
            self._book.published(self._published_to)
        except TicketBookFailed as exc:  # it stays there: after a restart it is published again, as a duplicate
            self._trouble.warn("disk", str(exc))
        return self._book.oldest(self._published_to)
