"""The condition of the other processes, from the files they write."""

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from api.ports import Disk, Lag
from devices.db.database import DatabaseError
from haulwatch.process import system_clock
from haulwatch.settings.data_files import (
    alert_outbox_path,
    collector_status_path,
    gateway_status_paths,
    heartbeat_path,
    judge_state_path,
    over_limit_paths,
    publisher_cursors_path,
)
from haulwatch.settings.load import Settings
from ingest.alerts.cursors import read_calls, read_refused
from ingest.alerts.outbox import read_waiting
from ingest.alerts.rate import DAY_MS, AlertRate, Call, alert_rate
from ingest.alerts.shared_cursors import SharedCursors
from ingest.collector.collector import CollectorStatus
from ingest.collector.collector import read_status as read_collector_status
from ingest.gateways.status import GatewayFigures, read_gateway_status
from ingest.judge.not_judged import read_not_judged
from ingest.ledger.rejections import read_rejections
from ingest.ledger.report import RecorderStatus
from ingest.ledger.report import read_status as read_recorder_status
from ingest.ledger.state.port import Tables
from ingest.log.errors import RawLogCorrupt
from ingest.log.ports import LogReader
from ingest.log.raw_log import Removed
from ingest.log.records import CONSUMERS, JUDGE
from ingest.process.heartbeat import Beat, last_beat
from ingest.process.over_limit import read_over_limit
from rules.engine.not_judged import NotJudged

SILENT_MS: Final = 15_000
"""Each process writes its status every second; a status older than this means that it is dead, or hangs."""
_MISSED_MS: Final = 3_600_000


class LogFigures(LogReader, Protocol):
    """The part of a raw log that says how large it is and how far its readers are."""

    def committed(self) -> Mapping[str, int]: ...
    def size_bytes(self) -> int: ...
    def removed(self) -> Removed: ...
    def close(self) -> None: ...


