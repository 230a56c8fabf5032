"""`haulwatch run`: the four processes of the path on one machine."""

import os
from typing import Final

from haulwatch.commands.shared import err, plainly
from haulwatch.process.lifetime import role
from haulwatch.process.supervisor import Child, Supervisor, until_stopped

PROCESSES: Final = ("collect", "record", "judge", "serve")
"""In the order they are started; stopped in the other."""


@plainly
def run() -> None:
    """Run collector, recorder, judge and API on this machine, and start again what dies."""
    with role("supervisor") as settings:
        children = [Child(name, [name]) for name in PROCESSES]
        keep = Supervisor(children, os.environ, settings.paths.data_dir / "logs")
        keep.start()
        err.print(
            f"running {', '.join(PROCESSES)}; logs in {settings.paths.data_dir / 'logs'}; Ctrl-C stops", markup=False
        )
        try:
            for _ in until_stopped():
                keep.tend()
        finally:
            keep.stop()
