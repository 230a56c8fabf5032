"""The raw log, as each process opens it."""

import shutil
from typing import TYPE_CHECKING, Final

from haulwatch.process import system_clock
from haulwatch.settings.data_files import raw_log_folder, revisions_path, tick_lock_path
from haulwatch.settings.load import Settings
from ingest.log.raw_log import RawLog
from ingest.log.records import CONSUMERS

if TYPE_CHECKING:
    from ingest.collector.shared_log import SharedLog
    from ingest.log.disk_guard import DiskFloor, GuardedLog
    from ingest.log.revision_writer import RevisionWriter

_MAX_RESERVE_BYTES: Final = 1 << 30
_RESERVED_PART: Final = 50
"""One fiftieth (2 %) of the disk, so that the reserve does not fill a small disk."""


def open_raw_log(settings: Settings) -> RawLog:
    """One handle on the raw log, for one thread at a time. The caller closes it."""
    return RawLog(raw_log_folder(settings), settings.limits.raw_log_segment_mib << 20)


def open_revision_writer(settings: Settings) -> "RevisionWriter":
    """Appends revisions of city and rules to the raw log. Raises RawLogError."""
    from ingest.log.revision_writer import RevisionWriter

    return RevisionWriter(open_raw_log(settings), revisions_path(settings), system_clock.now_ms)


def open_guarded_log(settings: Settings) -> "GuardedLog":
    """The raw log with a reserve of free disk space, as a collector writes it. Raises OSError."""
    from ingest.log.disk_guard import DiskPolicy, GuardedLog

    return GuardedLog(
        open_raw_log(settings),
        lambda: shutil.disk_usage(settings.paths.data_dir).free,
        disk_reserve_bytes(settings),
        DiskPolicy(settings.limits.disk_guard),
        CONSUMERS,
        system_clock.now_ms,
    )


def open_collector_log(settings: Settings) -> "GuardedLog | SharedLog":
    """The raw log of the only collector, or of one of several that share it. Raises OSError."""
    from ingest.collector.shared_log import SharedLog

    guarded = open_guarded_log(settings)
    if not settings.mqtt.share_group:
        return guarded
    return SharedLog(guarded, open_raw_log(settings).last_offset, tick_lock_path(settings))


def disk_reserve_bytes(settings: Settings) -> int:
    """Bytes that stay free on the raw log's disk. Raises OSError."""
    configured_mib = settings.limits.disk_reserve_mib
    if configured_mib is not None:
        return configured_mib << 20
    return min(_MAX_RESERVE_BYTES, shutil.disk_usage(settings.paths.data_dir).total // _RESERVED_PART)


def reserve_is_free(settings: Settings) -> bool:
    """Whether the raw log's disk has its reserve free; False also if the disk does not say."""
    try:
        return shutil.disk_usage(settings.paths.data_dir).free >= disk_reserve_bytes(settings)
    except OSError:
        return False


def open_disk_floor(settings: Settings) -> "DiskFloor":
    """What recorder and judge leave free on the disk of the data directory. Raises OSError."""
    from ingest.log.disk_guard import DiskFloor

    return DiskFloor(lambda: shutil.disk_usage(settings.paths.data_dir).free, disk_reserve_bytes(settings))
