"""How the other processes are, as far as their files tell."""

import shutil
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from api.ports import Disk, Lag
from haulwatch import wiring
from haulwatch.settings.load import Settings
from ingest.collector.collector import CollectorStatus
from ingest.collector.collector import read_status as read_collector_status
from ingest.ledger.report import RecorderStatus
from ingest.ledger.report import read_status as read_recorder_status
from ingest.log.raw_log import RawLog, RawLogCorrupt
from ingest.log.records import CONSUMERS
from ingest.process.heartbeat import Beat, last_beat

SILENT_MS: Final = 15_000
"""Each process speaks every second; one that is silent this long is not there, or hangs."""
_MISSED_MS: Final = 3_600_000


def collectors(settings: Settings) -> list[CollectorStatus]:
    """What each that runs says of itself; several where they share the broker's messages."""
    said = (read_collector_status(path) for path in _collector_files(settings))
    return [status for status in said if status is not None and _is_of_now(status.at)]


def collectors_missed(settings: Settings) -> int:
    """How many of those that share have fallen silent within the hour."""
    said = (last_beat(path) for path in _collector_files(settings))
    return sum(beat is not None and SILENT_MS < wiring.now_ms() - beat.at < _MISSED_MS for beat in said)


def _collector_files(settings: Settings) -> list[Path]:
    alone = wiring.collector_status_path(settings)
    sharing = sorted(alone.parent.glob(wiring.collector_status_path(settings, "*").name))
    return [alone, *sharing] if settings.mqtt.share_group else [alone]


def collector_status(settings: Settings) -> CollectorStatus | None:
    """What they say together: counts are summed up. None while none says anything."""
    running = collectors(settings)
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


def recorder_status(settings: Settings) -> RecorderStatus:
    """Raises StateUnavailable, RawLogError."""
    with closing(wiring.raw_log(settings)) as log:
        return read_recorder_status(wiring.recorder_state_path(settings), log)


def alive(settings: Settings) -> dict[str, bool]:
    """Whether each process of the path says that it turns."""
    return {"collector": bool(collectors(settings))} | {
        name: _beat_of_now(settings, name) is not None for name in CONSUMERS
    }


def lag(settings: Settings) -> Mapping[str, Lag]:
    """Of each consumer. How far it is it says itself while it lives: the judge commits seldom. Raises RawLogError."""
    beats = {name: _beat_of_now(settings, name) for name in CONSUMERS}
    with closing(wiring.raw_log(settings)) as log:
        last, read = log.last_offset(), log.committed()
        return {
            name: _behind_by(log, last, max(read.get(name, 0), beat.offset if beat is not None else 0))
            for name, beat in beats.items()
        }


def disk(settings: Settings) -> Disk:
    """The raw log and the disk it is on. Raises RawLogError, OSError."""
    with closing(wiring.raw_log(settings)) as log:
        size_bytes, removed = log.size_bytes(), log.removed()
    free_bytes = shutil.disk_usage(settings.paths.data_dir).free
    return Disk(free_bytes, wiring.disk_reserve_bytes(settings), size_bytes, removed)


def _beat_of_now(settings: Settings, name: str) -> Beat | None:
    beat = last_beat(wiring.heartbeat_path(settings, name))
    return beat if beat is not None and _is_of_now(beat.at) else None


def _is_of_now(instant: int) -> bool:
    """Neither from before nor left over from before the clock was set back."""
    return abs(wiring.now_ms() - instant) <= SILENT_MS


def _behind_by(log: RawLog, last: int, read: int) -> Lag:
    if read >= last:
        return Lag(0, 0.0, read)
    with suppress(RawLogCorrupt):
        for record in log.read(read, 1):
            return Lag(last - read, max(0.0, (wiring.now_ms() - record.message.received_at) / 1000), read)
    return Lag(last - read, None, read)
