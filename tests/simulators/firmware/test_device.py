"""One device over a connection that comes and goes."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from devices.readings.models import Fill
from simulators.firmware.device import Firmware
from simulators.firmware.events import DeviceEvent, Heartbeat, NetworkDown, NetworkUp, PowerCut, Sensed
from simulators.firmware.link import LastWill, Link, LinkLost
from simulators.firmware.memory import Counters, FolderMemory
from simulators.firmware.orders import Controls
from simulators.firmware.tally import Tally
from tests.waiting import PATIENCE_S

T0 = 1_792_000_000_000


class FakeClock:
    """Jumps to whatever is waited for."""

    def __init__(self) -> None:
        self.now = T0
        self.rests: list[float] = []
        self.rested_twice = asyncio.Event()

    def now_ms(self) -> int:
        return self.now

    async def wait_until(self, ts: int) -> None:
        for _ in range(20):  # the connection is faster than the sensors
            await asyncio.sleep(0)
        self.now = max(self.now, ts)

    async def rest(self, seconds: float) -> None:
        self.rests.append(seconds)
        if len(self.rests) == 2:
            self.rested_twice.set()
        for _ in range(200):
            await asyncio.sleep(0)


class FakeBroker:
    """Acknowledges what arrives; refuses connections, or breaks a publish, where the test says so."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, Any, bool]] = []
        self.wills: list[Any] = []
        self.dialled: list[LastWill | None] = []
        self.refuse_dials = 0
        self.break_at: set[int] = set()
        self.publishes = 0
        self.queued_commands: asyncio.Queue[bytes] = asyncio.Queue()
        self.no_more = asyncio.Event()
        """The power is cut, or the timeline is played."""

    @asynccontextmanager
    async def dial(self, device_id: str, will: LastWill | None) -> AsyncIterator[Link]:
        assert device_id == "point-1"
        if self.refuse_dials > 0:
            self.refuse_dials -= 1
            raise LinkLost("refused")
        self.dialled.append(will)
        yield self

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        await asyncio.sleep(0)
        self.publishes += 1
        if self.publishes in self.break_at:
            raise LinkLost("broken")
        self.taken.append((topic.rsplit("/", 1)[1], json.loads(payload), retain))

    async def commands(self, device_id: str) -> AsyncIterator[bytes]:
        while True:
            yield await self.queued_commands.get()

    async def cut(self) -> None:
        will = self.dialled[-1]
        assert will is not None
        self.wills.append(json.loads(will.payload))
        self.no_more.set()

    def fills(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for kind, payload, _ in self.taken:
            if kind == "fill":
                found += payload if isinstance(payload, list) else [payload]
        return found


def fill(second: int, copies: int = 1) -> Sensed:
    ts = T0 + second * 1000
    return Sensed(ts, Fill(device_id="point-1", ts=ts, fill_pct=float(second % 100)), copies)


def a_device(
    events: Iterator[DeviceEvent], broker: FakeBroker, folder: Path, clock: FakeClock, tally: Tally
) -> Firmware:
    memory, controls = FolderMemory(folder), Controls()
    return Firmware("point-1", events, dial=broker.dial, memory=memory, clock=clock, tally=tally, controls=controls)


async def played(events: Iterable[DeviceEvent], broker: FakeBroker, folder: Path) -> tuple[Tally, FakeClock]:
    """Run a device until its timeline is played, then stop it."""
    tally, clock = Tally(), FakeClock()

    def timeline() -> Iterator[DeviceEvent]:
        yield from events
        broker.no_more.set()

    device = a_device(timeline(), broker, folder, clock, tally)
    async with asyncio.timeout(PATIENCE_S):
        await device.run(broker.no_more)
    return tally, clock


async def test_an_orderly_run_is_birth_readings_heartbeat_shutdown(tmp_path: Path) -> None:
    broker = FakeBroker()
    tally, _ = await played([fill(10), Heartbeat(T0 + 15_000), fill(20)], broker, tmp_path)
    assert [(kind, payload.get("cause")) for kind, payload, _ in broker.taken] == [
        ("status", "birth"), ("fill", None), ("status", "heartbeat"), ("fill", None), ("status", "shutdown"),
    ]  # fmt: skip
    assert [retained for _, _, retained in broker.taken] == [True, False, True, False, True]
    assert [payload["seq"] for _, payload, _ in broker.taken] == [1, 2, 3, 4, 5]
    assert broker.taken[-1][1]["online"] is False
    assert not broker.wills
    assert (tally.published.total(), tally.messages, tally.unacknowledged, tally.connected) == (5, 5, 0, 0)


async def test_will_and_birth_of_a_session_never_share_an_instant(tmp_path: Path) -> None:
    broker = FakeBroker()
    broker.break_at = {2, 5}
    await played([fill(s) for s in range(10, 100, 10)], broker, tmp_path)
    wills = [json.loads(will.payload) for will in broker.dialled if will is not None]
    births = [payload for kind, payload, _ in broker.taken if kind == "status" and payload["cause"] == "birth"]
    assert [will["session"] for will in wills] == [birth["session"] for birth in births] == [1, 2, 3]
    assert [birth["ts"] - will["ts"] for will, birth in zip(wills, births, strict=True)] == [1, 1, 1]
    status_times = [payload["ts"] for kind, payload, _ in broker.taken if kind == "status"]
    assert len({*status_times, *(will["ts"] for will in wills)}) == len(status_times) + len(wills)
    assert wills[0] == {"ts": wills[0]["ts"], "online": False, "session": 1, "cause": "will"}


async def test_a_reading_leaves_the_buffer_only_after_its_puback(tmp_path: Path) -> None:
    broker = FakeBroker()
    broker.break_at = {3, 4, 7}
    tally, clock = await played([fill(s) for s in range(10, 120, 10)], broker, tmp_path)
    assert [payload["ts"] for payload in broker.fills()] == [T0 + s * 1000 for s in range(10, 120, 10)]
    assert tally.published.total() == len(broker.taken) + sum(
        len(payload) - 1 for _, payload, _ in broker.taken if isinstance(payload, list)
    )
    assert tally.unacknowledged > 0
    assert tally.trouble == "point-1: broken"
    assert all(0.25 <= rest <= 30 for rest in clock.rests)


async def test_back_off_grows_and_is_jittered(tmp_path: Path) -> None:
    broker = FakeBroker()
    broker.refuse_dials = 6
    _, clock = await played([fill(s) for s in range(10, 1_000, 10)], broker, tmp_path)
    assert len(clock.rests) == 6
    for n, rest in enumerate(clock.rests):
        assert 0.25 * 2**n <= rest <= 0.5 * 2**n
    assert len({rest / 2**n for n, rest in enumerate(clock.rests)}) == 6


async def test_a_blind_zone_is_uploaded_in_arrays_over_the_same_connection(tmp_path: Path) -> None:
    broker = FakeBroker()
    blind = [fill(s) for s in range(30, 530)]
    events: list[DeviceEvent] = [
        fill(10),
        NetworkDown(T0 + 20_000),
        *blind,
        NetworkUp(T0 + 600_000),
        fill(610),
        fill(620),
        fill(630),
    ]
    tally, _ = await played(events, broker, tmp_path)
    shapes = [len(payload) if isinstance(payload, list) else 1 for kind, payload, _ in broker.taken if kind == "fill"]
    assert sum(shapes) == 504
    assert shapes[0] == 1
    assert sorted(size for size in shapes if size > 1) == [100, 200, 200]
    assert sorted(payload["seq"] for payload in broker.fills()) == [2 + k for k in range(504)]
    assert len(broker.dialled) == 1
    assert tally.unacknowledged == 0


async def test_a_full_buffer_pushes_out_the_oldest_and_counts_it(tmp_path: Path) -> None:
    broker = FakeBroker()
    events: list[DeviceEvent] = [NetworkDown(T0 + 1), *(fill(s) for s in range(1, 5_011)), NetworkUp(T0 + 6_000_000)]
    tally, _ = await played(events, broker, tmp_path)
    assert tally.overwritten == 10
    assert min(payload["ts"] for payload in broker.fills()) == T0 + 11_000
    assert all(len(json.dumps(payload)) < 65_536 for _, payload, _ in broker.taken)


async def test_a_power_cut_leaves_the_last_will_and_silence(tmp_path: Path) -> None:
    broker = FakeBroker()
    tally, _ = await played([fill(10), fill(20), PowerCut(T0 + 25_000), fill(30)], broker, tmp_path)
    assert [payload["ts"] - T0 for payload in broker.fills()] == [10_000, 20_000]
    assert [will["cause"] for will in broker.wills] == ["will"]
    assert all(payload.get("cause") != "shutdown" for _, payload, _ in broker.taken)
    assert tally.published.total() == len(broker.taken) + 1


async def test_lost_and_doubled_readings_are_numbered_and_counted(tmp_path: Path) -> None:
    broker = FakeBroker()
    tally, _ = await played([fill(10), fill(20, copies=0), fill(30, copies=2)], broker, tmp_path)
    assert [payload["seq"] for payload in broker.fills()] == [2, 4, 4]
    assert tally.lost_on_purpose == 1
    assert tally.published.total() == 5


async def test_seq_and_session_go_on_over_a_restart(tmp_path: Path) -> None:
    first, second = FakeBroker(), FakeBroker()
    await played([fill(10), fill(20)], first, tmp_path)
    await played([fill(30)], second, tmp_path)
    assert [payload["seq"] for _, payload, _ in first.taken + second.taken] == list(range(1, 8))
    assert [payload["session"] for kind, payload, _ in second.taken if kind == "status"] == [2, 2]


def test_a_crash_skips_numbers_and_repeats_none(tmp_path: Path) -> None:
    crashed = Counters("point-1", FolderMemory(tmp_path))
    used = [crashed.next_seq() for _ in range(300)]
    after = Counters("point-1", FolderMemory(tmp_path))
    assert used[-1] < after.next_seq() <= used[-1] + 257


async def test_a_stop_while_the_broker_is_away_ends_soon_and_says_what_is_buffered(tmp_path: Path) -> None:
    broker, tally, clock, stop = FakeBroker(), Tally(), FakeClock(), asyncio.Event()
    broker.refuse_dials = 10_000
    forever: Callable[[], Iterator[DeviceEvent]] = lambda: (fill(s) for s in range(1, 1_000_000))  # noqa: E731
    device = a_device(forever(), broker, tmp_path, clock, tally)
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(device.run(stop))
        await clock.rested_twice.wait()
        stop.set()
    assert device.buffered >= 5
    assert tally.published.total() == 0


@pytest.mark.parametrize("cut_while_offline", [True, False])
async def test_what_a_power_cut_forgets_is_counted(tmp_path: Path, cut_while_offline: bool) -> None:
    broker = FakeBroker()
    down: list[DeviceEvent] = [NetworkDown(T0 + 1)] if cut_while_offline else []
    tally, _ = await played([*down, fill(10), fill(20), PowerCut(T0 + 25_000)], broker, tmp_path)
    assert tally.lost_on_purpose == (2 if cut_while_offline else 0)
    assert len(broker.fills()) + tally.lost_on_purpose == 2


def command(number: int, **order: Any) -> bytes:
    validity = {"issued_at": T0, "expires_at": T0 + 10_000_000}
    return json.dumps({"id": f"{number:016x}", **validity, **order}).encode()


async def test_commands_are_answered_and_a_reboot_is_an_orderly_end_and_a_new_birth(tmp_path: Path) -> None:
    broker = FakeBroker()
    for number in (1, 1):
        broker.queued_commands.put_nowait(command(number, kind="reboot"))
    broker.queued_commands.put_nowait(command(2, kind="dance"))
    await played([fill(10), fill(20), Heartbeat(T0 + 30_000), fill(40)], broker, tmp_path)
    acks = [payload for kind, payload, _ in broker.taken if kind == "ack"]
    assert [(payload["id"][-1], payload["outcome"]) for payload in acks] == [
        ("1", "done"), ("1", "done"), ("2", "unsupported"),
    ]  # fmt: skip
    assert acks[0] == acks[1]
    statuses = [(payload["cause"], payload["session"]) for kind, payload, _ in broker.taken if kind == "status"]
    assert [one for one in statuses if one[0] != "heartbeat"] == [
        ("birth", 1), ("shutdown", 1), ("birth", 2), ("shutdown", 2),
    ]  # fmt: skip
    assert sorted(payload["ts"] - T0 for payload in broker.fills()) == [10_000, 20_000, 40_000]


async def test_a_blind_zone_holds_commands_and_an_answer_outlives_a_broken_connection(tmp_path: Path) -> None:
    broker = FakeBroker()
    broker.queued_commands.put_nowait(command(1, kind="report_interval", interval_s=5))
    broker.break_at = {2}  # the answer is the second message
    await played(
        [NetworkDown(T0 + 1), fill(10), NetworkUp(T0 + 20_000), *map(fill, range(30, 600, 10))], broker, tmp_path
    )
    kinds = [kind for kind, _, _ in broker.taken]
    assert kinds.count("ack") == 1
    assert [payload["outcome"] for kind, payload, _ in broker.taken if kind == "ack"] == ["done"]
    assert len(broker.dialled) == 2
