"""The gateway on a port of its own, with terminals that speak to it over TCP and a broker that the test steers."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import cast

import pytest

from devices.codecs.jt808 import messages
from devices.codecs.jt808.frame import Frame, FrameReader, parse_frame
from devices.codecs.jt808.location import LOCATION, parse_batch, parse_location
from devices.commands.model import CommandOutcome, Locate, LockLift, Order, Reboot, Received, ReportInterval, ShowText
from ingest.gateways.jt808.connection import Limits
from ingest.gateways.jt808.server import Jt808Gateway
from ingest.gateways.publisher import ForDevice
from simulators.dialects.jt808.fleet import run_terminals, terminals
from simulators.dialects.jt808.line import Faults
from simulators.dialects.jt808.terminal import Habits
from tests.ingest.gateways.jt808.parts import (
    CODES,
    PHONE,
    POLICY,
    T0,
    FakePublisher,
    authentication,
    frame,
    location,
)
from tests.servers import free_port
from tests.waiting import PATIENCE_S, eventually

LIMITS = Limits(frames_per_s=1_000_000.0)


class Wire:
    """A terminal of the test: sends bytes, and waits for frames."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer, self._frames = reader, writer, FrameReader()
        self._got: list[Frame] = []

    def send(self, raw: bytes) -> None:
        self._writer.write(raw)

    async def next(self) -> Frame | None:
        """The next frame; None: the gateway closed the connection."""
        async with asyncio.timeout(PATIENCE_S):
            while not self._got:
                try:
                    data = await self._reader.read(4_096)
                except ConnectionError:
                    return None
                if not data:
                    return None
                self._got = [parse_frame(raw) for raw in self._frames.feed(data)]
        return self._got.pop(0)

    async def answer(self) -> messages.Answer:
        found = await self.next()
        assert found is not None
        assert found.message_id == messages.Answer.FROM_PLATFORM, found
        return messages.Answer.read(found)

    async def sign_in(self, phone: str = PHONE) -> None:
        self.send(authentication(CODES.code_of(phone), phone))
        assert (await self.answer()).result == messages.DONE

    def close(self) -> None:
        self._writer.close()


class Running:
    """A gateway that runs."""

    def __init__(self, gateway: Jt808Gateway, publisher: FakePublisher, port: int) -> None:
        self.gateway, self.publisher, self.port = gateway, publisher, port
        self._wires: list[Wire] = []

    async def connect(self) -> Wire:
        self._wires.append(Wire(*await asyncio.open_connection("127.0.0.1", self.port)))
        return self._wires[-1]

    def close(self) -> None:
        for wire in self._wires:
            wire.close()

    @property
    def data(self) -> list[bytes]:
        """What was published of positions."""
        return [payload for _, payload in self.publisher.published if b"\x8f\xfe" not in payload[:3]]


@asynccontextmanager
async def running(limits: Limits = LIMITS) -> AsyncIterator[Running]:
    publisher, port, stop = FakePublisher(), free_port(), asyncio.Event()
    gateway = Jt808Gateway(publisher, POLICY, limits)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(gateway.run("127.0.0.1", port, stop))
        started = Running(gateway, publisher, port)
        await eventually(lambda: gateway.listening)
        try:
            yield started
        finally:
            stop.set()
            started.close()


async def test_a_report_is_answered_after_the_broker_took_it_and_not_before() -> None:
    async with running() as gateway:
        wire = await gateway.connect()
        await wire.sign_in()
        gateway.publisher.gate.clear()
        wire.send(location(serial=3))
        await eventually(lambda: gateway.gateway.counts.received == 2)
        answer = asyncio.create_task(wire.answer())
        await asyncio.sleep(0.05)
        assert not answer.done()
        gateway.publisher.gate.set()
        assert await answer == messages.Answer(3, LOCATION, messages.DONE)
        assert gateway.data == [location(serial=3)]


async def test_while_the_broker_is_away_reports_get_no_answer_and_heartbeats_do() -> None:
    async with running() as gateway:
        wire = await gateway.connect()
        await wire.sign_in()
        gateway.publisher.takes = False
        wire.send(location(serial=3) + frame(messages.HEARTBEAT, serial=4))
        assert (await wire.answer()).serial == 4
        gateway.publisher.takes = True
        wire.send(location(serial=3))
        assert (await wire.answer()).serial == 3
        figures = gateway.gateway.figures()
        assert (figures.not_published, figures.devices, figures.connections) == (2, 1, 1)


