"""Processes of Haulwatch that begin with its modules loaded, which is most of the work of a start.

The first use starts a loader, one for each process that tests: `python -m tests.servers.loaded`. It imports what the
four processes import, and forks at each request. The fork has an environment, outputs, a umask and a process id of its
own, and runs `haulwatch.cli.main` from its beginning to the end of the interpreter. Real starts have tests of their
own.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from haulwatch.process.garbage import keep_objects
from tests import ROOT

CAN_LOAD: Final = sys.platform == "linux"
"""Elsewhere sockets keep no boundaries of messages, or libraries forbid a fork."""
_MODULES: Final = (
    "alembic.command", "haulwatch.__main__", "haulwatch.cli", "haulwatch.wiring.api", "haulwatch.wiring.collector",
    "haulwatch.wiring.judge", "haulwatch.wiring.recorder",
)  # fmt: skip
_MOST_BYTES: Final = 1 << 18
"""Of a request, above all its environment."""


class LoadedProcess:
    """A fork of the loader, with what tests ask of `subprocess.Popen`."""

    def __init__(self, arguments: Sequence[str], answers: IO[bytes]) -> None:
        self.args = tuple(arguments)
        self.returncode: int | None = None
        self._answers = answers
        pid = answers.readline()
        assert pid, "python -m tests.servers.loaded has ended: it writes its error to the output of the tests"
        self.pid = int(pid)

    def poll(self) -> int | None:
        return self._ended(0.0)

    def wait(self, timeout: float) -> int:
        """The exit code; raises subprocess.TimeoutExpired."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout_s: float) -> int | None:
        if self.returncode is None:
            waiting = select.poll()
            waiting.register(self._answers, select.POLLIN)
            if waiting.poll(timeout_s * 1_000):
                self.returncode = int(self._answers.readline() or -signal.SIGKILL)  # the loader kills what it leaves
                self._answers.close()
        return self.returncode


def start(arguments: Sequence[str], environment: Mapping[str, str], out: IO[bytes], errors: IO[bytes]) -> LoadedProcess:
    """Start `haulwatch` with these arguments. Returns when it has a process id."""
    os.umask(umask := os.umask(0))
    request = json.dumps(
        {"arguments": list(arguments), "environment": dict(environment), "folder": str(Path.cwd()), "umask": umask}
    )
    answers, answering = os.pipe()
    try:
        socket.send_fds(_loader(), [request.encode()], [out.fileno(), errors.fileno(), answering])
    finally:
        os.close(answering)
    return LoadedProcess(arguments, os.fdopen(answers, "rb", buffering=0))


@cache
def _loader() -> socket.socket:
    """The loader's socket. The loader ends, with all its forks, when this process closes it."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", "tests.servers.loaded", str(its.fileno())]
    loader = subprocess.Popen(command, pass_fds=[its.fileno()], stdin=subprocess.DEVNULL, cwd=ROOT)
    its.close()

    def end() -> None:
        ours.close()
        loader.wait()

    atexit.register(end)
    return ours


class _Request(NamedTuple):
    arguments: list[str]
    environment: dict[str, str]
    folder: str
    umask: int


def _forked_for(requests: socket.socket) -> _Request | None:
    """Answer requests. Returns in a fork, with its request, and in the loader when nobody asks any more: None."""
    woken, wakes = os.pipe()
    for end in (woken, wakes):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    running: dict[int, int] = {}
    waiting = select.poll()
    for readable in (requests.fileno(), woken):
        waiting.register(readable, select.POLLIN)
    while True:
        ready = [readable for readable, _ in waiting.poll()]
        if woken in ready:
            os.read(woken, 1 << 16)
            _report_the_ended(running)
        if requests.fileno() in ready:
            message, given, _, _ = socket.recv_fds(requests, _MOST_BYTES, 3)
            if not message:
                for pid in running:
                    os.kill(pid, signal.SIGKILL)
                return None
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.dup2(given[0], 1)
                os.dup2(given[1], 2)
                os.closerange(3, max(*given, wakes, requests.detach(), *running.values()) + 1)
                return _Request(**json.loads(message))
            running[pid] = given[2]
            os.write(given[2], f"{pid}\n".encode())
            os.close(given[0])
            os.close(given[1])


def _report_the_ended(running: dict[int, int]) -> None:
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            answering = running.pop(pid)
            with suppress(BrokenPipeError):
                os.write(answering, f"{os.waitstatus_to_exitcode(status)}\n".encode())
            os.close(answering)


def _main() -> None:
    modules: list[Any] = [import_module(name) for name in _MODULES]
    keep_objects()  # forks would look for cycles among all that is loaded, and so copy it
    request = _forked_for(socket.socket(fileno=int(sys.argv[1])))
    if request is None:
        return
    command = next(module for module in modules if module.__name__ == "haulwatch.__main__")
    os.environ.clear()
    os.environ.update(request.environment)
    os.chdir(request.folder)
    os.umask(request.umask)
    sys.argv = [str(command.__file__), *request.arguments]
    sys.modules["__main__"] = command  # after which help and processes of its own are named
    command.main()


if __name__ == "__main__":
    _main()
