"""The parts of `haulwatch record`: one recorder of the raw log in the data directory, or a worker on Kafka."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from devices.db.database import open_database
from haulwatch.process import system_clock
from haulwatch.process.current_city import CurrentCity
from haulwatch.process.retention import PacedClock, Retention
from haulwatch.settings.data_files import heartbeat_path, over_limit_path, recorder_state_path, retention_clock_path
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import existing_database_url
from haulwatch.wiring.log import (
    committed_positions,
    open_disk_floor,
    open_log_figures,
    open_raw_log,
    open_revision_writer,
    reserve_is_free,
)
from haulwatch.wiring.stores import open_dead_letters, open_store
from haulwatch.wiring.workers.recorder import Recording, on_kafka
from ingest.ledger.quarantine import LetterLimits, Quarantine
from ingest.ledger.salvage import salvage_if_spoiled
from ingest.log.raw_log import RawLogError
from ingest.log.records import RECORDER
from ingest.log.revision_writer import RevisionFollower
from ingest.notices.retention import NoticeRetention
from ingest.process.over_limit import OverLimit
from ingest.recorder.recorder import Recorder
from ingest.recorder.run import run_recorder
from ingest.recorder.state import RecorderState
from ingest.store import LineStore, StoreError
from ingest.store.probe import ProvableStore, StoreForgets, prove

_DAY_MS: Final = 86_400_000
_PROOF_S: Final = 10.0
"""For a store that answers; the recorder starts without the proof then."""


class RecorderParts(NamedTuple):
    """The loops of the recorder process."""

    record: Callable[[asyncio.Event], Awaitable[None]]
    """Records until the event is set."""
    leads: Callable[[], bool]
    """Whether this process appends revisions of the city: of several recorders one does."""
    retention: Retention
    revisions: RevisionFollower
    heartbeat_path: Path


@asynccontextmanager
async def recorder_parts(settings: Settings, city: CurrentCity) -> AsyncIterator[RecorderParts]:
    """Build the parts, and close store and state at the end of the block.

    Raises StateUnavailable, RawLogError, and StoreForgets where the server that answers is no InfluxDB.
    """
    store = open_store(settings)
    await _refuse_another_server(store)
    limits = settings.limits
    room = LetterLimits(limits.device_dead_letters_mib << 20, limits.dead_letters_mib << 20)
    over_limit = OverLimit(over_limit_path(settings, RECORDER), system_clock.now_ms)
    on_this_disk = settings.kafka.url is None
    quarantine = Quarantine(room, lambda: not on_this_disk or reserve_is_free(settings), over_limit.note)
    keep_notices_ms = settings.alerts.notice_keep_days * _DAY_MS
    notices = NoticeRetention(open_database(existing_database_url(settings)))
    follow_registry = RevisionFollower(open_revision_writer(settings), city, shared=not on_this_disk)
    recording = _on_one_machine if on_this_disk else on_kafka
    try:
        if on_this_disk or not open_log_figures(settings).last_offset():
            follow_registry.step()  # before the recorder, so that a new log begins with it
        with recording(settings, store, city, quarantine) as (record, leads):
            yield RecorderParts(
                record,
                leads,
                Retention(
                    open_raw_log(settings),
                    keep_bytes=limits.raw_log_keep_mib << 20,
                    keep_ms=int(limits.raw_log_keep_days * _DAY_MS),
                    clock=PacedClock(retention_clock_path(settings), _newest_received_at(settings)),
                    letters=open_dead_letters(settings),
                    keep_letters_ms=int(limits.dead_letter_keep_days * _DAY_MS),
                    purge_notices=(lambda now: notices.purge(now - keep_notices_ms)) if keep_notices_ms else None,
                ),
                follow_registry,
                heartbeat_path(settings, RECORDER),
            )
    finally:
        await store.close()
        notices.close()


@contextmanager
def _on_one_machine(
    settings: Settings, store: LineStore, city: CurrentCity, quarantine: Quarantine
) -> Iterator[Recording]:
    salvage_if_spoiled(recorder_state_path(settings), lambda: committed_positions(settings, RECORDER))
    with closing(RecorderState(recorder_state_path(settings), quarantine=quarantine)) as state:
        recorder = Recorder(
            open_raw_log(settings, RECORDER),
            store,
            state,
            city,
            max_payload_bytes=settings.limits.max_payload_bytes,
            disk_trouble=open_disk_floor(settings).trouble,
        )
        yield Recording(lambda stop: run_recorder(recorder, stop, clock=system_clock.now_ms), lambda: True)


async def _refuse_another_server(store: ProvableStore) -> None:
    """Raise StoreForgets if the store answers and keeps nothing. For one that is away the recorder waits anyway."""
    try:
        await asyncio.wait_for(prove(store, system_clock.now_ms()), _PROOF_S)
    except StoreForgets:
        await store.close()
        raise
    except (StoreError, TimeoutError):
        pass


def _newest_received_at(settings: Settings) -> int | None:
    """When the newest message of the raw log was received, ms; None where there is none, or it cannot be read."""
    if settings.kafka.url is not None:
        return None  # only dead letters are removed by this clock then
    with closing(open_raw_log(settings)) as log, suppress(RawLogError):
        for record in log.read(log.last_offset() - 1, 1):
            return record.message.received_at
    return None