class PathStatus:
    """Reads the files at each call. Any thread may call it."""

    def __init__(
        self,
        settings: Settings,
        open_raw_log: Callable[[], LogFigures],
        recorder_tables: Callable[[], Path | Tables],
        disk_reserve_bytes: Callable[[], int],
        shared_cursors: SharedCursors | None = None,
    ) -> None:
        """`recorder_tables`: where recorders keep what they have done. `disk_reserve_bytes` may raise OSError.
        `shared_cursors`: what publishers keep that run on any machine.
        """
        self._settings = settings
        self._open_raw_log = open_raw_log
        self._recorder_tables = recorder_tables
        self._disk_reserve_bytes = disk_reserve_bytes
        self._shared_cursors = shared_cursors

    def collectors(self) -> list[CollectorStatus]:
        """The status of each collector that runs; several where they share the broker's messages."""
        statuses = (read_collector_status(path) for path in self._collector_files())
        return [status for status in statuses if status is not None and _is_recent(status.at)]

    def collectors_missed(self) -> int:
        """The number of sharing collectors that fell silent within the hour."""
        beats = (last_beat(path) for path in self._collector_files())
        return sum(beat is not None and SILENT_MS < system_clock.now_ms() - beat.at < _MISSED_MS for beat in beats)

    def collector_status(self) -> CollectorStatus | None:
        """The status of all collectors together: counts are summed up. None while none runs."""
        running = self.collectors()
        if len(running) < 2:
            return running[0] if running else None
        return replace(
            running[0],
            connected=any(status.connected for status in running),
            received=sum(status.received for status in running),
            reconnects=sum(status.reconnects for status in running),
            disk_full=any(status.disk_full for status in running),
            flooded=sum(status.flooded for status in running),
        )

    def gateways(self) -> dict[str, GatewayFigures | None]:
        """By name; None: it does not run, and nobody stopped it."""
        found = {name: read_gateway_status(path) for name, path in gateway_status_paths(self._settings).items()}
        return {
            name: status.figures if status is not None and _is_recent(status.at) else None
            for name, status in found.items()
        }

    def recorder_status(self) -> RecorderStatus:
        """Raises StateUnavailable, RawLogError."""
        with closing(self._open_raw_log()) as log:
            return read_recorder_status(self._recorder_tables(), log)

    def alive(self) -> dict[str, bool]:
        """True for each process of the path with a recent heartbeat."""
        consumers = {name: self._recent_beat(name) is not None for name in CONSUMERS}
        return {"collector": bool(self.collectors())} | consumers

    def rule_failures(self) -> tuple[Mapping[str, int], int | None]:
        """Readings on which a rule raised, by its name, and when the judge saw the last of them (ms), if it did."""
        beat = last_beat(heartbeat_path(self._settings, JUDGE))
        return ({}, None) if beat is None else (beat.failures, beat.failed_at)

    def verdicts_damaged(self) -> int:
        """Records with verdicts that the judge on this machine passed because they are damaged, since it started."""
        beat = last_beat(heartbeat_path(self._settings, JUDGE))
        return 0 if beat is None else beat.damaged

    def over_limit(self) -> dict[str, dict[str, int]]:
        """Devices that were beyond a limit within the last hour, and how much was beyond each."""
        return read_over_limit(over_limit_paths(self._settings), system_clock.now_ms())

    def not_judged(self) -> Mapping[str, int]:
        """Readings that were not judged, by reason, but for those that wait until a clock is known."""
        total: Counter[str] = Counter()
        for by_reason in read_not_judged(judge_state_path(self._settings)).values():
            total.update(by_reason)
        del total[NotJudged.CLOCK_UNKNOWN]
        return total

    def alerts_waiting(self) -> tuple[int, int | None]:
        """Number of alert changes that wait for the database, and when the oldest was judged, ms."""
        return read_waiting(alert_outbox_path(self._settings))

    def alerts_refused(self) -> tuple[int, int | None]:
        """Number of alert changes that the broker refuses, and since when, ms; none while it cannot be read."""
        if self._shared_cursors is None:
            return read_refused(publisher_cursors_path(self._settings))
        try:
            return self._shared_cursors.refusals()
        except DatabaseError:
            return 0, None

    def alert_rate(self) -> AlertRate | None:
        """How often alerts called people; None while the judge, which publishes them, does not run.

        Of shared judges: on whatever machine they run.
        """
        now = system_clock.now_ms()
        calls = self._calls(now - DAY_MS)
        return None if calls is None else alert_rate(calls, now, self._settings.alerts.operators)

    def store_rejections(self) -> Mapping[str, int]:
        """Readings that the store rejected and that wait in quarantine, by kind."""
        return read_rejections(self._recorder_tables())

    def lag(self) -> Mapping[str, Lag]:
        """The lag of each consumer. Raises RawLogError.

        While a consumer runs, its heartbeat has the current offset, since the judge commits rarely.
        """
        beats = {name: self._recent_beat(name) for name in CONSUMERS}
        with closing(self._open_raw_log()) as log:
            last, committed = log.last_offset(), log.committed()
            return {
                name: _lag(log, last, max(committed.get(name, 0), beat.offset if beat is not None else 0))
                for name, beat in beats.items()
            }

    def disk(self) -> Disk:
        """The raw log and the disk it is on. Raises RawLogError, OSError."""
        with closing(self._open_raw_log()) as log:
            size_bytes, removed = log.size_bytes(), log.removed()
        free_bytes = shutil.disk_usage(self._settings.paths.data_dir).free
        return Disk(free_bytes, self._disk_reserve_bytes(), size_bytes, removed)

    def _calls(self, since: int) -> list[Call] | None:
        if self._shared_cursors is None:
            is_published = self._recent_beat(JUDGE) is not None
            return read_calls(publisher_cursors_path(self._settings), since) if is_published else None
        try:
            return self._shared_cursors.calls(since)
        except DatabaseError:
            return None

    def _collector_files(self) -> list[Path]:
        alone = collector_status_path(self._settings)
        sharing = sorted(alone.parent.glob(collector_status_path(self._settings, "*").name))
        return [alone, *sharing] if self._settings.mqtt.share_group else [alone]

    def _recent_beat(self, name: str) -> Beat | None:
        beat = last_beat(heartbeat_path(self._settings, name))
        return beat if beat is not None and _is_recent(beat.at) else None


def _is_recent(instant: int) -> bool:
    """True for an instant that is neither old, nor left over from before the clock was set back."""
    return abs(system_clock.now_ms() - instant) <= SILENT_MS


def _lag(log: LogReader, last: int, read: int) -> Lag:
    if read >= last:
        return Lag(0, 0.0, read)
    with suppress(RawLogCorrupt):
        for record in log.read(read, 1):
            return Lag(last - read, max(0.0, (system_clock.now_ms() - record.message.received_at) / 1000), read)
    return Lag(last - read, None, read)
