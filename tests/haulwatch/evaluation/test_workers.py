"""Workers of an evaluation that is killed end too."""

import subprocess
import sys
from pathlib import Path

from tests import ROOT
from tests.waiting import until

PARENT = """
import os, time
from haulwatch.evaluation.workers import workers

if __name__ == "__main__":
    with workers(1) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 600).result()
"""


def test_a_worker_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT, encoding="utf-8")
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(ROOT)}) as parent:
        assert parent.stdout is not None
        worker = Path("/proc", parent.stdout.readline().strip())
        assert worker.name
        assert worker.exists()
        parent.kill()
        until(lambda: not worker.exists(), "the worker ends")
