"""Keeps the child processes of one machine running: restarts a dead one with back-off, stops all in order."""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

log = logging.getLogger(__name__)

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
HEALTHY_AFTER_S: Final = 60.0
"""A child that lived this long starts its back-off anew when it dies."""
STOP_GRACE_S: Final = 20.0
"""Collector and recorder finish their batch in it; a child still there afterwards is killed, which loses nothing."""

_SUPERVISED: Final = "SUPERVISED_BY_HAULWATCH"
_PR_SET_PDEATHSIG: Final = 1


@dataclass
class Child:
    """One process: `haulwatch <arguments>`, its output in `<log_dir>/<name>.log`."""

    name: str
    arguments: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    started_at: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    start_again_at: float | None = field(default=None)

    @property
    def state(self) -> str:
        if self.process is None:
            return "waiting" if self.start_again_at is not None else "stopped"
        return "running" if self.process.poll() is None else "dead"


class Supervisor:
    """Owns its children. Not thread-safe: one loop calls `tend()` a few times a second."""

    def __init__(self, children: Sequence[Child], environment: Mapping[str, str], log_dir: Path) -> None:
        self.children = list(children)
        self._environment = {**environment, _SUPERVISED: str(os.getpid())}
        self._log_dir = log_dir
        log_dir.mkdir(parents=True, exist_ok=True)

    def start(self, *names: str) -> None:
        """Start the named children, or all, in the order they were given."""
        for child in self._named(names):
            self._start(child)

    def tend(self) -> None:
        """Look after every child once: notice the dead, start again those whose pause is over."""
        now = time.monotonic()
        for child in self.children:
            if child.process is not None and (code := child.process.poll()) is not None:
                self._bury(child, code, now)
            if child.start_again_at is not None and now >= child.start_again_at:
                child.restarts += 1
                self._start(child)

    def stop(self, *names: str, grace_s: float = STOP_GRACE_S) -> None:
        """Ask the named children, or all, to finish, last started first; kill what has not ended in time."""
        for child in reversed(self._named(names)):
            child.start_again_at = None
            process, child.process = child.process, None
            if process is None:
                continue
            process.terminate()
            try:
                process.wait(grace_s)
            except subprocess.TimeoutExpired:
                log.warning("%s did not stop in %.0f s: killed", child.name, grace_s)
                process.kill()
                process.wait()

    def log_tail(self, name: str, lines: int = 20) -> str:
        """The last lines a child wrote, for a person who must find out why it died."""
        path = self._log_path(name)
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""

    def _named(self, names: Sequence[str]) -> list[Child]:
        return [child for child in self.children if not names or child.name in names]

    def _start(self, child: Child) -> None:
        with self._open_log(child.name) as out:
            child.process = subprocess.Popen(  # noqa: S603 - our own command line
                [sys.executable, "-m", "haulwatch", *child.arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops the children in order
            )
        child.started_at = time.monotonic()
        child.start_again_at = None

    def _bury(self, child: Child, code: int, now: float) -> None:
        if now - child.started_at >= HEALTHY_AFTER_S:
            child.pause_s = FIRST_PAUSE_S
        log.error("%s ended with %s: started again in %.1f s", child.name, _said(code), child.pause_s)
        child.process = None
        child.start_again_at = now + child.pause_s
        child.pause_s = min(child.pause_s * 2, LONGEST_PAUSE_S)

    def _log_path(self, name: str) -> Path:
        return self._log_dir / f"{name}.log"

    def _open_log(self, name: str) -> IO[bytes]:
        return self._log_path(name).open("ab")


def die_with_supervisor() -> None:
    """In a supervised child: be told to stop when the supervisor is gone, however it went (Linux)."""
    supervisor = os.environ.get(_SUPERVISED)
    if supervisor is None or not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(supervisor):  # it went before we asked
        os.kill(os.getpid(), signal.SIGTERM)


def until_stopped(interval_s: float = 0.25) -> Iterator[None]:
    """Yield a few times a second until SIGINT or SIGTERM arrives."""
    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        while not stopped:
            yield
            time.sleep(interval_s)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _said(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
