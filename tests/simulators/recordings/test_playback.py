"""A recording is published as its devices would have sent it."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from devices.readings.models import Position, Reading
from simulators.firmware.link import LastWill, Link, LinkLost
from simulators.recordings.playback import Pace, play, scheduled

NOW_MS = 1_792_000_000_000
T0 = 1_700_000_000_000


def drive(device_id: str, seconds: list[int]) -> list[tuple[str, Reading]]:
    return [(device_id, Position(device_id=device_id, ts=T0 + s * 1000, lat=1.0, lon=2.0)) for s in seconds]


class FakeBroker:
    """Acknowledges what arrives; breaks each connection once, at its `break_after`-th message."""

    def __init__(self, break_after: int | None = None) -> None:
        self.taken: defaultdict[str, list[int]] = defaultdict(list)
        self.dialled: list[str] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self._break_after = break_after

    @asynccontextmanager
    async def dial(self, device_id: str, will: LastWill | None) -> AsyncIterator[Link]:
        assert will is None
        self.dialled.append(device_id)
        yield self

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        assert not retain
        device_id = topic.split("/")[2]
        if len(self.taken[device_id]) == self._break_after and self.dialled.count(device_id) == 1:
            raise LinkLost("broken")
        self.taken[device_id].append(json.loads(payload)["ts"] - T0)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(0)
        self.in_flight -= 1

    async def commands(self, device_id: str) -> AsyncIterator[bytes]:
        raise AssertionError("a playback takes no commands")
        yield b""

    async def cut(self) -> None: ...


async def test_every_device_has_a_connection_of_its_own_and_keeps_its_order() -> None:
    broker = FakeBroker()
    rows = [
        row for pair in zip(drive("a", list(range(500))), drive("b", list(range(500))), strict=True) for row in pair
    ]
    played = await play(rows, broker.dial)
    assert (played.messages, played.devices, played.unacknowledged) == (1_000, 2, 0)
    assert sorted(broker.dialled) == ["a", "b"]
    assert broker.taken["a"] == broker.taken["b"] == [s * 1000 for s in range(500)]
    assert broker.most_in_flight <= 40


async def test_what_a_broken_connection_did_not_acknowledge_is_sent_again_and_counted() -> None:
    broker = FakeBroker(break_after=7)
    played = await play(drive("a", list(range(50))), broker.dial)
    assert sorted(broker.taken["a"]) == [s * 1000 for s in range(50)]
    assert played.messages == 50
    assert played.unacknowledged > 0


async def test_an_error_of_the_recording_comes_out_as_it_is() -> None:
    def broken() -> list[tuple[str, Reading]]:
        raise ValueError("row 3")

    class Rows:
        def __iter__(self) -> object:
            yield from drive("a", [1])
            yield from broken()

    with pytest.raises(ValueError, match="row 3"):
        await play(Rows(), FakeBroker().dial)  # type: ignore[arg-type]


def test_original_times_are_kept_and_paced_by_speed() -> None:
    plan = list(scheduled(drive("a", [0, 10, 5, 30]), Pace(speed=2.0), NOW_MS))
    assert [due_s for due_s, _, _ in plan] == [0, 5, 2.5, 15]
    assert [reading.ts for _, _, reading in plan] == [T0, T0 + 10_000, T0 + 5_000, T0 + 30_000]


@pytest.mark.parametrize("speed", [None, 1.0, 4.0])
def test_shifted_to_now_nothing_is_published_before_its_time(speed: float | None) -> None:
    plan = list(scheduled(drive("a", [0, 10, 5, 40]), Pace(speed=speed, shift_to_now=True), NOW_MS))
    lags = [NOW_MS + due_s * 1000 - reading.ts for due_s, _, reading in plan]
    assert min(lags) >= 0
    assert lags[-1] == 0
    assert plan[1][2].ts - plan[0][2].ts == 10_000


@pytest.mark.parametrize(("speed", "shift"), [(0.0, False), (-1.0, False), (0.5, True)])
def test_a_pace_that_cannot_be_kept_is_refused(speed: float, shift: bool) -> None:
    with pytest.raises(ValueError, match="speed"):
        Pace(speed=speed, shift_to_now=shift)