async def test_frames_that_come_cut_and_merged_lose_no_neighbour() -> None:
    async with running() as gateway:
        wire = await gateway.connect()
        await wire.sign_in()
        sent = [location(T0 + 1_000 * number, number) for number in range(30)]
        broken = sent[0][:-2] + bytes([sent[0][-2] ^ 1]) + b"\x7e"
        stream = b"".join(sent[:10]) + broken + b"noise" + b"".join(sent[10:20]) + b"".join(sent[20:])
        dice = random.Random(5)
        while stream:
            size = dice.randrange(1, 60)
            wire.send(stream[:size])
            stream = stream[size:]
            await asyncio.sleep(0)
        assert [(await wire.answer()).serial for _ in sent] == list(range(30))
        assert gateway.data == sent


async def test_a_second_connection_of_a_terminal_ends_the_first() -> None:
    async with running() as gateway:
        first, second = await gateway.connect(), await gateway.connect()
        await first.sign_in()
        await second.sign_in()
        assert await first.next() is None
        second.send(location())
        await second.answer()
        figures = gateway.gateway.figures()
        assert (figures.devices, figures.refused) == (1, {"replaced": 1})
    assert gateway.gateway.figures().devices == 0


async def test_a_connection_too_many_is_closed_and_the_others_stay() -> None:
    async with running(replace(LIMITS, connections=1)) as gateway:
        first = await gateway.connect()
        await first.sign_in()
        second = await gateway.connect()
        assert await second.next() is None
        first.send(location())
        await first.answer()
        assert gateway.gateway.figures().refused == {"connection_limit": 1}


async def test_who_is_silent_or_never_shows_a_code_is_sent_away() -> None:
    async with running() as gateway:
        registered, stranger = await gateway.connect(), await gateway.connect()
        await registered.sign_in()
        await eventually(lambda: len(gateway.gateway.connections) == 2)
        now = gateway.gateway.now()
        for connection in list(gateway.gateway.connections):
            connection.tend(now + LIMITS.sign_in_s + 1)
        assert await stranger.next() is None
        for connection in list(gateway.gateway.connections):
            connection.tend(now + LIMITS.idle_s + 1)
        assert await registered.next() is None
        assert gateway.gateway.figures().refused == {"never_signed_in": 1, "idle": 1}


async def test_a_terminal_that_sends_too_fast_is_read_more_slowly_and_loses_nothing() -> None:
    async with running(replace(LIMITS, frames_per_s=50.0, burst_frames=5)) as gateway:
        wire = await gateway.connect()
        began = gateway.gateway.now()
        await wire.sign_in()
        wire.send(b"".join(location(T0 + 1_000 * number, number) for number in range(24)))
        assert [(await wire.answer()).serial for _ in range(24)] == list(range(24))
        assert gateway.gateway.now() - began > 19 / 50.0


async def test_a_terminal_that_reads_no_answers_is_cut_off() -> None:
    async with running() as gateway:
        wire = await gateway.connect()
        await wire.sign_in()
        [connection] = gateway.gateway.connections
        connection.pause_writing()  # as asyncio does when too much waits
        assert await wire.next() is None
        assert gateway.gateway.figures().refused == {"not_reading": 1}


async def test_a_connection_that_ended_itself_is_not_kept_for_a_terminal_that_reads_no_answers() -> None:
    async with running(replace(LIMITS, idle_s=0.2)) as gateway:
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(authentication(CODES.code_of(PHONE)))
        await eventually(lambda: gateway.gateway.figures().devices == 1)
        [connection] = gateway.gateway.connections
        assert connection._transport is not None
        cast("asyncio.Transport", writer.transport).pause_reading()
        while not connection._transport.get_write_buffer_size():  # fills what the system keeps for the terminal
            connection.write(bytes(4_096))
        writer.write(frame(messages.LOG_OUT))
        await eventually(lambda: connection._ending and not gateway.gateway.connections)
        writer.close()


async def test_random_bytes_end_no_more_than_their_own_connection() -> None:
    async with running() as gateway:
        good = await gateway.connect()
        await good.sign_in()
        dice = random.Random(7)
        for _ in range(20):
            wire = await gateway.connect()
            for _ in range(20):
                wire.send(dice.choice([b"\x7e", b"", frame(dice.randrange(0x1_0000), dice.randbytes(30))]))
                wire.send(dice.randbytes(dice.randrange(200)))
            wire.send(b"\x7e" * 3)
        good.send(location())
        assert (await good.answer()).result == messages.DONE
        assert gateway.data == [location()]


async def command(gateway: Running, number: int, order: Order, now_ms: int) -> None:
    received = Received(id=f"{number:016x}", expires_at=now_ms + 300_000, order=order)
    gateway.publisher.orders.put_nowait(ForDevice(PHONE, received))
    gateway.publisher.orders.put_nowait(ForDevice("truck-001", received))


