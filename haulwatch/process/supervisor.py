"""Keeps the child processes of one machine running: restarts a dead one after a back-off, stops all in order."""

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

from haulwatch.process.log_rotation import rotate
from ingest.process.backoff import Backoff

log = logging.getLogger(__name__)

PATH_PROCESSES: Final = ("collect", "record", "judge", "serve")
"""The commands of the path, in the order in which they start; they stop in the reverse order."""
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
HEALTHY_AFTER_S: Final = 60.0
"""A child that ran this long starts with the first pause again when it dies."""
STOP_GRACE_S: Final = 20.0
"""Collector and recorder finish their batch in it; a child that runs longer is killed, which loses nothing."""

_TAIL_BYTES: Final = 20_000
_TROUBLE: Final = ("haulwatch: ", "ERROR", "WARNING", "Error: ")
"""Last words of a command, log lines in both formats, the end of a traceback."""

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
    backoff: Backoff = field(default_factory=lambda: Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S))
    restart_at: float | None = None
    """Monotonic time; None: no restart is due."""
    log_from: int = 0
    """Size of the log when this process started."""

    @property
    def state(self) -> str:
        if self.process is None:
            return "waiting" if self.restart_at is not None else "stopped"
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
        """Look at every child once: note dead ones, restart those whose pause is over, rotate large logs."""
        now = time.monotonic()
        for child in self.children:
            if child.process is not None and (code := child.process.poll()) is not None:
                self._schedule_restart(child, code, now)
            if child.restart_at is not None and now >= child.restart_at:
                child.restarts += 1
                self._start(child)
            rotate(self._log_path(child.name))

    def stop(self, *names: str, grace_s: float = STOP_GRACE_S) -> None:
        """Ask the named children, or all, to finish, the last started first; kill those that do not end in time."""
        for child in reversed(self._named(names)):
            child.restart_at = None
            process, child.process = child.process, None
            if process is None:
                continue
            process.terminate()
            try:
                process.wait(grace_s)
            except subprocess.TimeoutExpired:
                log.warning("supervisor: %s did not stop in %.0f s, killed; no data is lost", child.name, grace_s)
                process.kill()
                process.wait()

    def last_trouble(self, name: str) -> str:
        """The newest line of trouble that the child wrote since it started: its last words, a warning or an error."""
        child = next(child for child in self.children if child.name == name)
        try:
            with self._log_path(name).open("rb") as log_file:
                end = log_file.seek(0, os.SEEK_END)
                start = child.log_from if child.log_from <= end else 0  # the log was rotated
                log_file.seek(max(start, end - _TAIL_BYTES))
                lines = log_file.read().decode(errors="replace").splitlines()
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if any(word in line for word in _TROUBLE)), "")

    def log_tail(self, name: str, lines: int = 20) -> str:
        """The last lines that a child wrote, for a person who looks for the cause of its death."""
        path = self._log_path(name)
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""

    def _named(self, names: Sequence[str]) -> list[Child]:
        return [child for child in self.children if not names or child.name in names]

    def _start(self, child: Child) -> None:
        with self._open_log(child.name) as out:
            child.log_from = out.seek(0, os.SEEK_END)
            child.process = subprocess.Popen(  # noqa: S603 - our own command line
                [sys.executable, "-m", "haulwatch", *child.arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops the children in order
            )
        child.started_at = time.monotonic()
        child.restart_at = None

    def _schedule_restart(self, child: Child, code: int, now: float) -> None:
        if now - child.started_at >= HEALTHY_AFTER_S:
            child.backoff.reset()
        pause_s = child.backoff.next_pause_s()
        cause = self.last_trouble(child.name)
        message = "supervisor: %s ended with %s, restarted in %.1f s: %s(%s)"
        log.error(message, child.name, _exit_text(code), pause_s, cause and f"{cause} ", self._log_path(child.name))
        child.process = None
        child.restart_at = now + pause_s

    def _log_path(self, name: str) -> Path:
        return self._log_dir / f"{name}.log"

    def _open_log(self, name: str) -> IO[bytes]:
        return self._log_path(name).open("ab")


def die_with_supervisor() -> None:
    """In a supervised child: ask the kernel for SIGTERM when the supervisor is gone, however it ended (Linux)."""
    supervisor = os.environ.get(_SUPERVISED)
    if supervisor is None or not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(supervisor):  # it ended before we asked
        os.kill(os.getpid(), signal.SIGTERM)


def until_stopped(interval_s: float = 0.25) -> Iterator[None]:
    """Yield every `interval_s` until SIGINT or SIGTERM arrives."""
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


def _exit_text(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
