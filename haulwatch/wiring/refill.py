"""What `haulwatch store refill` writes, and where it comes from."""

from collections.abc import Callable
from contextlib import closing
from typing import Final, NamedTuple

from haulwatch.process import system_clock
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import open_current_city, open_journal, open_shelves
from haulwatch.wiring.desk.indicators import open_board_rows, open_indicators, rolling_report
from haulwatch.wiring.log import open_raw_log
from haulwatch.wiring.stores import emptyings_reader, open_dead_letters, open_store
from haulwatch.wiring.suspected_sites import open_proposals
from ingest.alerts.cursors import PublisherCursors
from ingest.alerts.store_sink import StoreSink
from ingest.boards.city_feed import CityFeed
from ingest.boards.emptyings import EmptyingFeed
from ingest.boards.feed import BoardFeed, open_cursors
from ingest.boards.points import IngestionStatus
from ingest.boards.shelving import Shelving
from ingest.log.raw_log import RawLog
from ingest.recorder.refill import Refilled, refill_readings

_CHANGES_PER_WRITE: Final = 200


class StoreRefilled(NamedTuple):
    """What a refill wrote."""

    records: int
    """Of the raw log."""
    readings: Refilled
    alert_changes: int
    """Of the journal: all of them are written each time."""


class _FromTheStart:
    """Cursors of a feed that writes all alerts again. The areas of alerts are those of the installation's own feed."""

    def __init__(self, cursors: PublisherCursors) -> None:
        self._cursors = cursors
        self._positions: dict[str, int] = {}

    def get(self, sink: str) -> int | None:
        return self._positions.get(sink)

    def set(self, sink: str, sequence: int) -> None:
        self._positions[sink] = sequence

    def first_value(self, key: str, value: str) -> str:
        return self._cursors.first_value(key, value)


async def refill_store(settings: Settings, progress: Callable[[int, int], None]) -> StoreRefilled:
    """Write readings of the raw log, alerts, suspected sites, places, emptyings, loads and manifests again.

    `progress` is called with the records taken and their number. Raises what the parts raise: all of it are errors that
    a person can mend, after which the command goes through from its start.
    """
    store = open_store(settings)
    try:
        with closing(open_raw_log(settings)) as log, open_current_city(settings) as city:
            before = max(log.first_offset() - 1, 0)
            records = log.last_offset() - before
            begin_after = before if isinstance(log, RawLog) else 0  # on Kafka its start, wherever that is by now
            readings = await refill_readings(
                log,
                store,
                open_dead_letters(settings),
                city,
                settings.paths.data_dir,
                lambda taken: progress(taken, records),
                begin_after=begin_after,
                max_payload_bytes=settings.limits.max_payload_bytes,
            )
            sink, sequence, changes = StoreSink(store, city), 0, 0
            with (
                closing(open_journal(settings)) as journal,
                closing(open_cursors(settings.paths.data_dir)) as cursors,
                closing(open_shelves(settings)) as shelves,
                open_proposals(settings) as proposals,
                open_board_rows(settings) as board_rows,
                open_indicators(settings) as programme,
            ):
                while entries := journal.changes_after(sequence, _CHANGES_PER_WRITE):
                    await sink.deliver(entries)
                    sequence, changes = entries[-1].sequence, changes + len(entries)
                shelving = Shelving(
                    shelves, journal, system_clock.now_ms, call_within_ms=settings.alerts.call_within_ms
                )
                feed = BoardFeed(
                    store, journal, city, _no_status, _FromTheStart(cursors), proposals.proposals, shelving
                )
                await feed.write_alerts()
                await feed.write_places(system_clock.now_ms())
                await feed.write_sites()
                await EmptyingFeed(store, city, emptyings_reader(settings), _FromTheStart(cursors)).write()
                city_feed = CityFeed(
                    store,
                    board_rows,
                    city,
                    lambda: rolling_report(settings, city, programme),
                    _FromTheStart(cursors),
                    system_clock.now_ms,
                )
                await city_feed.write_loads()
                await city_feed.write_manifests()
                await city_feed.write_indicators()
        return StoreRefilled(records, readings, changes)
    finally:
        await store.close()


def _no_status() -> IngestionStatus:
    raise NotImplementedError("a refill does not ask for the state of ingestion: past states are not kept")
