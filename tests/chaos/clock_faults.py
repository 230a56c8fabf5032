"""The wall clock of all four processes is stepped while they work. Devices keep the right time.

Judgement goes by device time, so a wrong clock of ours can harm in one way only: admission refuses what is more than
120 s ahead of the time it was received.
"""

import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devices.readings.refusals import Reason
from haulwatch.settings.data_files import recorder_state_path
from ingest.ledger.dead_letters import DeadLetters
from rules.detectors.silent_device.outage import SYSTEM
from tests.chaos.faults import Fault, Size
from tests.chaos.fleet import QUIET_S, Message
from tests.chaos.yard import Complaint, Yard

_TWO_HOURS_MS: Final = 2 * 3_600_000
_FOLDER: Final = Path(__file__).parent / "stepped_clock"


@dataclass(frozen=True)
class Clock:
    """What is added to the wall clock of the processes that were started with it."""

    file: Path

    def step(self, ahead_ms: int) -> None:
        with self.file.open("r+b") as file:  # in place: they have it mapped
            file.write(struct.pack("=q", ahead_ms * 1_000_000))


def stepped(yard: Yard, size: Size) -> None:
    """Two hours ahead and back: nothing is refused, no alert changes, /readyz is content. Then two hours behind the
    devices: what they say is quarantined as of the future, with its bytes; with the clock put right and the letters
    driven again all of it is stored.

    Meanwhile nothing is judged and an outage is said, as of devices that are cut off: nothing later makes up for it.
    The stream lives some days ago, and so does a clock that is behind it. Devices pause while it is set, so that whole
    slices are refused, and while letters are driven again: who is heard, be it by a letter, is not silent.
    """
    told = yard.journal.last_no()
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
            yard.unjudged = range(first_ms, yard.stream.slice_ms + QUIET_S * 1000)
        with yard.devices_paused():
            _drive_again(yard, yard.unjudged)
    changes = [entry.change for entry in yard.journal.changes_after(told, 10_000)]
    if not any(change.subject == SYSTEM and change.at in yard.unjudged for change in changes):
        raise Complaint("no outage was said while nothing was judged")


def _drive_again(yard: Yard, refused: range) -> None:
    """What was refused as of the future; it is of this device time."""
    letters = DeadLetters(recorder_state_path(yard.settings))
    _all_read(yard)
    if not (waiting := letters.list(reason=Reason.FUTURE_TIME, limit=10_000)):
        raise Complaint("nothing was quarantined as of the future")
    times = (instant.ts for letter in waiting for instant, _ in Message(letter.topic, letter.shown.encode()).readings)
    if not all(ts in refused for ts in times):
        raise Complaint("readings were refused under a clock that was right")
    said = yard.run("deadletter", "redrive", "--reason", Reason.FUTURE_TIME)
    _all_read(yard)
    if said.returncode != 0 or letters.list(reason=Reason.FUTURE_TIME):
        raise Complaint(f"not everything could be driven again: {said.stdout}{said.stderr}")


def _all_read(yard: Yard) -> None:
    last = yard.last_offset()
    yard.expect(lambda: min(yard.recorder().offset, yard.judged_to()) >= last, "recorder and judge read all", 30)


@contextmanager
def _clock(yard: Yard) -> Iterator[Clock]:
    """All four are started again with a clock that can be stepped; it is set right afterwards."""
    clock = Clock(yard.folder / "clock")
    clock.file.write_bytes(bytes(8))
    plain = yard.environment
    yard.environment = {
        **plain,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(_FOLDER), os.environ.get("PYTHONPATH")))),
        "CHAOS_CLOCK_FILE": str(clock.file),
    }
    try:
        yard.kill_and_start_all()
        yield clock
    finally:
        clock.step(0)
        yard.environment = plain


FAULTS: Final = (Fault("clock stepped ahead, then behind", stepped),)
