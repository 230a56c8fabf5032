"""The gateway of a scale between a pseudo terminal and a real broker: trucks pass, lines and brokers fail."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Final

import aiomqtt
import pytest

from devices.codecs.scale import SCALE
from devices.codecs.scale.settings import BUILT_IN, read_settings
from devices.codecs.scale.stream import FrameStream
from devices.codecs.topics import plate_topic
from devices.readings.decoding import Decoding
from devices.readings.models import Weighing
from ingest.gateways.publisher import GatewayPublisher
from ingest.gateways.scale.gateway import Direction, Scale, ScaleGateway
from ingest.gateways.scale.plates import PlateRead, PlateReads, receive_plates, write_plate
from ingest.gateways.scale.port import Port, SerialPort, TcpPort
from ingest.gateways.scale.site_clock import SiteClock
from ingest.gateways.scale.ticket_book import TicketBook
from ingest.mqtt.client import MqttClient
from ingest.mqtt.url import MqttUrl
from simulators.dialects.scale.bridge import Display, Visit, display
from simulators.dialects.scale.frames import WRITERS
from simulators.dialects.scale.line import PtyLine, TcpLine, tcp_line
from tests.servers import free_port
from tests.servers.mosquitto import Mosquitto
from tests.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.real

START: Final = 1_795_305_263_000
TRUCKS: Final = [Visit(15_620), Visit(31_480, axle_pause_s=2.5), Visit(8_340)]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    started = Mosquitto(tmp_path_factory.mktemp("broker"))
    started.start()
    yield started
    started.kill()


class Site:
    """A gateway, its line, and a clock that shows the time of the frame that was sent last."""

    def __init__(self, gateway: ScaleGateway, reads: PlateReads) -> None:
        self.gateway = gateway
        self.reads = reads

    def heard(self) -> int:
        return self.gateway.counts.frames + self.gateway.counts.skipped


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


@asynccontextmanager
async def site(
    broker: Mosquitto, path: Path, port: Port, clock: Clock, *, profile: str = "yaohua-kg", direction: Direction = "in"
) -> AsyncIterator[Site]:
    """A running gateway; it is cut off at the end of the block, as if it were killed."""
    url, raw = MqttUrl.parse(broker.url), dict(BUILT_IN[profile])
    scale = Scale("bridge-1", port, profile, read_settings(raw), raw, direction)
    publisher, reads = GatewayPublisher(url, "gateway-scale"), PlateReads()
    plates = MqttClient(url, "gateway-scale-plates")
    with TicketBook(path, START) as book:
        gateway = ScaleGateway(scale, publisher, book, reads, SiteClock(clock, clock))
        coroutines = [publisher.run(), gateway.run(), receive_plates(plates, "bridge-1", reads, clock)]
        running = [asyncio.create_task(one) for one in coroutines]
        try:
            yield Site(gateway, reads)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


async def pass_by(line: PtyLine | TcpLine, at: Site, shown: Iterable[Display], clock: Clock, name: str) -> None:
    """Send what the display shows, frame by frame; each is heard before the clock goes on."""
    await eventually(lambda: at.gateway.figures(connected=True).connections == 1, "the port is open")
    async with asyncio.timeout(PATIENCE_S):
        for one in shown:
            heard = at.heard()
            clock.now = one.at
            await line.write(WRITERS[name](one))
            while at.heard() == heard:  # noqa: ASYNC110 - frames are many, and each is heard at once
                await asyncio.sleep(0)


@asynccontextmanager
async def listening(broker: Mosquitto, *, kept_s: int = 0) -> AsyncIterator[MqttClient]:
    """`kept_s`: the broker keeps the session, and what comes meanwhile."""
    client = MqttClient(MqttUrl.parse(broker.url), "listener", session_expiry_s=kept_s)
    async with asyncio.timeout(PATIENCE_S), client:
        await client.subscribe("haulwatch/v1/+/+", qos=1)
        yield client


async def weighings(listener: MqttClient, count: int, profile: str = "yaohua-kg") -> list[Weighing]:
    found = []
    for _ in range(count):
        message = await listener.receive()
        assert message.topic == "haulwatch/v1/bridge-1/scale"
        [reading] = SCALE.decode(message.topic, message.payload, decoding=Decoding("scale", profile))
        assert isinstance(reading, Weighing)
        found.append(reading)
    return found


def short(visits: Sequence[Visit]) -> Iterator[Display]:
    """Trucks that stand for as long as a weight needs to settle."""
    quick = [Visit(one.kg, 1.6, one.axles, one.axle_pause_s, empty_s=1.6) for one in visits]
    return display(quick, Random(5), start_ms=START)


async def test_trucks_on_a_bridge_become_one_weighing_each(broker: Mosquitto, tmp_path: Path) -> None:
    line, clock = PtyLine(), Clock()
    try:
        async with listening(broker) as listener, site(broker, tmp_path / "b", SerialPort(line.path), clock) as here:
            async with MqttClient(MqttUrl.parse(broker.url), "gate") as gate:
                shown = list(short(TRUCKS))
                await pass_by(line, here, shown[: len(shown) // 2], clock, "yaohua-kg")
                payload = write_plate({"plate": "晋E·D0101", "by": "person", "direction": "out"})
                await gate.publish(plate_topic("bridge-1"), payload)
                await eventually(lambda: len(here.reads._reads) == 1)
                await pass_by(line, here, shown[len(shown) // 2 :], clock, "yaohua-kg")
            found = await weighings(listener, 3)
    finally:
        line.close()
    assert [one.gross_kg for one in found] == [truck.kg for truck in TRUCKS]
    assert [one.plate for one in found] == [None, "晋E·D0101", None]
    assert [one.direction for one in found] == ["in", "out", "in"]
    assert [one.seq for one in found] == [1, 2, 3]
    assert [one.ticket for one in found] == [f"261121235423-{n:06d}" for n in (1, 2, 3)]


async def test_weighings_wait_for_the_broker_also_over_a_restart(broker: Mosquitto, tmp_path: Path) -> None:
    line, clock, book = PtyLine(), Clock(), tmp_path / "b"
    shown = list(short(TRUCKS))
    middle = next(n for n, one in enumerate(shown) if one.kg == 31_480 and not one.moving) + 12  # it has settled
    async with listening(broker, kept_s=600):
        pass
    broker.stop()
    try:
        async with site(broker, book, SerialPort(line.path), clock) as here:
            await pass_by(line, here, shown[:middle], clock, "yaohua-kg")
            await eventually(lambda: here.gateway.counts.not_published > 0)
        async with site(broker, book, SerialPort(line.path), clock) as here:
            await pass_by(line, here, shown[middle:], clock, "yaohua-kg")
            assert here.gateway.counts.published == 0
    finally:
        broker.start()
    try:
        async with site(broker, book, SerialPort(line.path), clock), listening(broker, kept_s=60) as listener:
            found = await weighings(listener, 3)
    finally:
        line.close()
    assert [one.gross_kg for one in found] == [truck.kg for truck in TRUCKS]
    assert [one.seq for one in found] == [1, 2, 3]
    with TicketBook(book, START) as reopened:
        assert reopened.waiting() <= 1, "the last PUBACK may have come after the end"


async def test_converter_that_hangs_up_is_called_again(broker: Mosquitto, tmp_path: Path) -> None:
    port, clock = free_port(), Clock()
    shown = list(short(TRUCKS[:1]))
    where = TcpPort("127.0.0.1", port)
    async with listening(broker) as listener, site(broker, tmp_path / "b", where, clock, profile="toledo-7e1") as here:
        async with tcp_line("127.0.0.1", port) as line:  # it was not there when the gateway started
            await eventually(lambda: line.connections == 1)
            await pass_by(line, here, shown[:60], clock, "toledo-7e1")
        async with tcp_line("127.0.0.1", port) as line:
            await eventually(lambda: line.connections == 1)
            await pass_by(line, here, shown[60:], clock, "toledo-7e1")
        [found] = await weighings(listener, 1, "toledo-7e1")
    assert found.gross_kg == 15_620


async def test_gate_for_both_ways_takes_a_truck_that_came_in_as_leaving(tmp_path: Path) -> None:
    """Without a broker: what is decided is on disk."""
    clock = Clock()
    found = []
    raw = dict(BUILT_IN["yaohua-kg"])
    scale = Scale("bridge-1", SerialPort("none"), "yaohua-kg", read_settings(raw), raw, "both")
    for plate in ("晋E1", "晋E2", "晋E1", None, "晋E1"):
        reads = PlateReads()
        with TicketBook(tmp_path / "b", START) as book:  # the process ends after each truck
            gateway = ScaleGateway(scale, _Nobody(), book, reads, SiteClock(clock, clock))
            start = clock.now
            for one in display([Visit(15_620, 2.0)], Random(5), start_ms=start):
                if plate is not None and one.at == start + 8_000:
                    reads.add(PlateRead(plate=plate), one.at)
                gateway.take(FrameStream(scale.settings).feed(WRITERS["yaohua-kg"](one)), one.at)
                clock.now = one.at
            waiting = book.oldest()
            assert waiting is not None
            book.published(waiting.number)
        [reading] = SCALE.decode("haulwatch/v1/bridge-1/scale", waiting.message)
        assert isinstance(reading, Weighing)
        found.append((reading.plate, reading.direction))
    assert found == [("晋E1", "in"), ("晋E2", "in"), ("晋E1", "out"), (None, "in"), ("晋E1", "in")]


async def test_retained_plate_is_of_an_earlier_truck(broker: Mosquitto) -> None:
    reads, clock = PlateReads(), Clock()
    client = MqttClient(MqttUrl.parse(broker.url), "gateway-scale-plates")
    url = MqttUrl.parse(broker.url)
    async with asyncio.timeout(PATIENCE_S), aiomqtt.Client(url.host, url.port) as camera:
        payload = write_plate({"plate": "晋E1"})
        await camera.publish(plate_topic("bridge-2"), payload, qos=1, retain=True)
        taking = asyncio.create_task(receive_plates(client, "bridge-2", reads, clock))
        try:
            await eventually(lambda: client.connected)
            while not reads._reads:  # until it has subscribed: another plate, which is not retained
                await camera.publish(plate_topic("bridge-2"), write_plate({"plate": "晋E2"}), qos=1)
                await asyncio.sleep(0.01)
        finally:
            taking.cancel()
            await camera.publish(plate_topic("bridge-2"), b"", qos=1, retain=True)
    assert {read.plate for _, read in reads._reads} == {"晋E2"}


class _Nobody:
    async def publish(self, device_id: str, dialect: str, payload: bytes) -> None:
        raise AssertionError
