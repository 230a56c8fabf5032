"""A full disk and a silent port: the gateway goes on, says so, and loses nothing while it lives."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

import pytest

from devices.codecs.scale import SCALE
from devices.codecs.scale.settings import BUILT_IN, read_settings
from devices.codecs.scale.stream import FrameStream
from devices.readings.models import Weighing
from ingest.gateways.publisher import NotPublished
from ingest.gateways.scale import gateway as gateway_module
from ingest.gateways.scale import unsaved
from ingest.gateways.scale.gateway import SILENT_MS, Scale, ScaleGateway
from ingest.gateways.scale.plates import PlateReads
from ingest.gateways.scale.port import SerialPort, TcpPort
from ingest.gateways.scale.site_clock import SiteClock
from ingest.gateways.scale.ticket_book import TicketBook
from simulators.dialects.scale.bridge import Visit, display
from simulators.dialects.scale.frames import yaohua
from simulators.dialects.scale.line import tcp_line
from tests.servers import free_port
from tests.waiting import eventually

START: Final = 1_795_305_263_000
RAW: Final = dict(BUILT_IN["yaohua-kg"])


class Broker:
    """Takes what is published, while it is there."""

    def __init__(self) -> None:
        self.is_there = True
        self.published: list[bytes] = []

    async def publish(self, device_id: str, dialect: str, payload: bytes) -> None:
        if not self.is_there:
            raise NotPublished("the broker is away")
        self.published.append(payload)

    @property
    def weighings(self) -> list[Weighing]:
        found = [SCALE.decode("haulwatch/v1/bridge-1/scale", payload)[0] for payload in self.published]
        return [one for one in found if isinstance(one, Weighing)]

    @property
    def weights(self) -> list[float]:
        return [one.gross_kg for one in self.weighings]


class Bridge:
    """A gateway without a port, on a disk that may be full."""

    def __init__(self, book: TicketBook) -> None:
        self.now = START
        self.broker = Broker()
        self.book = book
        scale = Scale("bridge-1", SerialPort("none"), "yaohua-kg", read_settings(RAW), RAW, "in")
        self.gateway = ScaleGateway(scale, self.broker, self.book, PlateReads(), SiteClock(self.clock, self.clock))

    def clock(self) -> int:
        return self.now

    def fill_disk(self) -> None:
        self.book._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (pages,) = self.book._db.execute("PRAGMA page_count").fetchone()
        self.book._db.execute(f"PRAGMA max_page_count={pages}")
        self.book._db.execute("PRAGMA query_only=ON")  # also what would fit into a page that is there

    def free_disk(self) -> None:
        self.book._db.execute("PRAGMA max_page_count=1000000")
        self.book._db.execute("PRAGMA query_only=OFF")

    def drive(self, *kgs: int) -> None:
        stream = FrameStream(read_settings(RAW))
        for one in display([Visit(kg, 2.0, empty_s=2.0) for kg in kgs], Random(5), start_ms=self.now):
            self.now = one.at
            self.gateway.take(stream.feed(yaohua(one)), one.at)

    @property
    def troubles(self) -> set[str]:
        return set(self.gateway.figures(connected=True).troubles)


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Bridge]:
    with TicketBook(tmp_path / "scale.sqlite", START) as book:
        yield Bridge(book)


async def test_weighings_on_a_full_disk_wait_in_memory_and_are_published_when_there_is_room(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gateway_module, "_SAVE_EVERY_S", 0.01)
    bridge.drive(15_620)
    bridge.fill_disk()
    bridge.drive(31_480, 8_340)
    assert "not_on_disk" in bridge.troubles
    assert caplog.text.count("in memory only") == 1
    running = asyncio.create_task(bridge.gateway.run())
    try:
        await eventually(lambda: bridge.broker.weights == [15_620.0], "what was on disk is published")
        bridge.free_disk()
        await eventually(lambda: bridge.broker.weights == [15_620.0, 31_480.0, 8_340.0], "the rest is published")
        assert "not_on_disk" not in bridge.troubles
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert [one.seq for one in bridge.broker.weighings] == [1, 2, 3]


async def test_what_the_disk_did_not_take_is_named_at_the_end(bridge: Bridge, caplog: pytest.LogCaptureFixture) -> None:
    bridge.fill_disk()
    bridge.drive(31_480)
    running = asyncio.create_task(bridge.gateway.run())
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    [said] = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert "a weighing is lost, the disk did not take it: 31480 kg, settled at 2026-11-21T" in said


async def test_what_memory_does_not_hold_either_is_named_at_once(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(unsaved, "MAX_UNSAVED", 1)
    bridge.fill_disk()
    bridge.drive(31_480, 8_340)
    [said] = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert "a weighing is lost, memory holds no more of them: 8340 kg, settled at 2026-11-21T" in said
    assert bridge.troubles == {"not_on_disk", "port_closed", "tickets_lost"}


async def test_ticket_that_the_disk_cannot_forget_is_published_once_while_the_process_lives(bridge: Bridge) -> None:
    bridge.drive(15_620, 31_480)
    bridge.fill_disk()
    running = asyncio.create_task(bridge.gateway.run())
    try:
        await eventually(lambda: len(bridge.broker.published) == 2)
        bridge.free_disk()
        bridge.drive(8_340)
        await eventually(lambda: bridge.broker.weights == [15_620.0, 31_480.0, 8_340.0])
        await eventually(lambda: bridge.book.waiting() == 0)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def test_closed_port_is_a_trouble(bridge: Bridge) -> None:
    assert bridge.troubles == {"port_closed"}


async def test_port_that_is_silent_or_speaks_otherwise_is_a_trouble(tmp_path: Path) -> None:
    now, port = [START], free_port()
    with TicketBook(tmp_path / "scale.sqlite", START) as book:
        scale = Scale("bridge-1", TcpPort("127.0.0.1", port), "yaohua-kg", read_settings(RAW), RAW, "in")
        clock = SiteClock(lambda: now[0], lambda: now[0])
        gateway = ScaleGateway(scale, Broker(), book, PlateReads(), clock)

        def troubles() -> list[str]:
            return list(gateway.figures(connected=True).troubles)

        running = asyncio.create_task(gateway.run())
        try:
            async with tcp_line("127.0.0.1", port) as line:
                await eventually(lambda: troubles() == [], "the port is open")
                now[0] += SILENT_MS + 1
                assert troubles() == ["port_silent"]
                await line.write(b"\x02+000000018\x03")
                await eventually(lambda: troubles() == [], "a frame came")
                await line.write(b"\x02+00000001A\x03" * 1_000)
                await eventually(lambda: troubles() == ["wrong_profile"])
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
