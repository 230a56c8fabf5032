"""The time-series store, dead letters and the ledger."""

from collections.abc import Callable
from contextlib import closing
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from haulwatch.settings.data_files import (
    embedded_store_path,
    judge_state_path,
    recorder_state_path,
    require_data_dir,
    waiting_file_paths,
)
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import existing_database_url
from haulwatch.wiring.log import open_raw_log

if TYPE_CHECKING:
    from ingest.judge.emptyings import EmptyingRows
    from ingest.ledger.dead_letters import DeadLetters
    from ingest.ledger.report import Ledger
    from ingest.ledger.shared.tables import SharedTables
    from ingest.store.influx import InfluxStore
    from ingest.store.sqlite import SqliteStore


def open_store(settings: Settings) -> "InfluxStore | SqliteStore":
    """InfluxDB if its variables are set, else the embedded store in the data directory. The caller closes it."""
    influx = settings.store
    if influx.url is None or influx.token is None or influx.org is None or influx.bucket is None:
        from ingest.store.sqlite import SqliteStore

        return SqliteStore(embedded_store_path(settings))
    from ingest.store.influx import InfluxStore

    return InfluxStore(influx.url, influx.token.get_secret_value(), influx.org, influx.bucket)


async def prove_store(settings: Settings) -> str:
    """The name and version of the store, once it gave back a point that was written. Raises StoreError, NoData."""
    from haulwatch.process import system_clock
    from ingest.store.probe import prove

    if settings.store.embedded:
        require_data_dir(settings.paths.data_dir)
    store = open_store(settings)
    try:
        name = await store.ping()
        await prove(store, system_clock.now_ms())
        return name
    finally:
        await store.close()


def recorder_tables(settings: Settings) -> "Path | SharedTables":
    """Where recorders keep what they have done: a file; PostgreSQL where the raw log is on Kafka, one pool a process.

    Raises StateMisfit, NoData.
    """
    return recorder_state_path(settings) if settings.kafka.url is None else shared_tables(settings)


def shared_tables(settings: Settings) -> "SharedTables":
    return _shared_tables(existing_database_url(settings))


@lru_cache(maxsize=1)
def _shared_tables(url: str) -> "SharedTables":
    from ingest.ledger.shared.tables import SharedTables

    return SharedTables(url)


def open_dead_letters(settings: Settings) -> "DeadLetters":
    from ingest.ledger.dead_letters import DeadLetters

    return DeadLetters(recorder_tables(settings))


def current_ledger(settings: Settings) -> "Ledger":
    """The disposition of every reading received so far, and how many were not judged.

    Raises StateUnavailable, RawLogError.
    """
    from ingest.collector.waiting_file import read_waiting
    from ingest.judge.not_judged import read_not_judged
    from ingest.ledger.report import read_ledger

    with closing(open_raw_log(settings)) as log:
        ledger = read_ledger(recorder_tables(settings), log, max_payload_bytes=settings.limits.max_payload_bytes)
    ledger = ledger.with_waiting(read_waiting(waiting_file_paths(settings)))
    return ledger.with_not_judged(read_not_judged(judge_state_path(settings)))


def emptyings_reader(settings: Settings) -> "Callable[[str, int, int], EmptyingRows]":
    """Reads what the judge found (`ingest.judge.emptyings.read_emptyings`)."""
    from ingest.judge.emptyings import read_emptyings

    return partial(read_emptyings, judge_state_path(settings))
