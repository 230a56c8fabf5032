"""Writes the readings of the raw log to the store again, for a store that lost them.

The pipeline is the recorder's own, with a state of its own that is thrown away: ledger, quarantine and the recorder's
progress stay as they are, and the recorder may run meanwhile. A reading that the store still has is not written again,
nor is one that the former store rejected: it is a dead letter, which a person may redrive.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from devices.city.model import City
from devices.codecs.codec import MAX_PAYLOAD_BYTES, Flaw
from devices.codecs.registry import decode, dialect_of
from devices.readings.refusals import DecodeError, Reason
from devices.readings.series import FieldValue, SeriesKey, series_key
from ingest.ledger.dead_letters import DeadLetters
from ingest.ledger.report import read_ledger
from ingest.log.ports import Log
from ingest.log.records import LogRecord
from ingest.recorder.recorder import Recorder
from ingest.recorder.rejected import series_of
from ingest.recorder.state import RecorderState
from ingest.store import Instant, LineStore, StoreRejected
from ingest.store.line_protocol import decode_line

_FOLDER_PREFIX: Final = "refill-"
_LETTERS_PER_PAGE: Final = 1_000


class Refilled(NamedTuple):
    """What became of the readings in the raw log."""

    written: int
    present: int
    """The store had them, or the device sent them twice."""
    refused: int
    """By admission or by the store: dead letters of the installation already."""


class _ReadLog(Log):
    """A log whose progress is not noted: the recorder's own stays."""

    def __init__(self, log: Log) -> None:
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

    def positions(self, offset: int) -> Mapping[int, int]:
        return self._log.positions(offset)

    def unread(self, positions: Mapping[int, int]) -> int:
        return self._log.unread(positions)

    def resume(self, positions: Mapping[int, int]) -> int:
        return self._log.resume(positions)

    def find(self, place: int) -> LogRecord | None:
        return self._log.find(place)

    def before(self, place: int) -> int:
        return self._log.before(place)


class _Rejecting(LineStore):
    """A store that also rejects what the former one had rejected."""

    def __init__(self, store: LineStore, rejected: Collection[Instant]) -> None:
        self._store, self._rejected = store, rejected

    async def write_lines(self, lines: Sequence[str]) -> None:
        known = [index for index, line in enumerate(lines) if _instant_of(line) in self._rejected]
        others = [index for index in range(len(lines)) if index not in known]
        rejected = [(index, "the former store rejected it") for index in known]
        try:
            await self._store.write_lines([lines[index] for index in others])
        except StoreRejected as exc:
            rejected += [(others[index], reason) for index, reason in exc.rejected]
        if rejected:
            raise StoreRejected(rejected)

    async def stored_fields(self, instants: Sequence[Instant]) -> Mapping[Instant, Mapping[str, FieldValue]]:
        return await self._store.stored_fields(instants)

    async def newest(self, series: Collection[SeriesKey]) -> Mapping[SeriesKey, int]:
        return await self._store.newest(series)


def _instant_of(line: str) -> Instant:
    point = decode_line(line)
    return Instant(series_of(point), point.ts)


def rejected_readings(letters: DeadLetters, city: City) -> set[Instant]:
    """The readings that the store rejected and nobody redrove, read as the city has their devices.

    Raises StateUnavailable.
    """
    found: set[Instant] = set()
    after = 0
    while page := letters.list(reason=Reason.REJECTED_BY_STORE, after_id=after, limit=_LETTERS_PER_PAGE):
        for letter in page:
            with suppress(DecodeError):
                decoding = city.decoding_of(letter.device, dialect_of(letter.topic))
                decoded = decode(letter.topic, letters.payload(letter.id), decoding=decoding)
                found |= {Instant(series_key(one), one.ts) for one in decoded if not isinstance(one, Flaw)}
        after = page[-1].id
    return found


async def refill_readings(  # noqa: PLR0913 - what it reads, and its limits
    log: Log,
    store: LineStore,
    letters: DeadLetters,
    city: Callable[[], City],
    folder: Path,
    progress: Callable[[int], None],
    *,
    begin_after: int = 0,
    max_payload_bytes: int = MAX_PAYLOAD_BYTES,
) -> Refilled:
    """Write all readings after offset `begin_after` to the store that it does not hold.

    `letters`: of the installation. `city`: the city of now, for a log without revisions. `folder`: where there is room
    for a temporary state, about as much as `recorder.db` takes. `progress` is called with the number of records taken
    so far. Raises StoreUnavailable, StateUnavailable, RawLogError: nothing is lost, run it again.
    """
    reader = _ReadLog(log)
    with TemporaryDirectory(dir=folder, prefix=_FOLDER_PREFIX) as temporary:
        path = Path(temporary, "recorder.db")
        state = RecorderState(path)
        try:
            rejected = rejected_readings(letters, city())
            target = _Rejecting(store, rejected) if rejected else store
            recorder = Recorder(reader, target, state, city, max_payload_bytes=max_payload_bytes)
            recorder.begin_after(begin_after)
            done = 0
            while taken := await recorder.step():
                progress(done := done + taken)
            await recorder.finish()
            total = read_ledger(path, reader, max_payload_bytes=max_payload_bytes).total
        finally:
            state.close()
    return Refilled(total.stored, total.duplicate, sum(total.quarantined.values()))
