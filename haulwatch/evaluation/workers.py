"""Worker processes of an evaluation. They end with the process that started them, however that ends."""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread

from haulwatch.process.garbage import look_seldom


def workers(processes: int) -> ProcessPoolExecutor:
    """A pool of so many processes, each of which starts with a fresh interpreter."""
    return ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_begin)


def _begin() -> None:
    look_seldom()
    Thread(target=_end_with_parent, name="end with the parent", daemon=True).start()


def _end_with_parent() -> None:
    """Without this, a killed evaluation leaves workers that judge the trials they have been given, and then wait."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
