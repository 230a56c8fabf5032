"""A step of the wall clock of all four processes while they work. Devices keep the right time.

Judgement uses device time, so a wrong clock of ours can do one kind of harm only: admission refuses readings more than
120 s ahead of their receive time.
"""

import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devices.readings.models import Position
from devices.readings.refusals import Reason
from haulwatch.settings.data_files import recorder_state_path
from ingest.ledger.dead_letters import DeadLetters
from rules.detectors.silent_device.outage import SYSTEM
from rules.engine.incidents.machine import NOTIFY_EVERY_MS
from tests.chaos.faults import Fault, Size
from tests.chaos.fleet import QUIET_S, SLICE_S, Message, message
from tests.chaos.yard import Complaint, Yard

_TWO_HOURS_MS: Final = 2 * 3_600_000
_ONE_HOUR_MS: Final = 3_600_000
_AHEAD_SLICES: Final = 3
_CULPRIT: Final = "truck-022"
"""A registered device that takes no part in the labelled stream."""
_FOLDER: Final = Path(__file__).parent / "stepped_clock"


@dataclass(frozen=True)
class Clock:
    """An offset to the wall clock of the processes that were started with it."""

    file: Path

    def step(self, ahead_ms: int) -> None:
        with self.file.open("r+b") as file:  # in place: the processes have it mapped
            file.write(struct.pack("=q", ahead_ms * 1_000_000))


def stepped(yard: Yard, size: Size) -> None:
    """Two hours ahead and back: nothing is refused, no alert changes, /readyz is ready. Then two hours behind the
    devices: their readings are quarantined as of the future, with their bytes; once the clock is right and the letters
    are redriven, all of them are stored.

    Meanwhile nothing is judged, and an outage alert is raised, as for devices that are cut off: later readings do not
    undo it. The stream's device time is some days ago, and so is a clock behind it. Devices pause while the clock is
    set, so that whole slices are refused, and while letters are redriven: a device whose letter arrives is not silent.
    An alert that is told again every half an hour is told at other times afterwards.
    """
    last_sequence = yard.journal.last_sequence()
    with _clock(yard) as clock:
        clock.step(_TWO_HOURS_MS)
        yard.rest(size.outage_s, size.outage_s)
        yard.expect(yard.ready, "/readyz says ready two hours ahead", 10)
        clock.step(0)
        yard.rest(0.5, 1.0)
        yard.expect(yard.ready, "/readyz says ready after stepping back", 10)
        with yard.devices_paused():
            first_ms = yard.stream.slice_ms
            clock.step(first_ms - _TWO_HOURS_MS - time.time_ns() // 1_000_000)
        with yard.devices_paused():
            clock.step(0)
            refused = range(first_ms, yard.stream.slice_ms + QUIET_S * 1000)
            yard.unjudged = range(refused.start, refused.stop + NOTIFY_EVERY_MS)
        with yard.devices_paused():
            _redrive(yard, refused)
    changes = [entry.change for entry in yard.journal.changes_after(last_sequence, 10_000)]
    if not any(change.subject == SYSTEM and change.at in refused for change in changes):
        raise Complaint("no outage was raised while nothing was judged")


def _redrive(yard: Yard, refused: range) -> None:
    """Redrive the letters refused as of the future; their device times are in `refused`."""
    letters = DeadLetters(recorder_state_path(yard.settings))
    _wait_read(yard)
    if not (waiting := letters.list(reason=Reason.FUTURE_TIME, limit=10_000)):
        raise Complaint("nothing was quarantined as of the future")
    times = (instant.ts for letter in waiting for instant, _ in Message(letter.topic, letter.shown.encode()).readings)
    if not all(ts in refused for ts in times):
        raise Complaint("readings were refused under a clock that was right")
    redrive = yard.hand("deadletter", "redrive", "--reason", Reason.FUTURE_TIME)
    _wait_read(yard)
    if redrive.returncode != 0 or letters.list(reason=Reason.FUTURE_TIME):
        raise Complaint(f"not every letter could be redriven: {redrive.stdout}{redrive.stderr}")


def _wait_read(yard: Yard) -> None:
    last = yard.last_offset()
    yard.expect(lambda: min(yard.recorder().offset, yard.judged_to()) >= last, "recorder and judge read all", 30)


def ahead_on_both_sides(yard: Yard, size: Size) -> None:
    """The clock of one device is an hour ahead of all the others', and ours is two hours ahead. Fleet time follows the
    many: no other device's alert changes, and none comes later. (Whether the device is named is not to be seen here:
    device time runs a hundred times as fast as receive times.)
    """
    yard.apart.add(_CULPRIT)
    with _clock(yard) as clock:
        clock.step(_TWO_HOURS_MS)
        first_ms, until_ms = yard.stream.slice_ms, yard.stream.slice_ms + _AHEAD_SLICES * SLICE_S * 1000
        last_ms = first_ms
        while yard.stream.slice_ms < until_ms:
            now_ms = yard.stream.published_at[-1][0] if yard.stream.published_at else first_ms
            if now_ms > last_ms:
                last_ms = now_ms
                here = Position(device_id=_CULPRIT, ts=now_ms + _ONE_HOUR_MS, lat=35.5, lon=112.8, accuracy_m=4.0)
                yard.stream.publish([message(here)])
            yard.rest(0.005, 0.01)
        yard.expect(yard.ready, "/readyz says ready", 30)
        clock.step(0)


@contextmanager
def _clock(yard: Yard) -> Iterator[Clock]:
    """Start all four processes again with a clock that can be stepped. The clock is right after the block."""
    clock = Clock(yard.folder / "clock")
    clock.file.write_bytes(bytes(8))
    former = yard.environment
    yard.environment = {
        **former,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(_FOLDER), os.environ.get("PYTHONPATH")))),
        "CHAOS_CLOCK_FILE": str(clock.file),
    }
    try:
        yard.kill_and_start_all()
        yield clock
    finally:
        clock.step(0)
        yard.environment = former


FAULTS: Final = (Fault("clock stepped ahead, then behind", stepped),)
ENDING: Final = (Fault("clocks ahead on both sides", ahead_on_both_sides, last=True),)
"""Its device falls silent: with those of other rounds that would be an outage."""
