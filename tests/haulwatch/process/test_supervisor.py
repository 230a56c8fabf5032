"""The supervisor, with real child processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from haulwatch.process.process_lock import AlreadyRunning, acquire
from haulwatch.process.supervisor import FIRST_PAUSE_S, LONGEST_PAUSE_S, Child, Supervisor
from ingest.process.backoff import Backoff
from tests.waiting import PATIENCE_S, until


@pytest.fixture
def program(tmp_path: Path) -> dict[str, str]:
    """An environment in which `python -m haulwatch <code>` runs a few lines of the test's own."""
    package = tmp_path / "haulwatch"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("import sys; exec(sys.argv[1])")
    return {"PYTHONPATH": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONSAFEPATH": "1"}


def tend_until(check: Callable[[], bool], supervisor: Supervisor) -> None:
    def tended() -> bool:
        supervisor.tend()
        return check()

    until(tended)


def test_a_killed_child_is_started_again(tmp_path: Path, program: dict[str, str]) -> None:
    supervisor = Supervisor([Child("sleeper", ["import time; time.sleep(3_600)"])], program, tmp_path / "logs")
    supervisor.start()
    try:
        (child,) = supervisor.children
        assert child.process is not None
        first = child.process.pid
        os.kill(first, signal.SIGKILL)
        tend_until(lambda: child.process is not None and child.process.pid != first, supervisor)
        assert (child.state, child.restarts) == ("running", 1)
    finally:
        supervisor.stop()


def test_a_child_that_keeps_dying_waits_longer_each_time(
    tmp_path: Path, program: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    longest = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S, dice=lambda: 1.0)
    broken = Child("broken", ["raise SystemExit('no disk')"], backoff=longest)
    supervisor = Supervisor([broken], program, tmp_path / "logs")
    supervisor.start()
    try:
        (child,) = supervisor.children
        tend_until(lambda: child.restarts == 2, supervisor)
        first, second = (FIRST_PAUSE_S, 2 * FIRST_PAUSE_S)
        assert f"restarted in {first:.1f} s" in caplog.messages[0]
        assert f"restarted in {second:.1f} s" in caplog.messages[1]
        assert longest.next_pause_s() >= 4 * FIRST_PAUSE_S
        tend_until(lambda: supervisor.log_tail("broken").count("no disk") >= 2, supervisor)
    finally:
        supervisor.stop()
    assert child.state == "stopped"


def test_stop_lets_a_child_finish_and_kills_one_that_will_not(tmp_path: Path, program: dict[str, str]) -> None:
    finishes = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('drained'), sys.exit(0)))\n"
        "print('up', flush=True); time.sleep(3_600)"
    )
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(3_600)"
    )
    supervisor = Supervisor([Child("finishes", [finishes]), Child("deaf", [deaf])], program, tmp_path / "logs")
    supervisor.start()
    processes = [child.process for child in supervisor.children]
    try:
        tend_until(lambda: all("up" in supervisor.log_tail(child.name) for child in supervisor.children), supervisor)
    finally:
        supervisor.stop("deaf", grace_s=0.2)
        supervisor.stop("finishes", grace_s=PATIENCE_S)
    assert "drained" in supervisor.log_tail("finishes")
    assert [process.returncode for process in processes if process] == [0, -signal.SIGKILL]


def test_children_go_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    """A supervised child asks the kernel for a signal; here the supervisor is a process of its own, and is killed."""
    code = (
        "import os, subprocess, sys\n"
        "child = 'from haulwatch.process.supervisor import die_with_supervisor; import time; die_with_supervisor();"
        'print("up", flush=True); time.sleep(3_600)\'\n'
        "env = {**os.environ, 'SUPERVISED_BY_HAULWATCH': str(os.getpid())}\n"
        "p = subprocess.Popen([sys.executable, '-c', child], env=env, stdout=subprocess.PIPE)\n"
        "p.stdout.readline(); print(p.pid, flush=True); os.kill(os.getpid(), 9)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, timeout=PATIENCE_S, check=False)
    pid = int(run.stdout)

    def gone() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
        except FileNotFoundError:
            return True

    until(gone, "the child is gone")


def test_a_role_is_held_by_one_process(tmp_path: Path) -> None:
    with acquire(tmp_path, "recorder"):
        with (
            pytest.raises(AlreadyRunning, match=rf"another recorder \(process {os.getpid()}\)"),
            acquire(tmp_path, "recorder"),
        ):
            pass
        with acquire(tmp_path, "judge"):
            pass
    with acquire(tmp_path, "recorder"):
        pass


def test_the_last_words_of_a_child_are_in_the_log_line(
    tmp_path: Path, program: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """Those of this run, not of an earlier one in the same log."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "judge.log").write_text("haulwatch: an old trouble\n")
    lines = (
        "import sys; print('haulwatch: no city was imported yet', file=sys.stderr); print('bye'); raise SystemExit(2)"
    )
    supervisor = Supervisor([Child("judge", [lines])], program, tmp_path / "logs")
    assert supervisor.last_trouble("judge") == "haulwatch: an old trouble"
    supervisor.start()
    try:
        (child,) = supervisor.children
        tend_until(lambda: child.restarts > 0, supervisor)
        assert "judge ended with exit code 2" in caplog.text
        assert "haulwatch: no city was imported yet (" in caplog.text
        assert "an old trouble" not in caplog.text
    finally:
        supervisor.stop()


def test_a_quiet_child_has_no_trouble(tmp_path: Path, program: dict[str, str]) -> None:
    supervisor = Supervisor([Child("quiet", ["print('INFO all is well')"])], program, tmp_path / "logs")
    assert supervisor.last_trouble("quiet") == ""