async def test_commands_reach_the_terminal_and_its_answers_come_back() -> None:
    async with running() as gateway:
        now_ms, acknowledged = gateway.gateway.now_ms(), gateway.publisher.acknowledged
        await command(gateway, 1, ReportInterval(interval_s=30), now_ms)  # before it is there
        wire = await gateway.connect()
        await wire.sign_in()
        asked = await wire.next()
        assert asked is not None
        assert asked.message_id == 0x8103
        wire.send(frame(messages.Answer.FROM_TERMINAL, messages.Answer(asked.serial, 0x8103, 0).body()))
        await command(gateway, 2, Locate(), now_ms)
        asked = await wire.next()
        assert asked is not None
        wire.send(frame(0x0201, asked.serial.to_bytes(2) + bytes(28)))
        await command(gateway, 3, ShowText(text="慢行"), now_ms)
        asked = await wire.next()
        assert asked is not None
        wire.send(frame(messages.Answer.FROM_TERMINAL, messages.Answer(asked.serial, 0x8300, 3).body()))
        await eventually(lambda: len(acknowledged) == 3)
        assert [(device, int(answer.id, 16), answer.outcome) for device, answer in acknowledged] == [
            (PHONE, 1, CommandOutcome.DONE), (PHONE, 2, CommandOutcome.DONE), (PHONE, 3, CommandOutcome.UNSUPPORTED),
        ]  # fmt: skip
        await command(gateway, 2, Locate(), now_ms)  # a copy: answered, and not asked again
        await eventually(lambda: len(acknowledged) == 4)
        assert acknowledged[3] == acknowledged[1]


async def test_nothing_is_answered_for_a_device_that_never_came_here() -> None:
    """A device of another dialect may have an id of 12 hexadecimal digits, such as a MAC address."""
    mac = "a4c138d2e5f0"
    async with running() as gateway:
        wire = await gateway.connect()
        await wire.sign_in()
        at_ms = gateway.gateway.now_ms() + 60_000
        for device_id in (mac, PHONE):
            given = Received(id=f"{1:016x}", expires_at=at_ms, order=LockLift(locked=True))
            await gateway.publisher.orders.put(ForDevice(device_id, given))
        await eventually(lambda: bool(gateway.publisher.acknowledged))
        [(device_id, answer)] = gateway.publisher.acknowledged
        assert (device_id, answer.outcome) == (PHONE, CommandOutcome.UNSUPPORTED)


async def test_a_reboot_is_done_when_the_terminal_is_back() -> None:
    async with running() as gateway:
        wire = await gateway.connect()
        await wire.sign_in()
        await command(gateway, 1, Reboot(), gateway.gateway.now_ms())
        asked = await wire.next()
        assert asked is not None
        assert (asked.message_id, asked.body) == (0x8105, b"\x04")
        wire.close()
        again = await gateway.connect()
        await again.sign_in()
        await eventually(lambda: gateway.publisher.acknowledged)
        assert gateway.publisher.acknowledged[0][1].outcome is CommandOutcome.DONE


@pytest.mark.parametrize("share", [0.0, 0.15])
async def test_simulated_terminals_with_faults_lose_no_position(share: float) -> None:
    """What they count as answered is what was published, each position at least once and none that was never made."""
    habits = Habits(
        pause_s=0.005,
        reports=25,
        blind_share=0.3,
        cut_share=share,
        batch=40,
        answer_s=PATIENCE_S,
        faults=Faults(share, share, share, share, share),
    )
    async with running() as gateway:
        fleet, tally = terminals(8, habits, seed=3)
        async with asyncio.timeout(PATIENCE_S):
            await run_terminals(fleet, habits, ("127.0.0.1", gateway.port), T0, asyncio.Event())
        assert (tally.made, tally.answered, tally.refused) == (200, 200, 0)
        assert {phone.removesuffix("/jt808") for phone, _ in gateway.publisher.published} == {
            one.phone for one in fleet
        }
        assert len(positions(gateway.publisher.published)) == 200
        assert tally.from_blind_areas > 0


def positions(published: list[tuple[str, bytes]]) -> set[tuple[str, int | None]]:
    """Phone and time of every position that was published."""
    found = set()
    for _, payload in published:
        frames = [parse_frame(raw) for raw in FrameReader().feed(payload)]
        if frames[0].message_id == LOCATION:
            found.add((frames[0].phone, parse_location(frames[0].body).ts_ms))
        elif frames[0].message_id == 0x0704:
            whole = replace_body(frames)
            found |= {(whole.phone, parse_location(body).ts_ms) for body in parse_batch(whole).bodies}
    return found


def replace_body(frames: list[Frame]) -> Frame:
    first = frames[0]
    return Frame(first.message_id, first.phone, first.serial, b"".join(one.body for one in frames), first.version)
