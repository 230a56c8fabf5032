"""The start and the end of a process: settings, logs, one holder per role, and signals."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from haulwatch.process import logs
from haulwatch.process.process_lock import acquire
from haulwatch.process.supervisor import die_with_supervisor
from haulwatch.settings.data_files import GATEWAY_ROLES
from haulwatch.settings.load import Settings, load_settings
from ingest.migration.home import refuse_another_log

_WITHOUT_LOG: Final = ("simulators", "broker", GATEWAY_ROLES)
"""Beginnings of the roles that have no raw log."""
_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def role(name: str, *, create: bool = False) -> Iterator[Settings]:
    """Check the settings, set up logs, and hold the role for the length of the block.

    `create`: the data directory, where it is not there. Raises SettingsError, NoData, AlreadyRunning, and
    MigrationUnfinished or LogElsewhere where the raw log was moved.
    """
    settings = load_settings()
    logs.configure(settings.log.level, settings.log.format, process=name)
    die_with_supervisor()
    with acquire(settings.paths.data_dir, name, create=create):
        if not name.startswith(_WITHOUT_LOG):
            kafka = settings.kafka
            refuse_another_log(settings.paths.data_dir, None if kafka.url is None else f"{kafka.prefix}.raw")
        yield settings


def stop_event_for_threads() -> threading.Event:
    """An event that SIGINT and SIGTERM set, for a process without an event loop."""
    stop = threading.Event()
    for number in _STOP_SIGNALS:
        signal.signal(number, lambda *_: stop.set())
    return stop


def stop_event() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set, for the running event loop."""
    stop = asyncio.Event()
    for number in _STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
