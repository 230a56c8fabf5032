"""Writes the readings of the raw log to the store again, for a store that lost them.

The pipeline is the recorder's own, with a state of its own that is thrown away: ledger, quarantine and the recorder's
progress stay as they are, and the recorder may run meanwhile. A reading that the store still has is not written again.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from devices.city.model import City
from devices.codecs.codec import MAX_PAYLOAD_BYTES
from ingest.ledger.report import read_ledger
from ingest.log.ports import Log, LogReader
from ingest.log.records import LogRecord
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import RecorderState
from ingest.store import LineStore

_FOLDER_PREFIX: Final = "refill-"


class Refilled(NamedTuple):
    """What became of the readings in the raw log."""

    written: int
    present: int
    """The store had them, or the device sent them twice."""
    refused: int
    """By admission or by the store: dead letters of the installation already."""


class _ReadLog(Log):
    """A log whose progress is not noted: the recorder's own stays."""

    def __init__(self, log: LogReader) -> None:
        self._log = log

    @property
    def partition(self) -> int:
        return self._log.partition

    def read(self, after: int, limit: int) -> list[LogRecord]:
        return self._log.read(after, limit)

    def last_offset(self) -> int:
        return self._log.last_offset()

    def commit(self, consumer: str, offset: int) -> None:
        pass


async def refill_readings(
    log: LogReader,
    store: LineStore,
    city: Callable[[], City],
    folder: Path,
    progress: Callable[[int], None],
    *,
    begin_after: int = 0,
    max_payload_bytes: int = MAX_PAYLOAD_BYTES,
) -> Refilled:
    """Write all readings after offset `begin_after` to the store that it does not hold.

    `city`: the city of now, for a log without revisions. `folder`: where there is room for a temporary state, about as
    much as `recorder.db` takes. `progress` is called with the number of records taken so far. Raises StoreUnavailable,
    StateUnavailable, RawLogError: nothing is lost, run it again.
    """
    reader = _ReadLog(log)
    with TemporaryDirectory(dir=folder, prefix=_FOLDER_PREFIX) as temporary:
        path = Path(temporary, "recorder.db")
        state = RecorderState(path)
        try:
            recorder = Recorder(reader, store, state, city, max_payload_bytes=max_payload_bytes)
            recorder.begin_after(begin_after)
            done = 0
            while taken := await recorder.step():
                progress(done := done + taken)
            await recorder.finish()
            total = read_ledger(path, reader, max_payload_bytes=max_payload_bytes).total
        finally:
            state.close()
    return Refilled(total.stored, total.duplicate, sum(total.quarantined.values()))
