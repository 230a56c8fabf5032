"""Processes of their own for parts that are measured."""

import gc
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import IO

START_METHOD = "spawn"
"""Of `fresh_process`: its memory is then used by nothing before."""


def fresh_process() -> ProcessPoolExecutor:
    """One process, which looks for cycles of objects as seldom as this one."""
    return ProcessPoolExecutor(1, get_context(START_METHOD), gc.set_threshold, gc.get_threshold())


def start_api(environment: Mapping[str, str], out: IO[bytes]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "haulwatch", "serve"], env=environment, stdout=out, stderr=out)
