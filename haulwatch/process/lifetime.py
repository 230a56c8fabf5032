"""From the process's start to its end: logs, one holder per role, and being told to stop."""

import asyncio
import gc
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from haulwatch.process import logs
from haulwatch.process.process_lock import acquire
from haulwatch.process.supervisor import die_with_supervisor
from haulwatch.settings.load import Settings, load_settings

_TOLD = (signal.SIGINT, signal.SIGTERM)
YOUNG_OBJECTS: Final = 50_000
"""A batch makes some ten thousand objects and no cycles; looking for cycles every 700 took a fifth of the recorder."""


@contextmanager
def role(name: str) -> Iterator[Settings]:
    """Settings checked, logs set up, and the role held for the length of the block.

    Raises SettingsError, AlreadyRunning.
    """
    settings = load_settings()
    logs.configure(settings.log.level, settings.log.format, process=name)
    die_with_supervisor()
    gc.set_threshold(YOUNG_OBJECTS)
    with acquire(settings.paths.data_dir, name):
        yield settings


def told_to_stop_thread() -> threading.Event:
    """An event that SIGINT and SIGTERM set, for a process without an event loop."""
    stop = threading.Event()
    for number in _TOLD:
        signal.signal(number, lambda *_: stop.set())
    return stop


def told_to_stop() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set, for the running event loop."""
    stop = asyncio.Event()
    for number in _TOLD:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
