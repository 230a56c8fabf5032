"""Publishes a recording as its devices would: each over a connection of its own, at QoS 1, in order, nothing skipped.

Unlike firmware, a playback publishes no birth, heartbeat or last will: only the recording.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from devices.codecs.native import encode
from devices.codecs.topics import reading_topic
from devices.errors import OperatorError
from devices.readings.models import Kind, Reading
from simulators.firmware.link import MAX_IN_FLIGHT, Dial, Link, LinkLost

_QUEUE: Final = 100
"""Readings of a device that may wait before the reader of the file waits too."""
_BACK_OFF_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Pauses between attempts without any acknowledgement; after the last one the playback fails."""


class PlaybackError(OperatorError):
    """The broker stayed away through all attempts; the message says how many readings were acknowledged."""


@dataclass(frozen=True, slots=True)
class Played:
    """The result of a playback."""

    messages: int
    devices: int
    unacknowledged: int
    """Sent again after a connection broke: the broker may have taken these twice."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Speed of a playback, and its device times."""

    speed: float | None = None
    """Factor of real time; None: as fast as the broker acknowledges."""
    shift_to_now: bool = False
    """Shift all device times by one amount, so that the newest reading is dated to its publication, never later."""

    def __post_init__(self) -> None:
        if self.speed is not None and self.speed <= 0:
            raise ValueError(f"speed: {self.speed} stands still; give more than 0")
        if self.speed is not None and self.speed < 1 and self.shift_to_now:
            raise ValueError("speed: below 1 a recording shifted to now would run ahead of the clock; give 1 or more")


AS_FAST_AS_TAKEN: Final = Pace()


def scheduled(
    recording: Iterable[tuple[str, Reading]], pace: Pace, now_ms: int
) -> Iterator[tuple[float, str, Reading]]:
    """(seconds from the start at which it is due, device, reading). Reads the recording twice if it is shifted."""
    shift_ms = _shift_ms([reading.ts for _, reading in recording], pace, now_ms) if pace.shift_to_now else 0
    first_ms: int | None = None
    for device_id, reading in recording:
        first_ms = reading.ts if first_ms is None else first_ms
        due_s = 0.0 if pace.speed is None else max(0.0, (reading.ts - first_ms) / 1000 / pace.speed)
        shifted = replace(reading, ts=reading.ts + shift_ms) if shift_ms else reading
        yield due_s, device_id, shifted


def _shift_ms(times: list[int], pace: Pace, now_ms: int) -> int:
    if not times:
        return 0
    duration_ms = 0 if pace.speed is None else max(0, round((max(times) - times[0]) / pace.speed))
    return now_ms + duration_ms - max(times)


async def play(
    recording: Iterable[tuple[str, Reading]],
    dial: Dial,
    pace: Pace = AS_FAST_AS_TAKEN,
    progress: Callable[[int], None] = lambda _: None,
) -> Played:
    """Publish a recording; return when all of it is acknowledged.

    `progress` gets the number of messages that were acknowledged since its last call.

    Raises PlaybackError, and the recording's errors.
    """
    players: dict[str, _Player] = {}
    began, now_ms = time.monotonic(), time.time_ns() // 1_000_000
    try:
        async with asyncio.TaskGroup() as tasks:
            for due_s, device_id, reading in scheduled(recording, pace, now_ms):
                if (early_s := began + due_s - time.monotonic()) > 0:
                    await asyncio.sleep(early_s)
                if device_id not in players:
                    players[device_id] = player = _Player(device_id, dial, progress)
                    tasks.create_task(player.run(), name=f"{device_id}:play")
                await players[device_id].waiting.put(reading)
            for player in players.values():
                await player.waiting.put(None)
    except ExceptionGroup as group:
        raise _first(group) from None
    counts = [(player.acknowledged, player.cut_off) for player in players.values()]
    return Played(sum(taken for taken, _ in counts), len(players), sum(cut_off for _, cut_off in counts))


class _Player:
    """Publishes the readings of one device."""

    def __init__(self, device_id: str, dial: Dial, progress: Callable[[int], None]) -> None:
        self.device_id = device_id
        self.waiting: asyncio.Queue[Reading | None] = asyncio.Queue(_QUEUE)
        """None: the recording has ended."""
        self.acknowledged = 0
        self.cut_off = 0
        self._dial = dial
        self._progress = progress
        self._unsent: list[Reading] = []
        self._ended = False

    async def run(self) -> None:
        attempts, acknowledged = 0, 0
        while not self._ended or self._unsent:
            try:
                async with self._dial(self.device_id, None) as link:
                    await self._play(link)
            except LinkLost as exc:
                attempts = 1 if self.acknowledged > acknowledged else attempts + 1
                acknowledged = self.acknowledged
                if attempts > len(_BACK_OFF_S):
                    raise PlaybackError(f"{self.device_id}: {exc}; {acknowledged} messages were acknowledged") from exc
                await asyncio.sleep(_BACK_OFF_S[attempts - 1])

    async def _play(self, link: Link) -> None:
        while not self._ended or self._unsent:
            if not self._unsent:
                await self._next_batch()
            acknowledged = await asyncio.gather(*(self._send(link, reading) for reading in self._unsent))
            lost = [reading for reading, taken in zip(self._unsent, acknowledged, strict=True) if not taken]
            self._progress(len(acknowledged) - len(lost))
            self._unsent = lost
            if lost:
                self.cut_off += len(lost)
                raise LinkLost(f"{len(lost)} messages were not acknowledged")

    async def _next_batch(self) -> None:
        """Wait for a reading, and take as many more as may be in flight together."""
        batch: list[Reading] = []
        while not self._ended and (not batch or not self.waiting.empty()) and len(batch) < MAX_IN_FLIGHT:
            reading = await self.waiting.get()
            if reading is None:
                self._ended = True
            else:
                batch.append(reading)
        self._unsent = batch

    async def _send(self, link: Link, reading: Reading) -> bool:
        try:
            await link.publish(
                reading_topic(self.device_id, reading.kind), encode(reading), retain=reading.kind is Kind.STATUS
            )
        except LinkLost:
            return False
        self.acknowledged += 1
        return True


def _first(group: ExceptionGroup[Exception]) -> Exception:
    error: Exception = group
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
